/* SPDX-License-Identifier: MIT */
#include "agent/exec_stdio.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static int make_pipe(int *ours, int *theirs, int our_end, struct tare_err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "exec: pipe");
	*ours = ends[our_end];
	*theirs = ends[!our_end];
	return 0;
}

static int open_pipes(struct exec_stdio *stdio, int theirs[3], struct tare_err *err)
{
	int r;

	if ((r = make_pipe(&stdio->in, &theirs[0], 1, err)) < 0 ||
	    (r = make_pipe(&stdio->out, &theirs[1], 0, err)) < 0)
		return r;
	return make_pipe(&stdio->err, &theirs[2], 0, err);
}

static int open_terminal(struct exec_stdio *stdio, const struct stdio_window *window, int theirs[3],
			 struct tare_err *err)
{
	char name[64];

	stdio->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (stdio->out < 0 || unlockpt(stdio->out) < 0 ||
	    ptsname_r(stdio->out, name, sizeof(name)) != 0)
		return err_errno(err, "exec: make a terminal");
	stdio->in = fcntl(stdio->out, F_DUPFD_CLOEXEC, 0);
	for (int i = 0; i < 3; i++) {
		theirs[i] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (theirs[i] < 0)
			return err_errno(err, "exec: open terminal '%s'", name);
	}
	stdio->terminal = true;
	exec_stdio_resize(stdio, window);
	return 0;
}

int exec_stdio_open(struct exec_stdio *ret, const struct stdio_window *window, int ret_theirs[3],
		    struct tare_err *err)
{
	int r;

	*ret = (struct exec_stdio){.in = -1, .out = -1, .err = -1};
	for (int i = 0; i < 3; i++)
		ret_theirs[i] = -1;
	r = window ? open_terminal(ret, window, ret_theirs, err) : open_pipes(ret, ret_theirs, err);
	/* Of a terminal `in` and `out` are one open file: both are non-blocking then. */
	if (r == 0 && fcntl(ret->in, F_SETFL, O_NONBLOCK) < 0)
		r = err_errno(err, "exec: make stdin non-blocking");
	if (r < 0) {
		exec_stdio_close_theirs(ret_theirs);
		exec_stdio_close(ret);
	}
	return r;
}

void exec_stdio_close_theirs(int theirs[3])
{
	for (int i = 0; i < 3; i++) {
		if (theirs[i] >= 0)
			(void)close(take_fd(&theirs[i]));
	}
}

void exec_stdio_close(struct exec_stdio *stdio)
{
	int *fds[] = {&stdio->in, &stdio->out, &stdio->err};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] >= 0)
			(void)close(take_fd(fds[i]));
	}
}

void exec_stdio_resize(const struct exec_stdio *stdio, const struct stdio_window *window)
{
	const struct winsize size = {.ws_row = window->rows, .ws_col = window->cols};

	if (stdio->terminal && stdio->out >= 0)
		(void)ioctl(stdio->out, TIOCSWINSZ, &size);
}
