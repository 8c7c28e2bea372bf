/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "partner.h"

struct birth {
	const struct tool *tool;
	const char *const *argv;
	int in, out;
};

#define FNV_BASIS 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

/* Which file it is: in another environment it may be another one. */
static int read_file(struct tool *tool, struct tare_err *err)
{
	static unsigned char block[65536];
	cleanup_close int fd = open(tool->path, O_RDONLY | O_CLOEXEC);
	struct play_program *file = &tool->file;
	ssize_t n = 1;

	(void)snprintf(file->name, sizeof(file->name), "%s", tool->name);
	file->content = FNV_BASIS;
	while (fd >= 0 && n > 0) {
		n = read(fd, block, sizeof(block));
		for (ssize_t i = 0; i < n; i++)
			file->content = (file->content ^ block[i]) * FNV_PRIME;
		file->bytes += n > 0 ? (uint64_t)n : 0;
	}
	return fd < 0 || n < 0 ? err_errno(err, "read '%s'", tool->path) : 0;
}

int tool_find(struct tool *tool, const char *name, const char *package, struct tare_err *err)
{
	static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};

	*tool = (struct tool){.name = name, .to_fd = -1, .from_fd = -1};
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		(void)snprintf(tool->path, sizeof(tool->path), "%s/%s", folders[i], name);
		if (access(tool->path, X_OK) == 0)
			return read_file(tool, err);
	}
	return err_set(err, ENOTSUP,
		       "no program '%s' in this environment: install the package %s, or name an "
		       "image that has it: scripts/image-programs makes image=programs",
		       name, package);
}

/* The same surroundings everywhere, and none of what the player does with signals. */
static __attribute__((noreturn)) void become(void *state)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", locale[] = "LC_ALL=C";
	char *const envp[] = {path, locale, NULL};
	const struct birth *b = state;

	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(b->in, STDIN_FILENO) < 0 || dup2(b->out, STDOUT_FILENO) < 0 ||
	    dup2(b->out, STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	/* execve does not write to them: it is C's old promise that they are not const. */
	(void)execve(b->tool->path, (char *const *)(uintptr_t)b->argv, envp); /* NOLINT */
	(void)dprintf(STDERR_FILENO, "execute '%s': %m\n", b->tool->path);
	_exit(127);
}

/* A descriptor below 3 would be in the way of those that the program gets. */
static int open_pipe(int ends[2], struct tare_err *err)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	for (int i = 0; i < 2; i++) {
		int high = ends[i] > STDERR_FILENO ? ends[i] : fcntl(ends[i], F_DUPFD_CLOEXEC, 3);

		if (high < 0)
			return err_errno(err, "duplicate a descriptor");
		if (high != ends[i])
			(void)close(ends[i]);
		ends[i] = high;
	}
	return 0;
}

int tool_start(struct tool *tool, const char *const *argv, struct tare_err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	struct birth birth = {.tool = tool, .argv = argv};
	int r = open_pipe(in, err);

	if (r == 0)
		r = open_pipe(out, err);
	birth.in = in[0];
	birth.out = out[1];
	if (r == 0)
		r = partner_start(become, &birth, err);
	cleanup_closep(&in[0]);
	cleanup_closep(&out[1]);
	if (r < 0) {
		cleanup_closep(&in[1]);
		cleanup_closep(&out[0]);
		return r;
	}
	tool->pid = r;
	tool->to_fd = in[1];
	tool->from_fd = out[0];
	return 0;
}

/* The last line of what it said, as words of an error. */
static const char *last_line(char *said)
{
	char *end = said + strlen(said), *newline;

	while (end > said && end[-1] == '\n')
		*--end = '\0';
	newline = strrchr(said, '\n');
	return text_make_printable(newline ? newline + 1 : said);
}

/* What it still says until its end: the end of that, ended by a NUL. */
static int hear_out(const struct tool *tool, char *said, size_t size, struct tare_err *err)
{
	size_t used = 0;
	ssize_t n;

	do {
		if (used == size - 1) {
			memmove(said, said + used / 2, used - used / 2);
			used -= used / 2;
		}
		n = read(tool->from_fd, said + used, size - 1 - used);
		if (n < 0 && errno != EINTR)
			return err_errno(err, "read what '%s' says", tool->name);
		used += n > 0 ? (size_t)n : 0;
	} while (n != 0);
	said[used] = '\0';
	return 0;
}

static int has_ended(const struct tool *tool, struct tare_err *err)
{
	char said[512] = "";

	(void)hear_out(tool, said, sizeof(said), NULL);
	return err_set(err, EPIPE, "'%s' has ended: %s", tool->name,
		       *said ? last_line(said) : "without a word");
}

int tool_ask(const struct tool *tool, const char *line, char *answer, size_t size,
	     struct tare_err *err)
{
	size_t used = 0;

	if (fd_write_all(tool->to_fd, line, strlen(line), NULL) < 0)
		return has_ended(tool, err);
	while (used == 0 || answer[used - 1] != '\n') {
		ssize_t n;

		if (used == size - 1)
			return err_set(err, EBADMSG, "'%s' answers at too great length",
				       tool->name);
		n = read(tool->from_fd, answer + used, size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read what '%s' answers", tool->name);
		if (n == 0)
			return err_set(err, EPIPE, "'%s' has ended before it answered", tool->name);
		used += (size_t)n;
	}
	answer[used - 1] = '\0';
	return 0;
}

int tool_check(struct tool *tool, struct tare_err *err)
{
	int r;

	if (waitpid(tool->pid, NULL, WNOHANG) != tool->pid)
		return 0;
	r = has_ended(tool, err);
	tool->pid = 0;
	return r;
}

static void let_go(struct tool *tool)
{
	if (tool->to_fd > 0)
		(void)close(tool->to_fd);
	if (tool->from_fd > 0)
		(void)close(tool->from_fd);
	tool->to_fd = tool->from_fd = -1;
	tool->pid = 0;
}

void tool_end(struct tool *tool)
{
	partner_end(tool->pid);
	let_go(tool);
}

int tool_run(struct tool *tool, const char *const *argv, char *said, size_t size,
	     struct tare_err *err)
{
	int r = tool_start(tool, argv, err), status = 0;

	if (r < 0)
		return r;
	r = hear_out(tool, said, size, err);
	while (waitpid(tool->pid, &status, 0) < 0 && errno == EINTR)
		;
	let_go(tool);
	if (r < 0)
		return r;
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "'%s' was killed by signal %d", tool->name,
			       WTERMSIG(status));
	if (WEXITSTATUS(status))
		return err_set(err, EIO, "'%s' ended with status %d: %s", tool->name,
			       WEXITSTATUS(status), last_line(said));
	return 0;
}
