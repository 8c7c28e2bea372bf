/* SPDX-License-Identifier: MIT */
/* The steps of a ladder: what each adds to the one before, and whether they add up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/summary.h"
#include "stats/ladder.h"
#include "stats/pair.h"
#include "stats/verdict.h"

/* One load's: the cells of the steps that were played, from the first. */
struct climb {
	const struct run *run;
	const struct run_cell *cells[RUN_ENVS_MAX];
	size_t n_cells, n_whole, n_rounds;
	double *logs, *ns, *whole;
};

static void cleanup_climbp(struct climb *climb)
{
	free(climb->logs);
	free(climb->ns);
	free(climb->whole);
}
#define cleanup_climb __attribute__((cleanup(cleanup_climbp)))

static size_t env_of(const struct run *run, const char *label)
{
	size_t env = 0;

	while (env < run->n_envs && strcmp(run->envs[env].label, label) != 0)
		env++;
	return env;
}

/* The whole ends where the host does: a guest is beyond it. */
static bool is_on_host(const struct run *run, const char *label)
{
	json_t *env;
	size_t i;

	json_array_foreach(json_object_get(run->manifest, "envs"), i, env)
	{
		if (strcmp(json_string_or(env, "label", ""), label) == 0)
			return strcmp(json_string_or(env, "machine", ""), "host") == 0;
	}
	return false;
}

static bool was_played(const struct run *run, const struct run_cell *cell)
{
	for (size_t i = 0; cell && i < cell->n_trials; i++) {
		if (run_trial_counts(&run->trials[cell->trials[i]]))
			return true;
	}
	return false;
}

static void find_cells(struct climb *climb, const struct run_cell *first, const json_t *labels)
{
	const struct run *run = climb->run;
	json_t *label;
	size_t i;

	climb->cells[climb->n_cells++] = first;
	json_array_foreach(labels, i, label)
	{
		const char *text = json_is_string(label) ? json_string_value(label) : "";
		size_t env = env_of(run, text);
		const struct run_cell *cell =
			env < run->n_envs ? run_find_cell(run, first, env) : NULL;

		if (i == 0 || climb->n_cells == RUN_ENVS_MAX || !was_played(run, cell))
			continue;
		if (is_on_host(run, text))
			climb->n_whole = climb->n_cells;
		climb->cells[climb->n_cells++] = cell;
	}
}

static double log_of(const struct run_trial *a, const struct run_trial *b, double *ret_ns)
{
	double log = NAN;

	*ret_ns = NAN;
	if (a && b) {
		const struct pair_slices x = {a->pass, a->ns_per_op, a->n_slices};
		const struct pair_slices y = {b->pass, b->ns_per_op, b->n_slices};

		if (pair_log_ratio(&x, &y, &log, NULL, NULL) < 0 ||
		    pair_difference(&x, &y, ret_ns, NULL) < 0)
			return NAN;
	}
	return log;
}

static void read_round(struct climb *climb, uint64_t round, size_t at, size_t room)
{
	const struct run *run = climb->run;
	const struct run_trial *first = run_trial_of_round(run, climb->cells[0], round);
	const struct run_trial *before = first;
	double none;

	for (size_t s = 1; s < climb->n_cells; s++) {
		const struct run_trial *here = run_trial_of_round(run, climb->cells[s], round);

		climb->logs[(s - 1) * room + at] =
			log_of(here, before, &climb->ns[(s - 1) * room + at]);
		if (s == climb->n_whole)
			climb->whole[at] = log_of(here, first, &none);
		before = here;
	}
}

static int read_rounds(struct climb *climb, struct tare_err *err)
{
	const struct run_cell *first = climb->cells[0];
	size_t room = 0;

	for (size_t i = 0; i < first->n_trials; i++)
		room += run_trial_counts(&climb->run->trials[first->trials[i]]);
	climb->logs = calloc(room * climb->n_cells + 1, sizeof(double));
	climb->ns = calloc(room * climb->n_cells + 1, sizeof(double));
	climb->whole = calloc(room + 1, sizeof(double));
	if (!climb->logs || !climb->ns || !climb->whole)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < first->n_trials; i++) {
		const struct run_trial *t = &climb->run->trials[first->trials[i]];

		if (run_trial_counts(t))
			read_round(climb, t->round, climb->n_rounds++, room);
	}
	return 0;
}

