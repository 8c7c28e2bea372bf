/* SPDX-License-Identifier: MIT */
#include "report/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/fingerprint.h"
#include "report/compare_internal.h"
#include "report/rounds.h"
#include "report/summary.h"

const char *compare_kind_name(enum compare_kind kind)
{
	static const char *const names[] = {"ratios", "times", "figures"};

	return names[kind];
}

static void cleanup_comparep(struct compare *c)
{
	run_free(c->run[0]);
	run_free(c->run[1]);
	free(c->rows);
	free(c->lost);
}
#define cleanup_compare __attribute__((cleanup(cleanup_comparep)))

/* One question is a kind of figure: that any cell of a hundred changed is easily true by chance. */
static int correct_p(struct compare *c, struct tare_err *err)
{
	cleanup_free struct verdict_ps **question =
		calloc(c->n_rows + 1, sizeof(*question)); /* NOLINT: they are pointers */

	if (!question)
		return err_set(err, ENOMEM, "out of memory");
	for (int kind = 0; kind < COMPARE_N_KINDS; kind++) {
		size_t n = 0;
		int r;

		for (size_t i = 0; i < c->n_rows; i++) {
			struct compare_row *row = &c->rows[i];

			if ((int)row->kind != kind)
				continue;
			verdict_ps_of(&row->change, c->effect, &row->ps);
			if (row->change.method)
				question[n++] = &row->ps;
		}
		r = verdict_correct(question, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* By default an absolute time fails nothing, where there are ratios: it holds what the machine and
 * its neighbours did in the meantime. What was asked for by --only counts. */
static bool row_counts(const struct compare *c, const struct compare_row *row)
{
	for (int k = 0; k < COMPARE_N_KINDS; k++)
		if (c->options->only[k])
			return true;
	if (row->kind == COMPARE_RATIOS || row->of_limit)
		return true;
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i].kind == COMPARE_RATIOS)
			return false;
	return true;
}

static bool is_worse(const struct compare *c, const struct compare_row *row, enum verdict verdict)
{
	bool higher = verdict == VERDICT_SLOWER, lower = verdict == VERDICT_FASTER;

	/* The interval must exclude that nothing changed, the estimate that it is too little. */
	if (fabs(row->change.estimate) <= log1p(c->effect))
		return false;
	switch (row->worse) {
	case COMPARE_HIGHER:
		return higher;
	case COMPARE_LOWER:
		return lower;
	case COMPARE_EITHER:
		return higher || lower;
	case COMPARE_NEITHER:
		break;
	}
	return false;
}

static const char *verdict_word(const struct compare_row *row, enum verdict verdict)
{
	if (row->kind == COMPARE_FIGURES && verdict == VERDICT_SLOWER)
		return "higher";
	if (row->kind == COMPARE_FIGURES && verdict == VERDICT_FASTER)
		return "lower";
	return verdict_name(verdict);
}

static json_t *side_json(const struct location *location, bool logs)
{
	json_t *side = json_object();

	(void)json_put(side, "value",
		       json_number(logs ? exp(location->estimate) : location->estimate));
	summary_put_interval(side, location, logs);
	return side;
}

static json_t *cell_json(const struct compare *c, int of, const struct run_cell *cell)
{
	json_t *object = summary_cell_json(c->run[of], cell);
	const json_t *limits = run_limits(c->run[of], cell);

	(void)json_put(object, "shown", json_string(c->run[of]->envs[cell->env].shown));
	if (limits)
		(void)json_put(object, "limits", json_deep_copy(limits));
	return object;
}

static json_t *row_json(const struct compare *c, const struct compare_row *row)
{
	enum verdict verdict = verdict_of_many(&row->change, &row->ps, c->effect, row->resolution);
	bool counts = row_counts(c, row), worse = is_worse(c, row, verdict);
	json_t *object = cell_json(c, 0, row->cell[0]);
	json_t *why = row->no_log ? json_string("a round has 0, of which there is no ratio")
				  : summary_why(&row->change, &row->ps, verdict, c->effect);

	(void)json_put(object, "kind", json_string(compare_kind_name(row->kind)));
	if (row->kind == COMPARE_RATIOS)
		(void)json_put(object, "baseline", json_string(c->baseline));
	(void)json_put(object, "metric", json_string(row->metric));
	(void)json_put(object, "unit", json_string(row->unit));
	(void)json_put(object, "a", side_json(&row->of[0], !row->no_log));
	(void)json_put(object, "b", side_json(&row->of[1], !row->no_log));
	(void)json_put(object, "change", json_number(exp(row->change.estimate)));
	summary_put_interval(object, &row->change, true);
	(void)json_put(object, "p", json_number(row->change.p));
	(void)json_put(object, "p_holm", json_number(row->ps.differs_holm));
	(void)json_put(object, "p_outside", json_number(row->ps.outside));
	(void)json_put(object, "p_outside_holm", json_number(row->ps.outside_holm));
	(void)json_put(object, "verdict", json_string(verdict_word(row, verdict)));
	(void)json_put(object, "worse", json_boolean(worse));
	(void)json_put(object, "regression", json_boolean(worse && counts));
	if (why)
		(void)json_put(object, "why", why);
	(void)json_put(object, "sentence", compare_sentence(object));
	return object;
}

/* What a run could measure and the later one cannot is a regression. */
static json_t *lost_json(const struct compare *c, const struct compare_lost *lost)
{
	json_t *object = cell_json(c, lost->has, lost->cell);
	bool failed = lost->has == 0 && lost->failed;

	(void)json_put(object, "only_in", json_string(lost->has ? "b" : "a"));
	if (*lost->why)
		(void)json_put(object, "why", json_string(lost->why));
	(void)json_put(object, "regression", json_boolean(failed));
	(void)json_put(object, "sentence", compare_sentence(object));
	return object;
}

/* Sentences of what is not as it was, and how many of them are regressions. */
static void add_findings(json_t *comparison)
{
	json_t *findings = json_array(), *row;
	json_int_t regressions = 0;
	size_t i;

	json_array_foreach(json_object_get(comparison, "changes"), i, row)
	{
		static const char words[] = "slower faster higher lower";

		if (!text_has_word(words, " ", json_string_or(row, "verdict", "")))
			continue;
		(void)json_array_append(findings, json_object_get(row, "sentence"));
		regressions += json_bool_or(row, "regression", false);
	}
	json_array_foreach(json_object_get(comparison, "not_in_both"), i, row)
	{
		if (!json_bool_or(row, "regression", false))
			continue;
		(void)json_array_append(findings, json_object_get(row, "sentence"));
		regressions++;
	}
	(void)json_put(comparison, "findings", findings);
	(void)json_put(comparison, "regressions", json_integer(regressions));
}

static json_t *run_json(const struct run *run, const char *dir)
{
	json_int_t counted = 0;
	uint64_t rounds = 0;

	for (size_t i = 0; i < run->n_trials; i++) {
		counted += run_trial_counts(&run->trials[i]);
		rounds = run->trials[i].round >= rounds ? run->trials[i].round + 1 : rounds;
	}
	return json_pack("{s:o, s:s, s:o, s:o, s:I, s:o, s:b}", "folder", json_string(dir), "run",
			 json_string_or(run->manifest, "run", ""), "rounds", json_u64(rounds),
			 "records", json_u64(run->n_trials), "counted", counted, "baseline",
			 json_string(run_baseline(run)), "torn", run->torn);
}

static int to_json(const struct compare *c, const char *const dirs[2], json_t **ret,
		   struct tare_err *err)
{
	json_t *changes = json_array(), *lost = json_array();
	cleanup_json json_t *comparison = json_pack(
		"{s:s, s:s, s:o, s:o, s:s, s:o, s:b, s:o, s:o}", "schema", "tare.compare/1", "tare",
		TARE_VERSION, "a", run_json(c->run[0], dirs[0]), "b", run_json(c->run[1], dirs[1]),
		"baseline", c->baseline, "effect_pct", json_number(100 * c->effect), "same_machine",
		!c->other_machine, "changes", changes, "not_in_both", lost);

	if (!comparison)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->n_rows; i++)
		(void)json_array_append_new(changes, row_json(c, &c->rows[i]));
	for (size_t i = 0; i < c->n_lost; i++)
		(void)json_array_append_new(lost, lost_json(c, &c->lost[i]));
	add_findings(comparison);
	compare_add_ledger(c, comparison);
	*ret = json_incref(comparison);
	return 0;
}

