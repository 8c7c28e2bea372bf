/* SPDX-License-Identifier: MIT */
#pragma once
/* rounds: what the benchmarks that take turns share. */

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/units.h"

#define ROUNDS_MAX 1000

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

/* The argument ROUNDS, if there is one, and room for each variant's figures. */
static inline int rounds_begin(int argc, char **argv, double **figures, size_t n_variants,
			       size_t per_round, uint64_t *rounds, struct tare_err *err)
{
	int r = argc > 1 ? units_parse_count("ROUNDS", argv[1], 1, ROUNDS_MAX, rounds, err) : 0;

	for (size_t v = 0; r == 0 && v < n_variants; v++) {
		figures[v] = calloc(*rounds * per_round, sizeof(double));
		r = figures[v] ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	return r;
}
