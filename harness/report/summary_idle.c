/* SPDX-License-Identifier: MIT */
/* What guests cost the host while they wait for their turns. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/summary.h"
#include "stats/quantile.h"

/* Of one CPU; false: the trial does not say. */
static bool idle_share(const struct run_trial *trial, double *ret)
{
	cleanup_json json_t *record = trial->has & RUN_HAS_HOST ? run_record(trial) : NULL;
	const json_t *idle = json_object_get(json_object_get(record, "host_collectors"), "idle");
	double wall = json_double_or(idle, "wall_ns", 0);

	if (wall <= 0)
		return false;
	*ret = json_double_or(idle, "cpu_ns", 0) / wall;
	return true;
}

int summary_add_idle(const struct run *run, json_t *summary, struct tare_err *err)
{
	cleanup_free double *shares = calloc(run->n_trials + 1, sizeof(*shares));
	json_t *list = json_array();

	(void)json_put(summary, "idle", list);
	if (!shares)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t env = 0; env < run->n_envs; env++) {
		size_t n = 0;

		for (size_t i = 0; i < run->n_trials; i++) {
			const struct run_trial *trial = &run->trials[i];

			if (run->cells[trial->cell].env == env && trial->status == RUN_OK &&
			    !trial->superseded && idle_share(trial, &shares[n]))
				n++;
		}
		if (n)
			(void)json_array_append_new(
				list, json_pack("{s:s, s:s, s:o, s:o}", "env", run->envs[env].label,
						"accel", run->envs[env].accel, "share",
						json_number(quantile_median(shares, n)), "trials",
						json_u64(n)));
	}
	return 0;
}
