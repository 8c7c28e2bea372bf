/* SPDX-License-Identifier: MIT */
#include "agent/exec_stdio.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "trial/pty.h"

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

static int open_null(int theirs[3], struct tare_err *err)
{
	for (int i = 0; i < 3; i++) {
		theirs[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (theirs[i] < 0)
			return err_errno(err, "exec: open /dev/null");
	}
	return 0;
}

static int open_terminal(struct exec_stdio *stdio, const struct trial_spec *spec,
			 const struct stdio_window *window, struct exec_theirs *theirs,
			 struct tare_err *err)
{
	struct pty pty;
	int r = pty_open(spec, &pty, err);

	if (r < 0)
		return err_wrap(err, r, "exec");
	stdio->out = pty.master_fd;
	stdio->in = fcntl(stdio->out, F_DUPFD_CLOEXEC, 0);
	theirs->devpts_fd = pty.devpts_fd;
	theirs->fds[0] = pty.slave_fd;
	for (int i = 1; i < 3; i++)
		theirs->fds[i] = fcntl(pty.slave_fd, F_DUPFD_CLOEXEC, 0);
	if (stdio->in < 0 || theirs->fds[1] < 0 || theirs->fds[2] < 0)
		return err_errno(err, "exec: open the terminal thrice");
	stdio->terminal = true;
	exec_stdio_resize(stdio, window);
	return 0;
}

int exec_stdio_open(struct exec_stdio *ret, const struct trial_spec *spec,
		    const struct stdio_window *window, bool none, struct exec_theirs *ret_theirs,
		    struct tare_err *err)
{
	int r;

	*ret = (struct exec_stdio){.in = -1, .out = -1, .err = -1};
	*ret_theirs = (struct exec_theirs){.fds = {-1, -1, -1}, .devpts_fd = -1};
	if (window)
		r = open_terminal(ret, spec, window, ret_theirs, err);
	else
		r = none ? open_null(ret_theirs->fds, err) : open_pipes(ret, ret_theirs->fds, err);
	/* Of a terminal `in` and `out` are one open file: both are non-blocking then. */
	if (r == 0 && ret->in >= 0 && fcntl(ret->in, F_SETFL, O_NONBLOCK) < 0)
		r = err_errno(err, "exec: make stdin non-blocking");
	if (r < 0) {
		exec_stdio_close_theirs(ret_theirs);
		exec_stdio_close(ret);
	}
	return r;
}

void exec_stdio_close_theirs(struct exec_theirs *theirs)
{
	for (int i = 0; i < 3; i++) {
		if (theirs->fds[i] >= 0)
			(void)close(take_fd(&theirs->fds[i]));
	}
	if (theirs->devpts_fd >= 0)
		(void)close(take_fd(&theirs->devpts_fd));
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
	if (stdio->terminal && stdio->out >= 0)
		pty_resize(stdio->out, window->rows, window->cols);
}
