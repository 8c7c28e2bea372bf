/* SPDX-License-Identifier: MIT */
#include "machine/common/exec.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "machine/common/terminal.h"
#include "trial/exec.h"

/* The terminal sends its signals to the whole foreground group: if the process is in ours, it
 * has them already. */
static void forward(const struct trial_exec *exec, int signal_fd)
{
	bool in_our_group = getpgid(trial_exec_pid(exec)) == getpgrp();
	struct terminal_signal s;

	while (terminal_next_signal(signal_fd, &s))
		if (!(s.from_terminal && in_our_group))
			(void)trial_exec_signal(exec, s.number, NULL);
}

static void wait_and_forward(const struct trial_exec *exec, int signal_fd)
{
	struct pollfd fds[2] = {{.fd = trial_exec_pidfd(exec), .events = POLLIN},
				{.fd = signal_fd, .events = POLLIN}};

	do {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			forward(exec, signal_fd);
	} while (!fds[0].revents);
}

int host_exec(const struct trial_place *place, const struct trial_spec *spec, char *const *argv,
	      char *const *envp, const char *cwd, int *ret_status, struct tare_err *err)
{
	const struct trial_exec_config config = {
		.spec = spec,
		.argv = argv,
		.envp = envp,
		.cwd = cwd,
		.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
	};
	struct terminal_state terminal;
	struct trial_exec *exec = NULL;
	int signal_fd = terminal_catch_signals(err);
	int r;

	if (signal_fd < 0)
		return signal_fd;
	terminal_save(&terminal);
	r = trial_exec_start(place, &config, &exec, err);
	if (r == 0) {
		terminal_hand_over(&terminal, trial_exec_pid(exec));
		wait_and_forward(exec, signal_fd);
		r = trial_exec_finish(exec, ret_status, err);
	}
	terminal_restore(&terminal);
	terminal_release_signals(signal_fd);
	return r;
}
