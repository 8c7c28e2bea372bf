/* SPDX-License-Identifier: MIT */
#include "stats/verdict.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

struct place {
	double p;
	size_t at;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

int verdict_holm(double *p, size_t n, struct tare_err *err)
{
	cleanup_free struct place *place = calloc(n + 1, sizeof(*place));
	double largest = 0;

	if (!place)
		return err_set(err, ENOMEM, "no memory for %zu verdicts", n);
	for (size_t i = 0; i < n; i++)
		place[i] = (struct place){p[i], i};
	qsort(place, n, sizeof(*place), compare_places);
	for (size_t i = 0; i < n; i++) {
		largest = fmax(largest, fmin(1, (double)(n - i) * place[i].p));
		p[place[i].at] = largest;
	}
	return 0;
}

void verdict_ps_of(const struct location *location, double effect, struct verdict_ps *ret)
{
	double outside = location_p_outside(location, log1p(effect));
	double differs = location_p_for_many(location);

	*ret = (struct verdict_ps){location->p, differs, outside, outside};
}

int verdict_correct(struct verdict_ps *const *question, size_t n, struct tare_err *err)
{
	cleanup_free double *p = calloc(n + 1, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, ENOMEM, "no memory for %zu verdicts", n);
	for (size_t i = 0; i < n; i++)
		p[i] = question[i]->differs_holm;
	r = verdict_holm(p, n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		question[i]->differs_holm = fmax(p[i], question[i]->differs);
		p[i] = question[i]->outside_holm;
	}
	r = r < 0 ? r : verdict_holm(p, n, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		question[i]->outside_holm = p[i];
	return r;
}

enum verdict verdict_of_many(const struct location *location, const struct verdict_ps *ps,
			     double effect, double resolution)
{
	double bound = log1p(effect), most = 1 - LOCATION_LEVEL;

	if (location->method == LOCATION_NONE)
		return VERDICT_INCONCLUSIVE;
	if (resolution > 0 && fabs(location->estimate) < resolution)
		return VERDICT_NOT_RESOLVABLE;
	/* Symmetric on the log scale: 1 / (1 + effect) is nearer to 1 than 1 - effect. */
	if (location->low > -bound && location->high < bound)
		return ps->outside_holm <= most ? VERDICT_EQUIVALENT : VERDICT_INCONCLUSIVE;
	if (ps->differs_holm > most)
		return VERDICT_INCONCLUSIVE;
	if (location->low > 0)
		return VERDICT_SLOWER;
	return location->high < 0 ? VERDICT_FASTER : VERDICT_INCONCLUSIVE;
}

enum verdict verdict_of(const struct location *location, double p, double effect, double resolution)
{
	const struct verdict_ps ps = {.differs_holm = p, .outside_holm = 0};

	return verdict_of_many(location, &ps, effect, resolution);
}

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_INCONCLUSIVE] = "inconclusive",
		[VERDICT_EQUIVALENT] = "equivalent",
		[VERDICT_SLOWER] = "slower",
		[VERDICT_FASTER] = "faster",
		[VERDICT_NOT_RESOLVABLE] = "not-resolvable",
	};

	return names[verdict];
}
