/* SPDX-License-Identifier: MIT */
/* What locks are made of: telling a waiter who is not there, or a partner in another process who
 * tells back. */

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "cpus.h"
#include "param.h"
#include "partner.h"
#include "workload.h"

#define PATIENCE_S 30 /* with a partner that has died */

enum futex_with { FUTEX_NOBODY, FUTEX_PAIR };

struct words {
	_Atomic uint32_t there, back;
};

struct futex_load {
	int with;
	struct words *words; /* shared with the partner */
	pid_t partner;
};

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

/* Until the word is no more what it was: one call, if it is woken once, whether that was before
 * or after it began to wait. */
static int await(_Atomic uint32_t *word, uint32_t was)
{
	static const struct timespec patience = {.tv_sec = PATIENCE_S};

	do {
		if (futex(word, FUTEX_WAIT, was, &patience) < 0 && errno != EAGAIN)
			return -1;
	} while (*word == was);
	return 0;
}

static int tell(_Atomic uint32_t *word)
{
	(*word)++;
	return futex(word, FUTEX_WAKE, 1, NULL) < 0 ? -1 : 0;
}

/* A player may be silent for longer than its partner's patience. */
static __attribute__((noreturn)) void futex_partner(void *state)
{
	struct words *words = ((const struct futex_load *)state)->words;

	for (uint32_t seen = 0;; seen++) {
		while (await(&words->there, seen) < 0)
			if (errno != ETIMEDOUT)
				_exit(EXIT_FAILURE);
		if (tell(&words->back) < 0)
			_exit(EXIT_FAILURE);
	}
}

static int run_pair(struct words *words, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		uint32_t was = words->back;

		if (tell(&words->there) < 0)
			return err_errno(err, "futex(FUTEX_WAKE)");
		if (await(&words->back, was) < 0)
			return err_errno(err, "futex(FUTEX_WAIT) for the partner");
	}
	return 0;
}

static int futex_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct futex_load *s = state;

	if (s->with == FUTEX_PAIR)
		return run_pair(s->words, iters, err);
	for (uint64_t i = 0; i < iters; i++)
		if (futex(&s->words->there, FUTEX_WAKE, 1, NULL) != 0)
			return err_errno(err, "futex(FUTEX_WAKE)");
	return 0;
}

static int futex_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct futex_load *s = state;
	void *words;
	int r;

	s->with = param_choice("with", params[0], "nobody|partner", err);
	if (s->with < 0)
		return s->with;
	words = mmap(NULL, sizeof(*s->words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (words == MAP_FAILED)
		return err_errno(err, "map a shared page");
	s->words = words;
	if (s->with == FUTEX_NOBODY)
		return 0;
	r = cpus_stay(false, err);
	if (r < 0)
		return r;
	r = partner_start(futex_partner, s, err);
	if (r < 0)
		return r;
	s->partner = r;
	return futex_load_run(s, 1, err); /* it lives, and is in its loop */
}

static void futex_load_teardown(void *state)
{
	const struct futex_load *s = state;

	partner_end(s->partner);
	if (s->words)
		(void)munmap(s->words, sizeof(*s->words));
}

const struct workload workload_futex = {
	.name = "futex",
	.summary = "wake one who waits for a word of shared memory",
	.op = "futex(FUTEX_WAKE); with a partner also its answer, and waiting for it",
	.groups = "syscall sched",
	.params = (const struct workload_param[]){{"with", "who waits: nobody|partner", "nobody"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"futex", 1, "with=nobody"},
						      {"futex", 4, "with=partner"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct futex_load),
	.setup = futex_load_setup,
	.run = futex_load_run,
	.teardown = futex_load_teardown,
};
