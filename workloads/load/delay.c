/* SPDX-License-Identifier: MIT */
#include "delay.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"

#define LONGEST_NS NS_PER_S

/* Of these batches the fastest one was not disturbed. */
#define BATCHES 50
#define STEPS   5000

static void take_steps(uint64_t steps)
{
	uint64_t x = 1;

	/* Each waits for the one before it; the asm keeps the compiler from knowing the end. */
	for (uint64_t i = 0; i < steps; i++) {
		x = x * 6364136223846793005ULL + 1;
		__asm__ volatile("" : "+r"(x));
	}
}

static double step_ns(void)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < BATCHES; i++) {
		uint64_t begin = clock_now_ns(), ns;

		take_steps(STEPS);
		ns = clock_now_ns() - begin;
		if (ns > 0 && ns < best)
			best = ns;
	}
	return (double)best / STEPS;
}

/* Nanoseconds may be decimal: a hundredth of the shortest system call is about one. */
static int read_ns(const char *text, double *ret, struct tare_err *err)
{
	size_t n = strlen(text);
	char number[32];
	uint64_t ns;
	int r;

	if (n > 2 && n - 2 < sizeof(number) && strcmp(text + n - 2, "ns") == 0) {
		memcpy(number, text, n - 2);
		number[n - 2] = '\0';
		return units_parse_number("delay", number, 0, LONGEST_NS, ret, err);
	}
	r = units_parse_time("delay", text, &ns, err);
	if (r < 0)
		return r;
	if (ns > LONGEST_NS)
		return err_set(err, EINVAL, "delay: %.40s is more than 1s", text);
	*ret = (double)ns;
	return 0;
}

int delay_read(const char *text, struct delay *ret, struct tare_err *err)
{
	double ns;
	int r = read_ns(text, &ns, err);

	if (r < 0)
		return r;
	*ret = (struct delay){.steps_per_op = ns > 0 ? ns / step_ns() : 0};
	return 0;
}

void delay_spend(struct delay *delay, uint64_t ops)
{
	double steps = delay->owed + delay->steps_per_op * (double)ops;
	uint64_t whole = (uint64_t)steps;

	delay->owed = steps - (double)whole;
	take_steps(whole);
}
