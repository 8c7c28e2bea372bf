/* SPDX-License-Identifier: MIT */
#pragma once
/* validity: what disturbed a set of trials, as data. The rules are fixed here, beforehand. */

#include <jansson.h>
#include <stdint.h>

#include "kernel/cpu_speed.h"

/* A set is void, and is carried out again, when the hypervisor above us took more than this
 * share of the players' CPU. Less is told, and left in. */
#define VALIDITY_STEAL_VOID 0.10
#define VALIDITY_STEAL_TELL 0.01

/* So is one in which a collector that follows each event may have lost more than this share of
 * them. Less is told in `lost`, and left in. */
#define VALIDITY_LOST_VOID 0.01

struct validity {
	int cpu;
	uint64_t monotonic_ns, realtime_ns;
	uint64_t steal, all;  /* us of the players' CPU */
	uint64_t swaps;       /* pages in and out */
	uint64_t pressure_us; /* PSI cpu, some, of the whole system */
	char clocksource[32];
	struct cpu_speed speed; /* of the players' CPU */
};

void validity_begin(struct validity *before, int cpu);
/* {"checks": {...}, "disturbed": [...], "void": why or absent} */
json_t *validity_end(const struct validity *before);
/* Tell what a guest's kernel was told of steal, where no limit asks for that. stolen: of a trial's
 * own account, NULL: none. */
void validity_add_stolen(json_t *validity, const json_t *stolen);
/* Make it void by what the collectors of a trial lost, where that is too much. */
void validity_add_losses(json_t *validity, const json_t *collectors);
