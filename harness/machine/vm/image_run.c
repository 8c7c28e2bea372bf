/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kernel/program.h"

#define KILL_TIMEOUT_MS 5000
#define TAIL_SIZE       512

/* Ours (a proxy for apt may be in it), but in no language, since output is read. */
static char **make_environment(const struct image_run *run)
{
	size_t n = 0, used = 0;
	char **variables;

	while (environ[n])
		n++;
	variables = calloc(n + 3, sizeof(*variables));
	for (size_t i = 0; variables && i < n; i++)
		if (strncmp(environ[i], "LC_", 3) != 0 && strncmp(environ[i], "LANG", 4) != 0)
			variables[used++] = environ[i];
	if (variables) {
		static char no_language[] = "LC_ALL=C";

		variables[used++] = no_language;
		variables[used] = run->variable;
	}
	return variables;
}

static size_t read_output(int fd, char *buf, size_t size, off_t from)
{
	ssize_t n = pread(fd, buf, size - 1, from);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* The last line that is not empty. */
static const char *read_last_line(int fd, char buf[TAIL_SIZE])
{
	off_t end = lseek(fd, 0, SEEK_END);
	size_t n = read_output(fd, buf, TAIL_SIZE, end >= TAIL_SIZE ? end - TAIL_SIZE + 1 : 0);
	char *newline;

	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		buf[--n] = '\0';
	newline = strrchr(buf, '\n');
	return newline ? newline + 1 : buf;
}

static int judge(const char *name, int status, int words_fd, struct tare_err *err)
{
	char tail[TAIL_SIZE];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "%s was killed by signal %d", name, WTERMSIG(status));
	return err_set(err, EIO, "%s failed: %.200s", name, read_last_line(words_fd, tail));
}

int image_run(const struct image_run *run, char *ret_output, size_t size, struct tare_err *err)
{
	const char *name = run->argv[0];
	struct program_process process = {.pidfd = -1};
	char path[PATH_MAX];
	int status = 0;
	int r = program_find(name, run->package, path, sizeof(path), err);

	if (r < 0)
		return r;
	cleanup_close int out = memfd_create("tare-stdout", MFD_CLOEXEC);
	cleanup_close int words = memfd_create("tare-stderr", MFD_CLOEXEC);
	cleanup_free char **variables = make_environment(run);

	if (out < 0 || words < 0 || !variables)
		return err_errno(err, "make room for the output of %s", name);
	size_t n = 0;

	while (run->argv[n])
		n++;
	cleanup_free char **argv = calloc(n + 1, sizeof(*argv));
	if (!argv)
		return err_set(err, ENOMEM, "out of memory");
	memcpy(argv, run->argv, n * sizeof(*argv));
	argv[0] = path;
	struct program program = {
		.argv = argv,
		.envp = variables,
		.fds = {-1, out, words},
		.n_fds = 3,
		.cwd = run->cwd,
		.journal = run->journal,
		.name = name,
	};

	r = program_start(&program, &process, err);
	if (r < 0)
		return r;
	r = program_wait(&process, run->timeout_ms, &status, err);
	if (r < 0) {
		(void)program_kill(&process, KILL_TIMEOUT_MS, NULL);
		return err_wrap(err, r, "%s", name);
	}
	if (ret_output)
		(void)read_output(out, ret_output, size, 0);
	return judge(name, status, words, err);
}
