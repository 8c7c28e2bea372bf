/* SPDX-License-Identifier: MIT */
#include "machine/common/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "machine/common/terminal.h"

/* Of output that is there when the program has ended: more than pipes and terminals hold is of
 * what it left running. */
#define LEFT_MAX ((size_t)256 << 10)

static int open_terminal(struct relay *relay, const struct trial_spec *spec,
			 const struct terminal_state *terminal, struct tare_err *err)
{
	int r = pty_open(spec, &relay->pty, err);

	if (r < 0)
		return r;
	relay->terminal = true;
	/* The keys mean there what they mean here. */
	(void)tcsetattr(relay->pty.slave_fd, TCSANOW, &terminal->settings);
	relay_resize(relay, terminal);
	relay->theirs[0] = relay->theirs[1] = relay->pty.slave_fd;
	if (isatty(STDERR_FILENO))
		relay->theirs[2] = relay->pty.slave_fd;
	relay->in_fd = relay->pty.master_fd;
	relay->out_fds[0] = fcntl(relay->pty.master_fd, F_DUPFD_CLOEXEC, 0);
	return relay->out_fds[0] < 0 ? err_errno(err, "make a terminal") : 0;
}

static int open_pipe(struct relay *relay, int stream, struct tare_err *err)
{
	bool in = stream == STDIN_FILENO;
	int ends[2];

	if (!isatty(stream))
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "make a pipe");
	relay->theirs[stream] = ends[in ? 0 : 1];
	if (in)
		relay->in_fd = ends[1];
	else
		relay->out_fds[stream - 1] = ends[0];
	return 0;
}

static void stop_blocking(int fd)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int relay_open(struct relay *ret, const struct trial_spec *spec,
	       const struct terminal_state *terminal, struct tare_err *err)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	int r = 0;

	*ret = (struct relay){.pty = {-1, -1, -1},
			      .theirs = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
			      .in_fd = -1,
			      .out_fds = {-1, -1}};
	if (terminal->fd >= 0)
		r = open_terminal(ret, spec, terminal, err);
	for (int i = 0; i < 3 && terminal->fd < 0 && r == 0; i++)
		r = open_pipe(ret, i, err);
	stop_blocking(ret->in_fd);
	stop_blocking(ret->out_fds[0]);
	stop_blocking(ret->out_fds[1]);
	ret->reads = ret->in_fd >= 0;
	/* A program that has closed its stdin does not end us. */
	(void)sigaction(SIGPIPE, &ignore, &ret->sigpipe);
	if (r < 0)
		relay_close(ret);
	return r;
}

void relay_close_theirs(struct relay *relay)
{
	for (int i = 0; i < 3; i++) {
		if (!relay->terminal && relay->theirs[i] != i && relay->theirs[i] >= 0)
			(void)close(relay->theirs[i]);
		relay->theirs[i] = -1;
	}
	pty_close_theirs(&relay->pty);
}

void relay_resize(const struct relay *relay, const struct terminal_state *terminal)
{
	struct winsize size;

	if (!relay->terminal)
		return;
	size = terminal_window(terminal->fd);
	pty_resize(relay->pty.master_fd, size.ws_row, size.ws_col);
}

/* Reading while another group is in the foreground would stop us. A terminal that has hung up, or
 * that does not control us, has no such group for us, and reading says which of them it is. */
static bool is_our_turn(void)
{
	pid_t group = tcgetpgrp(STDIN_FILENO);

	return group < 0 || group == getpgrp();
}

void relay_watch(const struct relay *relay, struct pollfd fds[RELAY_FDS])
{
	bool may_read = relay->reads && !relay->pending && is_our_turn();

	fds[0] = (struct pollfd){.fd = may_read ? STDIN_FILENO : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = relay->pending ? relay->in_fd : -1, .events = POLLOUT};
	for (size_t i = 0; i < 2; i++)
		fds[2 + i] = (struct pollfd){.fd = relay->out_fds[i], .events = POLLIN};
}

/* A program whose terminal hangs up is told so; one at a pipe sees its end. */
static void end_input(struct relay *relay)
{
	relay->reads = false;
	if (relay->in_fd < 0)
		return;
	if (relay->terminal && relay->out_fds[0] >= 0)
		(void)close(take_fd(&relay->out_fds[0]));
	(void)close(take_fd(&relay->in_fd));
	relay->pty.master_fd = -1;
	relay->pending = 0;
}

static void take_input(struct relay *relay)
{
	ssize_t n = read(STDIN_FILENO, relay->buf, sizeof(relay->buf));

	if (n > 0)
		relay->pending = (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		end_input(relay);
}

static void give_input(struct relay *relay)
{
	ssize_t n = write(relay->in_fd, relay->buf, relay->pending);

	if (n < 0 && errno != EINTR && errno != EAGAIN) {
		end_input(relay);
	} else if (n > 0) {
		relay->pending -= (size_t)n;
		memmove(relay->buf, relay->buf + n, relay->pending);
	}
}

/* How much; 0: nothing, for now or for ever. */
static size_t move_output(struct relay *relay, size_t i)
{
	char buf[16384];
	ssize_t n = read(relay->out_fds[i], buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	/* EIO: nobody has the terminal open any more. Our own terminal may be gone, too. */
	if (n <= 0 || fd_write_all(STDOUT_FILENO + (int)i, buf, (size_t)n, NULL) < 0) {
		(void)close(take_fd(&relay->out_fds[i]));
		return 0;
	}
	return (size_t)n;
}

void relay_move(struct relay *relay, const struct pollfd fds[RELAY_FDS])
{
	for (size_t i = 0; i < 2; i++)
		if (fds[2 + i].revents && relay->out_fds[i] >= 0)
			(void)move_output(relay, i);
	if (fds[1].revents && relay->in_fd >= 0)
		give_input(relay);
	if (fds[0].revents && relay->reads)
		take_input(relay);
}

void relay_drain(struct relay *relay)
{
	for (size_t i = 0; i < 2; i++) {
		size_t moved = 0, n = 1;

		while (relay->out_fds[i] >= 0 && n && moved < LEFT_MAX)
			moved += n = move_output(relay, i);
	}
}

void relay_close(struct relay *relay)
{
	relay_close_theirs(relay);
	end_input(relay);
	for (size_t i = 0; i < 2; i++)
		if (relay->out_fds[i] >= 0)
			(void)close(take_fd(&relay->out_fds[i]));
	(void)sigaction(SIGPIPE, &relay->sigpipe, NULL);
}