static json_t *ratio_json(const struct location *location)
{
	json_t *object = json_pack("{s:o}", "ratio", json_number(exp(location->estimate)));

	summary_put_interval(object, location, true);
	return object;
}

static json_t *step_json(const struct climb *climb, size_t step, const struct ladder_step *found,
			 double effect)
{
	const struct run_env *env = &climb->run->envs[climb->cells[step + 1]->env];
	json_t *object = ratio_json(&found->log);
	json_t *added = json_pack("{s:o}", "ns", json_number(found->ns.estimate));

	summary_put_interval(added, &found->ns, false);
	(void)json_put(object, "env", json_string(env->label));
	(void)json_put(object, "accel", json_string(env->accel));
	summary_put_marks(object, "marks", env);
	(void)json_put(object, "before",
		       json_string(climb->run->envs[climb->cells[step]->env].label));
	(void)json_put(object, "height", ratio_json(&found->level));
	(void)json_put(object, "added", added);
	(void)json_put(object, "p", json_number(found->log.p));
	(void)json_put(object, "p_holm", json_number(found->p));
	(void)json_put(object, "verdict",
		       json_string(verdict_name(verdict_of(&found->log, found->p, effect, 0))));
	return object;
}

static json_t *climb_json(const struct climb *climb, const struct ladder_step *steps,
			  const struct ladder_sum *sum, double effect)
{
	const struct run *run = climb->run;
	const struct run_cell *first = climb->cells[0];
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "group", first->group, "load",
				   first->load, "params", first->params, "mode", first->mode,
				   "first", run->envs[first->env].label, "last",
				   run->envs[climb->cells[climb->n_whole]->env].label);
	json_t *list = json_array();

	for (size_t s = 0; s + 1 < climb->n_cells; s++)
		(void)json_array_append_new(list, step_json(climb, s, &steps[s], effect));
	(void)json_put(object, "steps", list);
	(void)json_put(object, "whole", ratio_json(&sum->whole));
	(void)json_put(object, "product", ratio_json(&sum->product));
	(void)json_put(object, "rest", ratio_json(&sum->rest));
	(void)json_put(object, "of_estimates", json_number(exp(sum->of_estimates)));
	(void)json_put(object, "adds_up",
		       sum->adds == LADDER_UNKNOWN ? json_null()
						   : json_boolean(sum->adds == LADDER_ADDS_UP));
	return object;
}

static int add_climb(const struct run *run, const struct run_cell *first, const json_t *labels,
		     double effect, json_t *list, struct tare_err *err)
{
	cleanup_climb struct climb climb = {.run = run};
	struct ladder_step steps[RUN_ENVS_MAX];
	struct ladder_sum sum;
	struct ladder_rounds rounds;
	int r;

	find_cells(&climb, first, labels);
	if (climb.n_whole == 0)
		return 0;
	r = read_rounds(&climb, err);
	if (r < 0 || climb.n_rounds == 0)
		return r;
	rounds = (struct ladder_rounds){
		.n_steps = climb.n_cells - 1,
		.n_rounds = climb.n_rounds,
		.logs = climb.logs,
		.ns = climb.ns,
		.whole = climb.whole,
		.n_whole = climb.n_whole,
	};
	r = ladder_of(&rounds, effect, steps, &sum, err);
	if (r == 0)
		(void)json_array_append_new(list, climb_json(&climb, steps, &sum, effect));
	return r;
}

int summary_add_ladder(const struct run *run, json_t *summary, struct tare_err *err)
{
	const json_t *labels =
		json_object_get(json_object_get(run->manifest, "campaign"), "ladder");
	const char *label = json_string_value(json_array_get(labels, 0));
	size_t env = label ? env_of(run, label) : run->n_envs;
	double effect = json_double_or(summary, "effect_pct", 0) / 100;
	json_t *list = json_array();
	int r = 0;

	(void)json_put(summary, "ladder", list);
	for (size_t i = 0; i < run->n_cells && r == 0; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]];

		if (cell->env == env && !cell->observed && strcmp(cell->mode, "latency") != 0)
			r = add_climb(run, cell, labels, effect, list, err);
	}
	return r;
}
