/* SPDX-License-Identifier: MIT */
#include "engine/spent.h"

#include "base/json.h"

/* The lead-in is not timed: its operations take as long as those of the slice. By a guest's clock
 * both may be a little longer than the turn was by ours. */
void spent_add_turn(struct spent *spent, uint64_t took_ns, uint64_t lead_in,
		    const struct trial_slice *slice)
{
	double played = 0;

	if (slice && slice->ops)
		played = (double)slice->ns * (1 + (double)lead_in / (double)slice->ops);
	if (played > (double)took_ns)
		played = (double)took_ns;
	spent->slices_ns += (uint64_t)played;
	spent->hand_overs_ns += took_ns - (uint64_t)played;
	spent->turns++;
}

json_t *spent_to_json(const struct spent *spent, uint64_t wall_ns)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "wall_ns", json_u64(wall_ns), "boots_ns",
			 json_u64(spent->boots_ns), "set_up_ns", json_u64(spent->set_up_ns),
			 "slices_ns", json_u64(spent->slices_ns), "hand_overs_ns",
			 json_u64(spent->hand_overs_ns), "turns", json_u64(spent->turns));
}
