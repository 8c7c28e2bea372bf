/* SPDX-License-Identifier: MIT */
/* What a run found of what is known: environments that are the same twice, and slowdowns that were
 * put on. They are judged as all others are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/rounds.h"
#include "report/summary.h"
#include "stats/binomial.h"
#include "stats/quantile.h"

/* Of `comparisons` with an interval, `found` did: a share, and what it tells. */
struct tally {
	double slowdown_pct;
	size_t comparisons, found;
	size_t called; /* of equal ones: slower or faster */
};

/* The share of an operation that was added to it, in each round that counts. */
static double known_pct(const struct run *run, const struct run_cell *twin,
			const struct run_cell *base, double *x)
{
	size_t n = 0;

	for (size_t i = 0; i < twin->n_trials; i++) {
		const struct run_trial *a = &run->twins->trials[twin->trials[i]];
		const struct run_trial *b = run_trial_of_round(run, base, a->round);
		cleanup_json json_t *record = NULL;

		if (!run_trial_counts(a) || !b || !(b->median_ns > 0))
			continue;
		record = run_record(a);
		x[n] = 100 * json_double_or(json_object_get(record, "self_test"), "delay_ns", NAN) /
		       b->median_ns;
		n += isfinite(x[n]);
	}
	return quantile_median(x, n);
}

static const struct run_cell *base_of(const struct run *run, const struct run_cell *twin)
{
	const char *label = run->twins->envs[twin->env].twin_of;

	for (size_t env = 0; env < run->n_envs; env++)
		if (strcmp(run->envs[env].label, label) == 0)
			return run_find_cell(run, twin, env);
	return NULL;
}

static json_t *row_json(const struct run *run, const struct run_cell *twin,
			const struct location *l, enum verdict verdict, double known)
{
	const struct run_env *env = &run->twins->envs[twin->env];
	json_t *row = summary_cell_json(run->twins, twin);

	(void)json_put(row, "of", json_string(env->twin_of));
	(void)json_put(row, "slowdown_pct", json_number(env->slowdown_pct));
	(void)json_put(row, "known_pct", env->slowdown_pct > 0 ? json_number(known) : json_null());
	(void)json_put(row, "ratio", json_number(exp(l->estimate)));
	summary_put_interval(row, l, true);
	(void)json_put(row, "excludes_1",
		       json_boolean(l->method != LOCATION_NONE && (l->low > 0 || l->high < 0)));
	(void)json_put(row, "verdict", json_string(verdict_name(verdict)));
	return row;
}

static int add_row(const struct run *run, const struct run_cell *twin, double effect, json_t *rows,
		   struct tare_err *err)
{
	cleanup_sample struct sample sample = {0};
	const struct run_cell *base = base_of(run, twin);
	struct levels levels;
	const struct location *l = &levels.location;
	json_t *row;
	int r = sample_make(twin, &sample, err);

	if (r < 0)
		return r;
	if (base)
		rounds_twin_ratio(run, twin, base, &sample);
	if (sample.n == 0)
		return 0;
	r = levels_of(sample.x, sample.instance, sample.n, &levels, err);
	if (r < 0)
		return r;
	/* One question, one metric: there is nothing to correct p for. */
	row = row_json(run, twin, l, verdict_of(l, l->p, effect, 0),
		       known_pct(run, twin, base, sample.x));
	return json_array_append_new(rows, row) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static void count_row(const json_t *row, struct tally *tally)
{
	const char *verdict = json_string_or(row, "verdict", "");
	bool slower = strcmp(verdict, "slower") == 0;

	if (!json_is_array(json_object_get(row, "ci")) ||
	    json_double_or(row, "slowdown_pct", NAN) != tally->slowdown_pct)
		return;
	tally->comparisons++;
	tally->called += slower || strcmp(verdict, "faster") == 0;
	tally->found += tally->slowdown_pct > 0 ? slower : json_bool_or(row, "excludes_1", false);
}

static json_t *tally_json(const struct tally *tally)
{
	double low, high;

	binomial_interval(tally->found, tally->comparisons, LOCATION_LEVEL, &low, &high);
	return json_pack("{s:o, s:o, s:o, s:o, s:[f, f]}", "slowdown_pct",
			 json_number(tally->slowdown_pct), "comparisons",
			 json_u64(tally->comparisons), "found", json_u64(tally->found), "share",
			 json_number(tally->comparisons
					     ? (double)tally->found / (double)tally->comparisons
					     : NAN),
			 "ci", low, high);
}

static struct tally count_rows(const json_t *rows, double slowdown_pct)
{
	struct tally tally = {.slowdown_pct = slowdown_pct};
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) count_row(row, &tally);
	return tally;
}

static json_t *false_alarms_json(const json_t *rows)
{
	struct tally same = count_rows(rows, 0);
	json_t *object = tally_json(&same);

	(void)json_object_del(object, "slowdown_pct");
	(void)json_put(object, "called", json_u64(same.called));
	return object;
}

/* One entry a known slowdown, in the order of the environments. */
static json_t *power_json(const struct run *run, const json_t *rows)
{
	json_t *power = json_array();

	for (size_t i = 0; i < run->twins->n_envs; i++) {
		double pct = run->twins->envs[i].slowdown_pct;
		struct tally tally = count_rows(rows, pct);
		bool known = !(pct > 0);

		for (size_t k = 0; k < i; k++)
			known |= run->twins->envs[k].slowdown_pct == pct;
		if (!known)
			(void)json_array_append_new(power, tally_json(&tally));
	}
	return power;
}

int summary_add_self_test(const struct run *run, json_t *summary, struct tare_err *err)
{
	double effect = json_double_or(summary, "effect_pct", 0) / 100;
	json_t *rows, *self_test;

	if (!run->twins)
		return 0;
	rows = json_array();
	self_test = json_pack("{s:o}", "rows", rows);
	if (json_put(summary, "self_test", self_test) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < run->twins->n_cells; i++) {
		int r = add_row(run, &run->twins->cells[run->twins->order[i]], effect, rows, err);

		if (r < 0)
			return r;
	}
	(void)json_put(self_test, "false_alarms", false_alarms_json(rows));
	(void)json_put(self_test, "power", power_json(run, rows));
	return 0;
}
