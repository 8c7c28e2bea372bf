/* SPDX-License-Identifier: MIT */
#include "machine/common/exec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "machine/common/relay.h"
#include "machine/common/terminal.h"
#include "machine/machine.h"
#include "trial/exec.h"
#include "trial/trial.h"

/* How often whose turn it is at the terminal is looked at. */
#define TURN_MS 500

struct host_run {
	struct trial_exec *exec;
	int signal_fd;
	struct terminal_state terminal;
	struct relay *relay;            /* NULL: the program has our streams themselves */
	volatile sig_atomic_t *stopped; /* as of struct machine_stdio */
};

/* The terminal sends its signals to the whole foreground group: if the process is in ours, it
 * has them already. */
static void forward(const struct host_run *run)
{
	bool in_our_group = getpgid(trial_exec_pid(run->exec)) == getpgrp();
	struct terminal_signal s;

	while (terminal_next_signal(run->signal_fd, &s)) {
		if (s.number == SIGWINCH && run->relay) {
			relay_resize(run->relay, &run->terminal);
		} else if (run->stopped && terminal_signal_ends(s.number)) {
			*run->stopped = s.number;
			(void)trial_exec_signal(run->exec, SIGKILL, NULL);
		} else if (!(s.from_terminal && in_our_group)) {
			(void)trial_exec_signal(run->exec, s.number, NULL);
		}
	}
}

/* For poll(2): until the deadline, or -1 for ever; with a relay, until it is to be asked again. */
static int time_left_ms(uint64_t deadline_ns, bool relayed)
{
	if (deadline_ns == 0)
		return relayed ? TURN_MS : -1;
	return clock_left_ms(clock_now_ns(), deadline_ns);
}

static void wait_and_forward(const struct host_run *run, uint64_t deadline_ns)
{
	struct pollfd fds[2 + RELAY_FDS] = {{.fd = trial_exec_pidfd(run->exec), .events = POLLIN},
					    {.fd = run->signal_fd, .events = POLLIN}};
	nfds_t n_fds = run->relay ? 2 + RELAY_FDS : 2;

	do {
		int n;

		if (run->relay)
			relay_watch(run->relay, fds + 2);
		n = poll(fds, n_fds, time_left_ms(deadline_ns, run->relay));
		if (n < 0)
			continue;
		if (n == 0 && deadline_ns && clock_now_ns() >= deadline_ns) {
			(void)trial_exec_signal(run->exec, SIGKILL, NULL);
			deadline_ns = 0;
		}
		if (fds[1].revents)
			forward(run);
		if (run->relay)
			relay_move(run->relay, fds + 2);
	} while (!fds[0].revents);
	trial_exec_note_end(run->exec);
	if (run->relay)
		relay_drain(run->relay);
}

static int run_it(const struct trial_place *place, const struct trial_exec_config *config,
		  struct host_run *run, uint64_t deadline_ns, int *ret_status, struct tare_err *err)
{
	int r = trial_exec_start(place, config, &run->exec, err);

	if (run->relay)
		relay_close_theirs(run->relay);
	if (r < 0)
		return r;
	if (run->relay)
		terminal_make_raw(&run->terminal);
	else
		terminal_hand_over(&run->terminal, trial_exec_pid(run->exec));
	wait_and_forward(run, deadline_ns);
	return trial_exec_finish(run->exec, ret_status, err);
}

/* What isolates keeps our terminal to us: the inside could type into it, or read what is typed to
 * others. */
static bool must_be_kept_apart(const struct trial_spec *spec)
{
	const struct box_ops *ops;

	return box_find(spec->box, &ops, NULL) == 0 && ops->isolates &&
	       (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO));
}

static int run_apart(const struct trial_place *place, const struct trial_exec_config *config,
		     struct host_run *run, int *ret_status, struct tare_err *err)
{
	struct trial_exec_config own = *config;
	struct relay relay;
	int r;

	terminal_find(&run->terminal);
	r = relay_open(&relay, config->spec, &run->terminal, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 3; i++)
		own.stdio[i] = relay.theirs[i];
	own.terminal = relay.terminal;
	own.devpts_fd = relay.pty.devpts_fd;
	run->relay = &relay;
	r = run_it(place, &own, run, 0, ret_status, err);
	run->relay = NULL;
	relay_close(&relay);
	return r;
}

int host_exec(const struct trial_place *place, const struct trial_spec *spec, char *const *argv,
	      char *const *envp, const char *cwd, const struct machine_stdio *stdio,
	      int *ret_status, struct tare_err *err)
{
	static const struct machine_stdio ours = {
		.fds = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}};
	const struct machine_stdio *s = stdio ? stdio : &ours;
	cleanup_close int null = s->none ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	const struct trial_exec_config config = {
		.spec = spec,
		.argv = argv,
		.envp = envp,
		.cwd = cwd,
		.stdio = {s->none ? null : s->fds[0], s->none ? null : s->fds[1],
			  s->none ? null : s->fds[2]},
		.account = s->account,
		.program_fd = s->program_fd,
	};
	struct host_run run = {.stopped = s->stopped};
	int r;

	if (s->none && null < 0)
		return err_errno(err, "open /dev/null");
	run.signal_fd = terminal_catch_signals(err);
	if (run.signal_fd < 0)
		return run.signal_fd;
	if (!stdio && must_be_kept_apart(spec)) {
		r = run_apart(place, &config, &run, ret_status, err);
	} else {
		terminal_save(&run.terminal);
		r = run_it(place, &config, &run, s->deadline_ns, ret_status, err);
	}
	terminal_restore(&run.terminal);
	terminal_release_signals(run.signal_fd);
	return r;
}
