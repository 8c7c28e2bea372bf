/* SPDX-License-Identifier: MIT */
/* What is asked of a run that is in memory. */
#include <string.h>

#include "base/json.h"
#include "report/run.h"

const char *run_status_name(enum run_status status)
{
	static const char *const names[] = {"ok", "failed", "unsupported", "void"};

	return names[status];
}

bool run_trial_counts(const struct run_trial *trial)
{
	return trial->status == RUN_OK && !trial->superseded;
}

bool run_cell_counts(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < cell->n_trials; i++)
		if (run_trial_counts(&run->trials[cell->trials[i]]))
			return true;
	return false;
}

void run_merge_latency(const struct run *run, const struct run_cell *cell, struct histogram *ret)
{
	*ret = (struct histogram){0};
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];

		if (run_trial_counts(trial) && trial->latency)
			histogram_merge(ret, trial->latency);
	}
}

const char *run_baseline(const struct run *run)
{
	const json_t *campaign = json_object_get(run->manifest, "campaign");

	return json_string_or(campaign, "baseline", run->n_envs ? run->envs[0].label : "");
}

json_t *run_record(const struct run_trial *trial)
{
	return trial->rest ? json_loads(trial->rest, 0, NULL) : NULL;
}

const json_t *run_asked(const struct run_trial *trial, const char *key)
{
	return json_object_get(json_object_get(trial->asked, "trial"), key);
}

const json_t *run_limits(const struct run *run, const struct run_cell *cell)
{
	const json_t *limits = run_asked(&run->trials[cell->trials[0]], "limits");

	return json_object_size(limits) ? limits : NULL;
}

bool run_same_limits(const json_t *a, const json_t *b)
{
	return (!a && !b) || json_equal(a, b);
}

const struct run_cell *run_plain_cell(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *other = &run->cells[i];

		if (other->env == cell->env && !other->collectors[0] &&
		    strcmp(other->name, cell->name) == 0 && strcmp(other->mode, cell->mode) == 0 &&
		    run_same_limits(run_limits(run, other), run_limits(run, cell)))
			return other;
	}
	return NULL;
}

const struct run_cell *run_find_cell(const struct run *run, const struct run_cell *like, size_t env)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[i];

		if (cell->env == env && strcmp(cell->group, like->group) == 0 &&
		    strcmp(cell->name, like->name) == 0 && strcmp(cell->mode, like->mode) == 0 &&
		    strcmp(cell->collectors, like->collectors) == 0)
			return cell;
	}
	return NULL;
}

/* The cell's trials are sorted by rounds. */
const struct run_trial *run_trial_of_round(const struct run *run, const struct run_cell *cell,
					   uint64_t round)
{
	size_t low = 0, high = cell->n_trials;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (run->trials[cell->trials[middle]].round < round)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < cell->n_trials; low++) {
		const struct run_trial *trial = &run->trials[cell->trials[low]];

		if (trial->round != round)
			break;
		if (run_trial_counts(trial))
			return trial;
	}
	return NULL;
}

bool run_is_first_of_set(const struct run *run, size_t cell)
{
	for (size_t env = 0; env < run->n_envs; env++) {
		const struct run_cell *like = run_find_cell(run, &run->cells[cell], env);

		if (like && (size_t)(like - run->cells) < cell)
			return false;
	}
	return true;
}
