/* SPDX-License-Identifier: MIT */
#pragma once
/* spent: what the time of a sitting was spent on, by the conductor's clock. What is in none of
 * these is the harness's own: drawing, reading the machine's state, writing records. */

#include <jansson.h>
#include <stdint.h>

#include "trial/trial.h"

struct spent {
	uint64_t boots_ns;      /* machines, until they answered; and taken down */
	uint64_t set_up_ns;     /* players, asked for until ready; calibrated; ended until gone */
	uint64_t slices_ns;     /* played, lead-ins included; whole runs of who takes no turns */
	uint64_t hand_overs_ns; /* turns passed and taken back, without what was played */
	uint64_t turns;
};

/* A turn that took so long, lead_in operations and a slice; NULL: nothing came of it. */
void spent_add_turn(struct spent *spent, uint64_t took_ns, uint64_t lead_in,
		    const struct trial_slice *slice);
/* {"wall_ns", ...}: as it stands in the manifest. */
json_t *spent_to_json(const struct spent *spent, uint64_t wall_ns);
