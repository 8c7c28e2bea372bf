/* SPDX-License-Identifier: MIT */
#pragma once
/* protect: how much of a group's page cache is left when a group beside it wants memory. */

#include <stdbool.h>
#include <stdint.h>

struct tare_err;
struct check_run;
struct check_figure;

struct check_pressure {
	const char *limits; /* under test, of the protected: "memory-min=32M" */
	/* The load beside it, and the blocks that it has to get through, or to fill, to have
	 * wanted all that it was to want. */
	const char *load, *params;
	uint64_t ops;
};

/* -ENOTSUP where version 1 has the memory. */
int check_protect_probe(struct check_run *run, struct tare_err *err);
/* The figure: the share of a file of 24 MiB that is held at the end, in a group around both that
 * may have 64 MiB. */
int check_protect_measure(struct check_run *run, const struct check_pressure *pressure,
			  bool limited, struct check_figure *ret, struct tare_err *err);
