/* SPDX-License-Identifier: MIT */
/* What a round takes, and what it takes more when it begins a guest's life. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "report/rounds.h"
#include "stats/quantile.h"

struct begin {
	uint64_t round, asked_ns;
	const char *guest; /* NULL: none */
};

static int compare_begins(const void *a, const void *b)
{
	const struct begin *x = a, *y = b;

	if (x->round != y->round)
		return x->round < y->round ? -1 : 1;
	return (x->asked_ns > y->asked_ns) - (x->asked_ns < y->asked_ns);
}

/* The first trial of each round, in order of rounds; a guest is that of the round's first. */
static size_t begins_of(const struct run *run, struct begin *begins)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < run->n_trials; i++) {
		const struct run_trial *trial = &run->trials[i];
		bool host = strcmp(json_string_or(trial->instance, "machine", "host"), "host") == 0;

		if (trial->asked_ns == 0 || trial->superseded)
			continue;
		begins[n++] =
			(struct begin){trial->round, trial->asked_ns,
				       host ? NULL : json_string_or(trial->instance, "id", NULL)};
	}
	qsort(begins, n, sizeof(*begins), compare_begins);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || begins[i].round != begins[kept - 1].round)
			begins[kept++] = begins[i];
		else if (!begins[kept - 1].guest)
			begins[kept - 1].guest = begins[i].guest;
	}
	return kept;
}

/* The time from one round to the next; a guest is taken down after its last round and the next one
 * booted before the first trial of its own, so that belongs to the round before. Medians: between
 * two sittings there may be days. */
void rounds_cost(const struct run *run, struct levels_cost *ret)
{
	cleanup_free struct begin *begins = calloc(run->n_trials + 1, sizeof(*begins));
	cleanup_free double *same = calloc(run->n_trials + 1, sizeof(*same));
	cleanup_free double *renewed = calloc(run->n_trials + 1, sizeof(*renewed));
	size_t n, n_same = 0, n_renewed = 0;

	*ret = (struct levels_cost){0, 0};
	if (!begins || !same || !renewed)
		return;
	n = begins_of(run, begins);
	for (size_t i = 0; i + 1 < n; i++) {
		const struct begin *a = &begins[i], *b = &begins[i + 1];
		double s = ((double)b->asked_ns - (double)a->asked_ns) / 1e9;

		if (b->round != a->round + 1 || s <= 0)
			continue;
		if (a->guest && b->guest && strcmp(a->guest, b->guest) == 0)
			same[n_same++] = s;
		else
			renewed[n_renewed++] = s;
	}
	if (n_same == 0 && n_renewed == 0)
		return;
	ret->round_s = quantile_median(n_same ? same : renewed, n_same ? n_same : n_renewed);
	if (n_same && n_renewed)
		ret->instance_s = fmax(0, quantile_median(renewed, n_renewed) - ret->round_s);
}
