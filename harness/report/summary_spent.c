/* SPDX-License-Identifier: MIT */
/* What the run's time was spent on, all sittings together. */
#include "base/json.h"
#include "report/summary.h"

int summary_add_spent(const struct run *run, json_t *summary, struct tare_err *err)
{
	static const char *const keys[] = {"wall_ns",   "slices_ns", "hand_overs_ns",
					   "set_up_ns", "boots_ns",  "turns"};
	enum { WALL, SLICES, HAND_OVERS, SET_UP, BOOTS, TURNS, N_KEYS };
	uint64_t sums[N_KEYS] = {0}, known = 0, own;
	size_t told = 0, untold = 0, i;
	json_t *spent = json_object(), *sitting;

	(void)err;
	(void)json_put(summary, "spent", spent);
	json_array_foreach(json_object_get(run->manifest, "sittings"), i, sitting)
	{
		const json_t *of = json_object_get(sitting, "spent");

		told += of != NULL;
		untold += of == NULL;
		for (size_t k = 0; k < N_KEYS; k++)
			sums[k] += json_u64_or(of, keys[k], 0);
	}
	for (size_t k = SLICES; k <= BOOTS; k++)
		known += sums[k];
	own = sums[WALL] > known ? sums[WALL] - known : 0;
	(void)json_put(spent, "sittings", json_u64(told));
	(void)json_put(spent, "untold", json_u64(untold));
	for (size_t k = 0; k < N_KEYS; k++)
		(void)json_put(spent, keys[k], json_u64(sums[k]));
	(void)json_put(spent, "own_ns", json_u64(own));
	if (sums[WALL] == 0)
		return 0;
	(void)json_put(spent, "own_share", json_number((double)own / (double)sums[WALL]));
	(void)json_put(spent, "hand_overs_share",
		       json_number((double)sums[HAND_OVERS] / (double)sums[WALL]));
	return 0;
}
