/* SPDX-License-Identifier: MIT */
/* Ratios of environments to the baseline, one log ratio a round; and what the observers cost. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/rounds.h"
#include "report/summary.h"
#include "stats/quantile.h"
#include "stats/verdict.h"

struct ratio {
	const struct run_cell *cell;
	const char *metric;
	struct levels levels;
	struct verdict_ps ps;
	size_t together; /* so many ratios of its question are corrected together */
	double resolution, pairs;
	size_t unpaired; /* rounds in which both ran, but never in the same pass */
};

struct ratios {
	struct ratio *items;
	size_t n;
};

static void cleanup_ratiosp(struct ratios *ratios)
{
	free(ratios->items);
}
#define cleanup_ratios __attribute__((cleanup(cleanup_ratiosp)))

/* quantile 0: of the time per operation. */
static int add_ratio(const struct run *run, const struct run_cell *cell,
		     const struct run_cell *base, const char *metric, double quantile,
		     struct ratios *ratios, struct tare_err *err)
{
	cleanup_sample struct sample sample = {0};
	cleanup_free double *pairs = calloc(cell->n_trials + 1, sizeof(*pairs));
	struct ratio ratio = {.cell = cell, .metric = metric};
	int r = pairs ? sample_make(cell, &sample, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	rounds_ratio(run, cell, base, quantile, &sample, pairs, &ratio.unpaired);
	if (sample.n == 0)
		return 0;
	r = levels_of(sample.x, sample.instance, sample.n, &ratio.levels, err);
	if (r < 0)
		return r;
	ratio.pairs = quantile_median(pairs, sample.n);
	ratio.resolution = quantile > 0 ? log1p(HISTOGRAM_RESOLUTION) : 0;
	ratios->items[ratios->n++] = ratio;
	return 0;
}

/* One question is what a group asks in one mode: what do these environments cost these loads? Its
 * ratios are claimed together, so they are corrected together. The percentiles of a latency group
 * do not weaken the central figure, which is asked of rounds of its own. */
static bool same_question(const struct ratio *a, const struct ratio *b)
{
	bool latency = strcmp(a->cell->mode, "latency") == 0;

	return strcmp(a->cell->group, b->cell->group) == 0 &&
	       latency == (strcmp(b->cell->mode, "latency") == 0);
}

static int correct_p(struct ratios *ratios, double effect, struct tare_err *err)
{
	cleanup_free struct verdict_ps **question =
		calloc(ratios->n + 1, sizeof(*question)); /* NOLINT: they are pointers */
	int r = question ? 0 : err_set(err, ENOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i < ratios->n; i++)
		verdict_ps_of(&ratios->items[i].levels.location, effect, &ratios->items[i].ps);
	for (size_t i = 0; r == 0 && i < ratios->n; i++) {
		size_t n = 0;

		if (ratios->items[i].together > 0)
			continue;
		for (size_t j = i; j < ratios->n; j++)
			if (same_question(&ratios->items[i], &ratios->items[j]))
				question[n++] = &ratios->items[j].ps;
		for (size_t j = i; j < ratios->n; j++)
			if (same_question(&ratios->items[i], &ratios->items[j]))
				ratios->items[j].together = n;
		r = verdict_correct(question, n, err);
	}
	return r;
}

json_t *summary_why_inconclusive(const struct location *l, double effect)
{
	size_t needed = location_rounds_for(l, log1p(effect));

	if (l->method == LOCATION_NONE)
		return json_sprintf("%zu round%s: an interval needs %d", l->n, l->n == 1 ? "" : "s",
				    LOCATION_ROUNDS_MIN);
	if (needed > l->n)
		return json_sprintf("holds 1 and effects that matter: about %zu rounds would "
				    "narrow it to that",
				    needed);
	return json_string("holds 1, and reaches beyond the smallest effect of interest");
}

json_t *summary_why(const struct location *l, const struct verdict_ps *ps, enum verdict verdict,
		    double effect)
{
	if (verdict == VERDICT_NOT_RESOLVABLE)
		return json_sprintf("smaller than a bucket of the histogram (%.1f %%)",
				    100 * HISTOGRAM_RESOLUTION);
	if (verdict != VERDICT_INCONCLUSIVE)
		return NULL;
	if (l->method != LOCATION_NONE && l->low > -log1p(effect) && l->high < log1p(effect))
		return json_sprintf("within the smallest effect of interest only without Holm's "
				    "correction (p = %.2g)",
				    ps->outside_holm);
	if (l->method != LOCATION_NONE && (l->low > 0 || l->high < 0))
		return json_sprintf("excludes 1 only without Holm's correction (p = %.2g)",
				    ps->differs_holm);
	return summary_why_inconclusive(l, effect);
}

/* How narrow intervals are wanted: as asked for, else as it takes to tell the effect. */
static double wanted_half(const struct run *run, double effect)
{
	double pct = json_double_or(json_object_get(run->manifest, "campaign"), "precision_pct", 0);

	return log1p(pct > 0 && pct <= 100 ? pct / 100 : effect);
}

static json_t *ratio_json(const struct run *run, const struct ratio *ratio, double effect,
			  const struct levels_cost *cost)
{
	const struct location *l = &ratio->levels.location;
	enum verdict verdict = verdict_of_many(l, &ratio->ps, effect, ratio->resolution);
	json_t *object = summary_cell_json(run, ratio->cell);
	json_t *why = summary_why(l, &ratio->ps, verdict, effect);

	(void)json_put(object, "baseline", json_string(run_baseline(run)));
	for (size_t i = 0; i < run->n_envs; i++)
		if (strcmp(run->envs[i].label, run_baseline(run)) == 0)
			summary_put_marks(object, "baseline_marks", &run->envs[i]);
	(void)json_put(object, "metric", json_string(ratio->metric));
	(void)json_put(object, "ratio", json_number(exp(l->estimate)));
	summary_put_levels(object, &ratio->levels, true);
	(void)json_put(object, "p", json_number(l->p));
	(void)json_put(object, "p_holm", json_number(ratio->ps.differs_holm));
	(void)json_put(object, "p_outside", json_number(ratio->ps.outside));
	(void)json_put(object, "p_outside_holm", json_number(ratio->ps.outside_holm));
	(void)json_put(object, "corrected_over", json_u64(ratio->together));
	(void)json_put(object, "pairs", json_number(ratio->pairs));
	(void)json_put(object, "unpaired_rounds", json_u64(ratio->unpaired));
	(void)json_put(object, "verdict", json_string(verdict_name(verdict)));
	if (why)
		(void)json_put(object, "why", why);
	summary_put_more(object, &ratio->levels, wanted_half(run, effect), cost);
	return object;
}

static int add_ratios_of(const struct run *run, const struct run_cell *cell,
			 const struct run_cell *base, struct ratios *ratios, struct tare_err *err)
{
	int r;

	if (strcmp(cell->mode, "latency") != 0)
		return add_ratio(run, cell, base, "ns_per_op", 0, ratios, err);
	r = add_ratio(run, cell, base, "latency_p50", 0.5, ratios, err);
	return r < 0 ? r : add_ratio(run, cell, base, "latency_p99", 0.99, ratios, err);
}

static const struct run_cell *base_of(const struct run *run, const struct run_cell *cell)
{
	for (size_t env = 0; env < run->n_envs; env++) {
		if (strcmp(run->envs[env].label, run_baseline(run)) == 0)
			return env == cell->env ? NULL : run_find_cell(run, cell, env);
	}
	return NULL;
}

int summary_add_ratios(const struct run *run, json_t *summary, struct tare_err *err)
{
	double effect = json_double_or(summary, "effect_pct", 0) / 100;
	cleanup_ratios struct ratios ratios = {calloc(2 * run->n_cells + 1, sizeof(struct ratio)),
					       0};
	json_t *list = json_array();
	struct levels_cost cost;
	int r;

	(void)json_put(summary, "ratios", list);
	rounds_cost(run, &cost);
	if (!ratios.items)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]],
				      *base = base_of(run, cell);

		/* The central figure never comes from an observed round. */
		if (!base || cell->observed)
			continue;
		r = add_ratios_of(run, cell, base, &ratios, err);
		if (r < 0)
			return r;
	}
	r = correct_p(&ratios, effect, err);
	for (size_t i = 0; r == 0 && i < ratios.n; i++)
		(void)json_array_append_new(list, ratio_json(run, &ratios.items[i], effect, &cost));
	return r;
}

