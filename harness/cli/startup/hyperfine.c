/* SPDX-License-Identifier: MIT */
/* A start as hyperfine times it: `tare exec` from its first process to its last. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/play.h"
#include "base/text.h"
#include "cli/places.h"
#include "cli/startup/launch.h"
#include "machine/vm/image_run.h"

#define NS_PER_S_D 1e9
#define US_PER_S_D 1e6
#define TIMEOUT_MS (180 * 1000)
#define EXPORT_MAX 65536

static int run(const struct places *places, const char *const *argv, char *ret, size_t size,
	       struct tare_err *err)
{
	const struct image_run run = {.package = "hyperfine",
				      .argv = argv,
				      .timeout_ms = TIMEOUT_MS,
				      .journal = places->journal};

	return image_run(&run, ret, size, err);
}

int launch_hyperfine_version(const struct places *places, char *ret, size_t size,
			     struct tare_err *err)
{
	static const char *const argv[] = {"hyperfine", "--version", NULL};
	int r = run(places, argv, ret, size, err);

	if (r == 0)
		ret[strcspn(ret, "\n")] = '\0';
	return r;
}

/* In single quotes, as hyperfine's own splitting of words takes them. */
static char *quote(const char *word)
{
	char *quoted = malloc(4 * strlen(word) + 3), *at = quoted;

	if (!quoted)
		return NULL;
	*at++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			at = stpcpy(at, "'\\''");
		else
			*at++ = *word;
	}
	*at++ = '\'';
	*at = '\0';
	return quoted;
}

char *launch_command(const char *tare, const struct env_choice *env, const char *libexec_dir)
{
	cleanup_free char *text = env_choice_text(env);
	cleanup_free char *program = quote(tare);
	cleanup_free char *where = text ? quote(text) : NULL;
	cleanup_free char *plain = text_format("PATH=" LAUNCH_PATH "%s", libexec_dir);
	cleanup_free char *path = plain ? quote(plain) : NULL;

	if (!program || !where || !path)
		return NULL;
	return text_format("%s exec -e %s --env %s -- tare-load " PLAY_FIRST, program, where, path);
}

static double first_of(const json_t *list)
{
	const json_t *first = json_array_get(list, 0);

	return json_is_number(first) ? json_number_value(first) : NAN;
}

int launch_read_export(const char *text, struct launch_times *ret, struct tare_err *err)
{
	cleanup_json json_t *all = json_loads(text, 0, NULL);
	const json_t *result = json_array_get(json_object_get(all, "results"), 0);
	struct launch_times times = {
		.wall_ns = first_of(json_object_get(result, "times")) * NS_PER_S_D,
		.user_us = json_double_or(result, "user", NAN) * US_PER_S_D,
		.system_us = json_double_or(result, "system", NAN) * US_PER_S_D};

	if (!(times.wall_ns > 0) || !(times.user_us >= 0) || !(times.system_us >= 0) ||
	    !isfinite(times.wall_ns + times.user_us + times.system_us))
		return err_set(err, EBADMSG, "hyperfine exports no times that could be read");
	*ret = times;
	return 0;
}

/* Once, without a shell in between: which environment is next is ours to say. Nothing else is on
 * its stdout. */
int launch_by_hyperfine(const struct places *places, const char *command, struct launch_times *ret,
			struct tare_err *err)
{
	const char *const argv[] = {"hyperfine", "-N", "--style",       "none",
				    "--runs",    "1",  "--export-json", "/dev/stdout",
				    command,     NULL};
	cleanup_free char *text = malloc(EXPORT_MAX);
	int r;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = run(places, argv, text, EXPORT_MAX, err);
	if (r < 0)
		return err_wrap(err, r, "%.100s", command);
	return launch_read_export(text, ret, err);
}
