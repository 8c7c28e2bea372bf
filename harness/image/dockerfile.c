/* SPDX-License-Identifier: MIT */
#include "image/dockerfile.h"

#include <stdint.h>
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

static int run(struct journal *journal, const char *program, const char *const *arguments,
	       struct tare_err *err)
{
	char *argv[ARGUMENTS] = {TEXT(program)};
	struct program_process process = {.pidfd = -1};
	const struct program buildah = {
		.argv = argv,
		.envp = environ,
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
	int r;

	if (!root || !state || !layout)
		return err_set(err, ENOMEM, "out of memory");
	const char *const bud[] = {
		"--root",     root,   "--runroot",   state,    "--storage-driver",
		"vfs",        "bud",  "--isolation", "chroot", "--tag",
		"tare-built", folder, NULL};
	const char *const push[] = {"--root", root,   "--runroot",  state,  "--storage-driver",
				    "vfs",    "push", "tare-built", layout, NULL};

	r = run(config->journal, program, bud, err);
	if (r == 0)
		r = run(config->journal, program, push, err);
	built.source = layout;
	return r == 0 ? import_image(&built, ret_about, err) : r;
}

int dockerfile_build(const struct import_config *config, const char *folder, json_t **ret_about,
		     struct tare_err *err)
{
	cleanup_free char *work =
		text_format("%s/tare-%s-build", config->cache_dir, journal_name(config->journal));
	char program[256];
	int r = program_find("buildah", "buildah", program, sizeof(program), err);

	if (r < 0)
		return r;
	if (access(folder, R_OK | X_OK) < 0)
		return err_errno(err, "open folder '%s'", folder);
	if (!work)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_make_dirs(config->cache_dir, err);
	if (r == 0)
		r = journal_note(config->journal, JOURNAL_PATH, work, err);
	if (r == 0 && mkdir(work, 0700) < 0)
		r = err_errno(err, "make folder '%s'", work);
	if (r == 0)
		r = build_in(config, program, folder, work, ret_about, err);
	(void)fd_remove_tree(work, NULL); /* else the journal's end does it */
	return r;
}
