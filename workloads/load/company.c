/* SPDX-License-Identifier: MIT */
#include "company.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "cpus.h"

/* Steps that a helper still takes after a turn: in latency mode each operation is a run() of its
 * own, and between two of them nobody is to fall asleep. */
#define LINGER 1000

static void futex(_Atomic uint32_t *word, int op, uint32_t value)
{
	(void)syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void sleep_until_called(struct company *c)
{
	uint32_t seen = c->calls;

	c->asleep++;
	/* Who began a turn before it saw us asleep is seen here. */
	if (!c->playing && !c->stopping)
		futex(&c->calls, FUTEX_WAIT, seen);
	c->asleep--;
}

static void *help(void *company)
{
	struct company *c = company;

	if (c->elsewhere && cpus_leave(c->own_cpu) < 0)
		c->lost = true;
	while (!c->stopping) {
		for (unsigned int idle = 0; idle < LINGER; idle++) {
			c->step();
			if (c->playing)
				idle = 0;
		}
		sleep_until_called(c);
	}
	return NULL;
}

static void call(struct company *c)
{
	c->calls++;
	futex(&c->calls, FUTEX_WAKE, INT_MAX);
}

int company_start(struct company *company, unsigned int n, bool elsewhere, void (*step)(void),
		  struct tare_err *err)
{
	if (n == 0)
		return 0;
	company->step = step;
	company->elsewhere = elsewhere;
	company->own_cpu = cpus_stay(elsewhere, err);
	if (company->own_cpu < 0)
		return company->own_cpu;
	for (; company->n < n; company->n++) {
		errno = pthread_create(&company->threads[company->n], NULL, help, company);
		if (errno)
			return err_errno(err, "start a helping thread");
	}
	return 0;
}

void company_begin(struct company *company)
{
	if (company->n == 0)
		return;
	company->playing = true;
	if (company->asleep)
		call(company);
}

void company_end(struct company *company)
{
	if (company->n > 0)
		company->playing = false;
}

void company_stop(struct company *company)
{
	company->stopping = true;
	if (company->n > 0)
		call(company);
	while (company->n > 0)
		(void)pthread_join(company->threads[--company->n], NULL);
}
