/* SPDX-License-Identifier: MIT */
#include "machine/common/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/err.h"

static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct sigaction before[N_SIGNALS];
static volatile int signal_pipe = -1;

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct terminal_signal s = {.number = number, .from_terminal = info->si_code == SI_KERNEL};
	int was = errno;

	(void)context;
	/* Full: so many are waiting that one more says nothing new. */
	(void)!write(signal_pipe, &s, sizeof(s));
	errno = was;
}

int terminal_catch_signals(struct tare_err *err)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(err, "pipe");
	signal_pipe = fds[1];
	for (size_t i = 0; i < N_SIGNALS; i++) {
		(void)sigaction(signals[i], NULL, &before[i]);
		/* nohup and the like ask that a signal be ignored, by the child too. */
		if (before[i].sa_handler != SIG_IGN || signals[i] == SIGWINCH)
			(void)sigaction(signals[i], &action, NULL);
	}
	return fds[0];
}

void terminal_release_signals(int fd)
{
	if (fd < 0)
		return;
	for (size_t i = 0; i < N_SIGNALS; i++)
		(void)sigaction(signals[i], &before[i], NULL);
	(void)close(signal_pipe);
	signal_pipe = -1;
	(void)close(fd);
}

bool terminal_signal_ends(int number)
{
	return number == SIGINT || number == SIGQUIT || number == SIGTERM || number == SIGHUP;
}

int terminal_next_signal(int fd, struct terminal_signal *ret)
{
	/* Smaller than PIPE_BUF, so it is there whole or not at all. */
	return read(fd, ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
}

void terminal_save(struct terminal_state *ret)
{
	ret->fd = -1;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &ret->settings) < 0)
		return;
	ret->foreground = tcgetpgrp(STDIN_FILENO);
	ret->fd = STDIN_FILENO;
}

/* Not being in the foreground, we would be stopped by SIGTTOU. */
static void set_foreground(int fd, pid_t group)
{
	sigset_t ttou, was;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)pthread_sigmask(SIG_BLOCK, &ttou, &was);
	(void)tcsetpgrp(fd, group);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
}

void terminal_hand_over(const struct terminal_state *state, pid_t pid)
{
	pid_t group = getpgid(pid);

	if (state->fd < 0 || state->foreground != getpgrp() || group <= 0 || group == getpgrp() ||
	    getsid(pid) != getsid(0))
		return;
	set_foreground(state->fd, group);
	/* It may have read, and been stopped, before it was its turn. */
	(void)killpg(group, SIGCONT);
}

void terminal_find(struct terminal_state *ret)
{
	terminal_save(ret);
	if (!isatty(STDOUT_FILENO) || ret->foreground != getpgrp())
		ret->fd = -1;
}

struct winsize terminal_window(int fd)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	(void)ioctl(fd, TIOCGWINSZ, &size);
	return size;
}

/* Those which end us unless somebody minds, beside those that are passed on. */
static const int deadly[] = {SIGABRT, SIGALRM, SIGBUS,  SIGFPE,    SIGILL,  SIGPROF,
			     SIGSEGV, SIGSYS,  SIGTRAP, SIGVTALRM, SIGXCPU, SIGXFSZ};
#define N_DEADLY (sizeof(deadly) / sizeof(deadly[0]))

static struct terminal_state at_death = {.fd = -1};

/* By default it comes again as soon as this handler is left. */
static void die_tidily(int number)
{
	(void)tcsetattr(at_death.fd, TCSANOW, &at_death.settings);
	(void)raise(number);
}

static void mind_death(const struct terminal_state *state)
{
	struct sigaction action = {.sa_handler = die_tidily, .sa_flags = (int)SA_RESETHAND}, was;

	at_death = *state;
	for (size_t i = 0; i < N_DEADLY; i++)
		if (sigaction(deadly[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL)
			(void)sigaction(deadly[i], &action, NULL);
}

static void mind_death_no_more(void)
{
	const struct sigaction by_default = {.sa_handler = SIG_DFL};
	struct sigaction is;

	for (size_t i = 0; i < N_DEADLY; i++)
		if (sigaction(deadly[i], NULL, &is) == 0 && is.sa_handler == die_tidily)
			(void)sigaction(deadly[i], &by_default, NULL);
}

void terminal_make_raw(const struct terminal_state *state)
{
	struct termios raw = state->settings;

	if (state->fd < 0)
		return;
	mind_death(state);
	cfmakeraw(&raw);
	(void)tcsetattr(state->fd, TCSANOW, &raw);
}

void terminal_restore(const struct terminal_state *state)
{
	if (state->fd < 0)
		return;
	if (state->foreground > 0 && tcgetpgrp(state->fd) != state->foreground)
		set_foreground(state->fd, state->foreground);
	/* A background group's tcsetattr would stop us. */
	if (tcgetpgrp(state->fd) == getpgrp())
		(void)tcsetattr(state->fd, TCSANOW, &state->settings);
	mind_death_no_more();
}
