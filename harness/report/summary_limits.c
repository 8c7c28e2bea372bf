/* SPDX-License-Identifier: MIT */
/* What the limits did, and how long environments take to start. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/rounds.h"
#include "report/summary.h"
#include "stats/quantile.h"

int summary_put_medians(const struct run *run, const struct run_cell *cell, json_t *object,
			const struct rounds_limit *figures, size_t n_figures, struct tare_err *err)
{
	size_t room = cell->n_trials + 1;
	cleanup_free double *x = calloc(n_figures * room, sizeof(*x));
	cleanup_free size_t *n = calloc(n_figures + 1, sizeof(*n));

	if (!x || !n)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < cell->n_trials; i++) {
		const struct run_trial *trial = &run->trials[cell->trials[i]];
		cleanup_json json_t *record = trial->superseded ? NULL : run_record(trial);

		for (size_t k = 0; record && k < n_figures; k++) {
			double value = figures[k].of(trial, record);

			if (!isnan(value))
				x[k * room + n[k]++] = value;
		}
	}
	for (size_t k = 0; k < n_figures; k++)
		(void)json_put(object, figures[k].key,
			       json_number(quantile_median(x + k * room, n[k])));
	return 0;
}

static int add_limited(const struct run *run, const struct run_cell *cell, const json_t *limits,
		       json_t *list, struct tare_err *err)
{
	json_t *object = summary_cell_json(run, cell);

	(void)json_put(object, "limits", json_deep_copy(limits));
	(void)json_put(object, "trials", json_u64(cell->n_trials));
	(void)json_array_append_new(list, object);
	return summary_put_medians(run, cell, object, rounds_limits, ROUNDS_N_LIMITS, err);
}

int summary_add_limits(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *list = json_array();

	(void)json_put(summary, "limits", list);
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]];
		const json_t *limits = run_limits(run, cell);
		int r = limits ? add_limited(run, cell, limits, list, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

struct start {
	double round, ns;
};

/* One figure a round for each environment: the median over the loads of that round. */
struct starts {
	struct start *all;
	double *values;
	size_t n, n_values;
};

static void cleanup_startsp(struct starts *starts)
{
	free(starts->all);
	free(starts->values);
}
#define cleanup_starts __attribute__((cleanup(cleanup_startsp)))

static int add_start(const struct run *run, size_t env, const char *what, const struct starts *s,
		     json_t *list, struct tare_err *err)
{
	cleanup_free double *logs = calloc(s->n_values + 1, sizeof(*logs));
	struct location location;
	json_t *object, *values;
	int r;

	if (!logs)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < s->n_values; i++)
		logs[i] = log(s->values[i]);
	r = location_of(logs, s->n_values, &location, err);
	if (r < 0)
		return r;
	object = json_pack("{s:s, s:s, s:s, s:o}", "env", run->envs[env].label, "what", what,
			   "accel", run->envs[env].accel, "median_ns",
			   json_number(exp(location.estimate)));
	summary_put_interval(object, &location, true);
	values = json_array();
	for (size_t i = 0; i < s->n_values; i++)
		(void)json_array_append_new(values, json_number(s->values[i]));
	(void)json_put(object, "values_ns", values);
	return json_array_append_new(list, object) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int compare_starts(const void *a, const void *b)
{
	const struct start *one = a, *other = b;

	return (one->round > other->round) - (one->round < other->round);
}

/* The medians of the rounds go to values. */
static void medians_by_round(struct starts *s)
{
	cleanup_free double *of_round = calloc(s->n + 1, sizeof(*of_round));
	size_t n = 0;

	s->n_values = 0;
	qsort(s->all, s->n, sizeof(*s->all), compare_starts);
	for (size_t i = 0; of_round && i < s->n; i++) {
		of_round[n++] = s->all[i].ns;
		if (i + 1 < s->n && s->all[i + 1].round == s->all[i].round)
			continue;
		s->values[s->n_values++] = quantile_median(of_round, n);
		n = 0;
	}
}

static int starts_alloc(struct starts *s, size_t n, struct tare_err *err)
{
	s->all = calloc(n + 1, sizeof(*s->all));
	s->values = calloc(n + 1, sizeof(*s->values));
	return s->all && s->values ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* From "asked for" to "ready to play", on the clock of the kernel that ran it. */
static int add_ready(const struct run *run, size_t env, json_t *list, struct tare_err *err)
{
	cleanup_starts struct starts s = {0};
	int r = starts_alloc(&s, run->n_trials, err);

	for (size_t i = 0; r == 0 && i < run->n_trials; i++) {
		const struct run_trial *trial = &run->trials[i];
		const struct run_cell *cell = &run->cells[trial->cell];

		if (cell->env != env || cell->observed || !run_trial_counts(trial) ||
		    !(trial->ready_ns > 0))
			continue;
		s.all[s.n++] = (struct start){(double)trial->round, trial->ready_ns};
	}
	if (r < 0 || s.n == 0)
		return r;
	medians_by_round(&s);
	return add_start(run, env, "ready", &s, list, err);
}

/* Until the agent's hello. Each boot once: it is the instance's, whatever number of trials it
 * carried.
 */
static int add_boots(const struct run *run, size_t env, const char *kind, json_t *list,
		     struct tare_err *err)
{
	cleanup_starts struct starts s = {0};
	cleanup_json json_t *known = json_object();
	int r = starts_alloc(&s, run->n_trials, err);

	for (size_t i = 0; r == 0 && i < run->n_trials; i++) {
		const json_t *instance = run->trials[i].instance;
		const json_t *boot = json_object_get(instance, "boot");
		const char *id = json_string_or(instance, "id", "");
		double total = json_double_or(json_object_get(boot, "spans"), "hello", 0);

		if (run->cells[run->trials[i].cell].env != env || total <= 0 ||
		    strcmp(json_string_or(boot, "kind", ""), kind) != 0 ||
		    json_object_get(known, id))
			continue;
		(void)json_put(known, id, json_true());
		s.values[s.n_values++] = total;
	}
	if (r < 0 || s.n_values == 0)
		return r;
	return add_start(run, env, strcmp(kind, "cold") == 0 ? "boot-cold" : "boot-restored", &s,
			 list, err);
}

int summary_add_startup(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *list = json_array();
	int r = 0;

	(void)json_put(summary, "startup", list);
	for (size_t env = 0; r == 0 && env < run->n_envs; env++) {
		r = add_ready(run, env, list, err);
		if (r == 0)
			r = add_boots(run, env, "cold", list, err);
		if (r == 0)
			r = add_boots(run, env, "restored", list, err);
	}
	return r;
}