/* The effect that the same environment shows where nobody watches: the log of its ratio. */
static double effect_of(const json_t *summary, const json_t *plain)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(summary, "ratios"), i, row)
	{
		static const char *const keys[] = {"group", "env", "load", "params", "mode"};
		bool same = strcmp(json_string_or(row, "metric", ""), "ns_per_op") == 0;

		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
			same = same && json_equal(json_object_get(row, keys[k]),
						  json_object_get(plain, keys[k]));
		if (same)
			return log(json_double_or(row, "ratio", NAN));
	}
	return NAN;
}

/* What a collector tells of a difference between two environments can be its own doing as long as
 * it may cost more than that difference. */
static void put_resolvable(const json_t *summary, const struct run *run,
			   const struct run_cell *plain, const struct location *cost,
			   json_t *object)
{
	cleanup_json json_t *of = summary_cell_json(run, plain);
	double effect = effect_of(summary, of), most = fmax(fabs(cost->low), fabs(cost->high));

	if (isnan(effect) || cost->method == LOCATION_NONE)
		return;
	(void)json_put(object, "effect", json_number(exp(effect)));
	(void)json_put(object, "verdict",
		       json_string(fabs(effect) > most ? "resolvable"
						       : verdict_name(VERDICT_NOT_RESOLVABLE)));
}

/* Observed and timed rounds take no turns with each other, so this is a wide interval. */
static int add_observed(const struct run *run, const struct run_cell *cell,
			const struct run_cell *plain, json_t *summary, struct tare_err *err)
{
	cleanup_free double *x = calloc(cell->n_trials + 1, sizeof(*x));
	struct location location;
	json_t *object;
	size_t n = 0;
	int r;

	if (!x)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t k = 0; k < cell->n_trials; k++) {
		const struct run_trial *a = &run->trials[cell->trials[k]];
		const struct run_trial *b = run_trial_of_round(run, plain, a->round);

		if (run_trial_counts(a) && b && a->median_ns > 0 && b->median_ns > 0)
			x[n++] = log(a->median_ns / b->median_ns);
	}
	if (n == 0)
		return 0;
	r = location_of(x, n, &location, err);
	if (r < 0)
		return r;
	object = summary_cell_json(run, cell);
	(void)json_put(object, "ratio", json_number(exp(location.estimate)));
	summary_put_interval(object, &location, true);
	put_resolvable(summary, run, plain, &location, object);
	(void)json_array_append_new(json_object_get(summary, "observer"), object);
	return 0;
}

int summary_add_observer(const struct run *run, json_t *summary, struct tare_err *err)
{
	int r = 0;

	(void)json_put(summary, "observer", json_array());
	for (size_t i = 0; i < run->n_cells && r == 0; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]];
		const struct run_cell *plain = cell->observed ? run_plain_cell(run, cell) : NULL;

		if (plain)
			r = add_observed(run, cell, plain, summary, err);
	}
	return r;
}
