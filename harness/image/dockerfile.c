/* SPDX-License-Identifier: MIT */
#include "image/dockerfile.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/journal.h"
#include "kernel/program.h"

#define BUILD_MS  (3600 * 1000)
#define ARGUMENTS 24

#define TEXT(s) (char *)(uintptr_t)(s) /* NOLINT(performance-no-int-to-ptr): it changes nothing */

/* Where it keeps notes of its own, which root's else leaves in /var/lib/containers and /var/tmp: as
 * somebody else's, which is all that the last variable makes of us, they go where these say. */
#define ELSEWHERE 4

struct elsewhere {
	char *variables[ELSEWHERE + 1];
	char **envp; /* those, and ours */
};

static void elsewhere_clear(struct elsewhere *e)
{
	for (size_t i = 0; i < ELSEWHERE; i++)
		free(e->variables[i]);
	free(e->envp);
}

static bool is_elsewhere(const struct elsewhere *e, const char *variable)
{
	size_t n = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < ELSEWHERE; i++)
		if (strncmp(e->variables[i], variable, n) == 0)
			return true;
	return false;
}

static int elsewhere_make(const char *work, struct elsewhere *ret, struct tare_err *err)
{
	size_t n = 0, used = 0;

	*ret = (struct elsewhere){.variables = {text_format("XDG_DATA_HOME=%s", work),
						text_format("XDG_RUNTIME_DIR=%s", work),
						text_format("TMPDIR=%s", work),
						strdup("_CONTAINERS_ROOTLESS_UID=1")}};
	while (environ[n])
		n++;
	ret->envp = calloc(n + ELSEWHERE + 1, sizeof(*ret->envp));
	for (; used < ELSEWHERE && ret->envp && ret->variables[used]; used++)
		ret->envp[used] = ret->variables[used];
	if (used < ELSEWHERE)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (!is_elsewhere(ret, environ[i]))
			ret->envp[used++] = environ[i];
	return 0;
}

static int run(struct journal *journal, const char *program, char *const *envp,
	       const char *const *arguments, struct tare_err *err)
{
	char *argv[ARGUMENTS] = {TEXT(program)};
	struct program_process process = {.pidfd = -1};
	const struct program buildah = {
		.argv = argv,
		.envp = envp,
		/* Its words are for the user; stdout is for our result. */
		.fds = {-1, STDERR_FILENO, STDERR_FILENO},
		.n_fds = 3,
		.journal = journal,
		.name = "buildah",
	};
	int status = 0, r;

	for (size_t i = 0; arguments[i] && i + 2 < ARGUMENTS; i++)
		argv[i + 1] = TEXT(arguments[i]);
	r = program_start(&buildah, &process, err);
	if (r == 0)
		r = program_wait(&process, BUILD_MS, &status, err);
	if (r < 0) {
		(void)program_kill(&process, BUILD_MS, NULL);
		return r;
	}
	return status ? err_set(err, EIO, "buildah failed: what it says is above") : 0;
}

/* A storage of its own, so that the user's images are left alone. */
static int build_in(const struct import_config *config, const char *program, const char *folder,
		    const char *work, json_t **ret_about, struct tare_err *err)
{
	cleanup_free char *root = text_format("%s/root", work);
	cleanup_free char *state = text_format("%s/run", work);
	cleanup_free char *layout = text_format("oci:%s/oci:built", work);
	struct import_config built = *config;
	struct elsewhere elsewhere;
	int r;

	if (!root || !state || !layout)
		return err_set(err, ENOMEM, "out of memory");
	const char *const bud[] = {
		"--root",     root,   "--runroot",   state,    "--storage-driver",
		"vfs",        "bud",  "--isolation", "chroot", "--tag",
		"tare-built", folder, NULL};
	const char *const push[] = {"--root", root,   "--runroot",  state,  "--storage-driver",
				    "vfs",    "push", "tare-built", layout, NULL};

	r = elsewhere_make(work, &elsewhere, err);
	if (r == 0)
		r = run(config->journal, program, elsewhere.envp, bud, err);
	if (r == 0)
		r = run(config->journal, program, elsewhere.envp, push, err);
	elsewhere_clear(&elsewhere);
	built.source = layout;
	built.named_after = folder;
	return r == 0 ? import_image(&built, ret_about, err) : r;
}

int dockerfile_build(const struct import_config *config, const char *folder, json_t **ret_about,
		     struct tare_err *err)
{
	cleanup_free char *work =
		text_format("%s/tare-%s-build", config->cache_dir, journal_name(config->journal));
	char program[256], whole[PATH_MAX];
	int r = program_find("buildah", "buildah", program, sizeof(program), err);

	if (r < 0)
		return r;
	if (!realpath(folder, whole) || access(whole, R_OK | X_OK) < 0)
		return err_errno(err, "open folder '%s'", folder);
	if (!work)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_make_dirs(config->cache_dir, err);
	if (r == 0)
		r = journal_note(config->journal, JOURNAL_PATH, work, err);
	if (r == 0 && mkdir(work, 0700) < 0)
		r = err_errno(err, "make folder '%s'", work);
	if (r == 0)
		r = build_in(config, program, whole, work, ret_about, err);
	(void)fd_remove_tree(work, NULL); /* else the journal's end does it */
	return r;
}
