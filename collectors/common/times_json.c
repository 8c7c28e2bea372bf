/* SPDX-License-Identifier: MIT */
#include "common/times_json.h"

#include <stdint.h>

#include "base/json.h"

void times_join(struct times *sum, const struct times *times)
{
	sum->n += times->n;
	sum->sum_ns += times->sum_ns;
	if (times->max_ns > sum->max_ns)
		sum->max_ns = times->max_ns;
	for (unsigned int i = 0; i < LOGLIN_BUCKETS; i++)
		sum->buckets[i] += times->buckets[i];
}

json_t *times_to_json(const struct times *begin, const struct times *end)
{
	json_t *buckets = json_array();
	uint64_t highest = 0;

	for (unsigned int i = 0; i < LOGLIN_BUCKETS; i++) {
		uint64_t n = end->buckets[i] - begin->buckets[i];

		if (n == 0)
			continue;
		highest = loglin_lower(i + 1) - 1;
		(void)json_array_append_new(buckets, json_pack("[i,o]", (int)i, json_u64(n)));
	}
	/* The longest ever may be from before the first snapshot. */
	if (end->max_ns < highest || highest == 0)
		highest = highest == 0 ? 0 : end->max_ns;
	return json_pack("{s:o,s:o,s:o,s:o}", "n", json_u64(end->n - begin->n), "sum_ns",
			 json_u64(end->sum_ns - begin->sum_ns), "max_ns", json_u64(highest),
			 "buckets", buckets);
}
