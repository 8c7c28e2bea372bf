/* SPDX-License-Identifier: MIT */
#pragma once
/* rounds: what the benchmarks that take turns share. */

#include <sched.h>
#include <stdlib.h>

/* Onto the last CPU that we may use, the one that interrupts like least. */
static inline int rounds_pin_last(void)
{
	cpu_set_t set, last;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	CPU_ZERO(&last);
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&last) == 0; cpu--)
		if (CPU_ISSET(cpu, &set))
			CPU_SET(cpu, &last);
	return sched_setaffinity(0, sizeof(last), &last);
}

static inline int rounds_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void rounds_sort(double *figures, size_t n)
{
	qsort(figures, n, sizeof(*figures), rounds_compare);
}
