/* SPDX-License-Identifier: MIT */
/* Signals: to oneself with a handler, to a partner who signals back, or only the mask. */

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "cpus.h"
#include "param.h"
#include "partner.h"
#include "workload.h"

#define PATIENCE_S 30 /* with a partner that has died */

enum signal_to { SIGNAL_SELF, SIGNAL_PARTNER, SIGNAL_NOBODY };

struct signal_load {
	int to;
	pid_t self, partner;
	sigset_t set; /* SIGUSR1 alone */
};

static volatile sig_atomic_t handled;

static void handle(int signal)
{
	(void)signal;
	handled++;
}

static __attribute__((noreturn)) void signal_partner(void *state)
{
	const struct signal_load *s = state;

	while (sigwaitinfo(&s->set, NULL) == SIGUSR1)
		if (kill(s->self, SIGUSR1) < 0)
			break;
	_exit(EXIT_FAILURE);
}

static int run_self(const struct signal_load *s, uint64_t iters, struct tare_err *err)
{
	unsigned int before = (unsigned int)handled;

	for (uint64_t i = 0; i < iters; i++)
		if (kill(s->self, SIGUSR1) < 0)
			return err_errno(err, "kill");
	if ((unsigned int)handled - before != (unsigned int)iters)
		return err_set(err, EIO, "signals were lost");
	return 0;
}

static int run_partner(const struct signal_load *s, uint64_t iters, struct tare_err *err)
{
	static const struct timespec patience = {.tv_sec = PATIENCE_S};

	for (uint64_t i = 0; i < iters; i++) {
		if (kill(s->partner, SIGUSR1) < 0)
			return err_errno(err, "kill");
		if (sigtimedwait(&s->set, NULL, &patience) < 0)
			return err_errno(err, "wait for the partner's signal");
	}
	return 0;
}

static int signal_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct signal_load *s = state;

	if (s->to == SIGNAL_SELF)
		return run_self(s, iters, err);
	if (s->to == SIGNAL_PARTNER)
		return run_partner(s, iters, err);
	for (uint64_t i = 0; i < iters; i++)
		if (pthread_sigmask(SIG_BLOCK, &s->set, NULL) != 0 ||
		    pthread_sigmask(SIG_UNBLOCK, &s->set, NULL) != 0)
			return err_set(err, EINVAL, "rt_sigprocmask failed");
	return 0;
}

/* Blocked signals wait to be fetched, also those to a container's PID 1. */
static int start_partner(struct signal_load *s, struct tare_err *err)
{
	int r = cpus_stay(false, err);

	if (r < 0)
		return r;
	errno = pthread_sigmask(SIG_BLOCK, &s->set, NULL);
	if (errno)
		return err_errno(err, "rt_sigprocmask");
	r = partner_start(signal_partner, s, err);
	if (r < 0)
		return r;
	s->partner = r;
	return run_partner(s, 1, err); /* it lives, and is in its loop */
}

static int signal_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	const struct sigaction action = {.sa_handler = handle};
	struct signal_load *s = state;

	s->to = param_choice("to", params[0], "self|partner|nobody", err);
	if (s->to < 0)
		return s->to;
	s->self = getpid();
	(void)sigemptyset(&s->set);
	(void)sigaddset(&s->set, SIGUSR1);
	if (s->to == SIGNAL_PARTNER)
		return start_partner(s, err);
	if (sigaction(SIGUSR1, &action, NULL) < 0)
		return err_errno(err, "sigaction");
	return 0;
}

static void signal_load_teardown(void *state)
{
	const struct signal_load *s = state;

	partner_end(s->partner);
}

const struct workload workload_signal = {
	.name = "signal",
	.summary = "send a signal and handle it",
	.op = "kill(2) and a handler; or there and back with a partner; or block and unblock",
	.groups = "syscall",
	.params =
		(const struct workload_param[]){{"to", "who gets it: self|partner|nobody", "self"},
						{NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"kill", 1, "to=self"},
						      {"rt_sigreturn", 1, "to=self"},
						      {"kill", 2, "to=partner"},
						      {"rt_sigtimedwait", 2, "to=partner"},
						      {"rt_sigprocmask", 2, "to=nobody"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct signal_load),
	.setup = signal_load_setup,
	.run = signal_load_run,
	.teardown = signal_load_teardown,
};
