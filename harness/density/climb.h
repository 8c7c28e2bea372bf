/* SPDX-License-Identifier: MIT */
#pragma once
/* climb: one climb, up to its bound and down again. */

#include "density/density.h"

struct density_ascent {
	const struct density_plan *plan;
	const struct env_choice *env;
	size_t max;             /* plan->max, or fewer to warm up */
	uint64_t deadline_ns;   /* of all climbs together: clock_now_ns(); 0: none */
	unsigned int *machines; /* made so far: part of their names */
	void (*progress)(size_t up, void *context);
	void *context;
};

/* climb: round, env and position are filled. The boxes, ret_boxes[0 ... climb->boxes), are those
 * of this climb alone; room is for `max`. -EINTR: interrupted; -ETIME: the
 * deadline came; both without words. All that was up is gone then, too;
 * what could not be taken down is said. */
int density_climb(const struct density_ascent *ascent, struct density_climb *climb,
		  struct density_box *ret_boxes, struct tare_err *err);
