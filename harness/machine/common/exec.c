/* SPDX-License-Identifier: MIT */
#include "machine/common/exec.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "machine/common/terminal.h"
#include "machine/machine.h"
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

/* For poll(2): until the deadline, or -1 for ever. */
static int time_left_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_now_ns();

	if (deadline_ns == 0)
		return -1;
	return now >= deadline_ns ? 0 : (int)((deadline_ns - now) / NS_PER_MS) + 1;
}

static void wait_and_forward(const struct trial_exec *exec, int signal_fd, uint64_t deadline_ns)
{
	struct pollfd fds[2] = {{.fd = trial_exec_pidfd(exec), .events = POLLIN},
				{.fd = signal_fd, .events = POLLIN}};

	do {
		int n = poll(fds, 2, time_left_ms(deadline_ns));

		if (n < 0)
			continue;
		if (n == 0) {
			(void)trial_exec_signal(exec, SIGKILL, NULL);
			deadline_ns = 0;
		}
		if (fds[1].revents)
			forward(exec, signal_fd);
	} while (!fds[0].revents);
}

int host_exec(const struct trial_place *place, const struct trial_spec *spec, char *const *argv,
	      char *const *envp, const char *cwd, const struct machine_stdio *stdio,
	      int *ret_status, struct tare_err *err)
{
	static const struct machine_stdio ours = {{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, 0};
	const struct machine_stdio *s = stdio ? stdio : &ours;
	const struct trial_exec_config config = {
		.spec = spec,
		.argv = argv,
		.envp = envp,
		.cwd = cwd,
		.stdio = {s->fds[0], s->fds[1], s->fds[2]},
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
		wait_and_forward(exec, signal_fd, s->deadline_ns);
		r = trial_exec_finish(exec, ret_status, err);
	}
	terminal_restore(&terminal);
	terminal_release_signals(signal_fd);
	return r;
}
