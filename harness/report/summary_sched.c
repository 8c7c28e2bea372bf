/* SPDX-License-Identifier: MIT */
/* How often the tasks of a cell left their CPU and why, and how long they waited for one. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/sched.h"
#include "report/summary.h"

static json_t *sched_json(const struct run *run, const struct run_cell *cell,
			  const struct sched *sched)
{
	json_t *object = summary_cell_json(run, cell), *off = json_object();

	for (size_t i = 0; i < SCHED_N_CAUSES; i++)
		(void)json_put(off, sched_causes[i], json_number(sched->off_ns[i]));
	(void)json_put(object, "trials", json_u64(sched->trials));
	(void)json_put(object, "switches", json_u64(sched->switches));
	(void)json_put(object, "migrations", json_u64(sched->migrations));
	(void)json_put(object, "waits", json_u64(sched->queue.count));
	(void)json_put(object, "p50_ns", json_number(histogram_quantile_upper(&sched->queue, 0.5)));
	(void)json_put(object, "p99_ns",
		       json_number(histogram_quantile_upper(&sched->queue, 0.99)));
	(void)json_put(object, "max_ns", json_u64(sched->queue.max));
	(void)json_put(object, "off_ns", off);
	(void)json_put(object, "lost", json_u64(sched->lost));
	return object;
}

int summary_add_sched(const struct run *run, json_t *summary, struct tare_err *err)
{
	cleanup_free struct sched *sched = calloc(1, sizeof(*sched));
	json_t *list = json_array();

	(void)json_put(summary, "sched", list);
	if (!sched)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]];
		int r = sched_merge(run, cell, sched, err);

		if (r < 0)
			return r;
		if (sched->trials)
			(void)json_array_append_new(list, sched_json(run, cell, sched));
	}
	return 0;
}