static int check_machines(struct compare *c, struct tare_err *err)
{
	const json_t *a = json_object_get(c->run[0]->manifest, "machine"),
		     *b = json_object_get(c->run[1]->manifest, "machine");

	c->other_machine = fingerprint_other_machine(a, b);
	if (!c->other_machine || c->options->different_machines)
		return 0;
	return err_set(err, EXDEV,
		       "the runs are of different machines ('%s' is not the same): "
		       "--different-machines compares them all the same",
		       c->other_machine);
}

static double effect_of(const struct compare *c)
{
	const json_t *campaign = json_object_get(c->run[0]->manifest, "campaign");
	double pct = c->options->effect_pct > 0 ? c->options->effect_pct
						: json_double_or(campaign, "effect_pct", 0);

	return pct > 0 && pct <= 100 ? pct / 100 : VERDICT_EFFECT_DEFAULT;
}

int compare_runs(const char *dir_a, const char *dir_b, const struct compare_options *options,
		 json_t **ret, struct tare_err *err)
{
	cleanup_compare struct compare c = {.options = options};
	int r;

	if ((r = run_load(dir_a, &c.run[0], err)) < 0 ||
	    (r = run_load(dir_b, &c.run[1], err)) < 0 || (r = check_machines(&c, err)) < 0)
		return r;
	c.effect = effect_of(&c);
	(void)snprintf(c.baseline, sizeof(c.baseline), "%s", run_baseline(c.run[0]));
	if ((r = compare_collect(&c, err)) < 0 || (r = correct_p(&c, err)) < 0)
		return r;
	return to_json(&c, (const char *const[]){dir_a, dir_b}, ret, err);
}
