/* SPDX-License-Identifier: MIT */
/* bench_coverage NOISE [RUNS]: how often the 95 % interval covers the truth, with this machine's
 * noise, by the very functions that `tare report` and `tare run --precision` call.
 *
 * NOISE has lines "WAY LOAD x...": log ratios of rounds in which a program was held against itself
 * (tests/data/make-noise). A simulated round draws one, with a random sign, since by chance alone
 * the two players could have had each other's names; an instance effect is another such draw, so
 * that instances differ as much as rounds do. The normal noise is that of aa_sim.py. The truth is
 * a ratio of 1.02. Exits 1 where a coverage is outside 93 to 97 %. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/noise.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/units.h"
#include "stats/levels.h"
#include "stats/stop.h"

#define RUNS_DEFAULT 20000
#define RUNS_MAX     1000000
#define TRUTH        0.0198026 /* log 1.02 */
#define ROUNDS_MAX   400
#define NOISE_MAX    2000 /* values of a line */
#define LOWEST       93.0
#define HIGHEST      97.0

struct noise {
	char way[16], load[32];
	double x[NOISE_MAX];
	size_t n; /* 0: normal */
};

static uint64_t seed = 20261126;

static double draw(const struct noise *noise)
{
	double x;

	if (noise->n == 0)
		return 0.01 * noise_normal(&seed);
	x = noise->x[(size_t)(noise_uniform(&seed) * (double)noise->n)];
	return noise_uniform(&seed) < 0.5 ? x : -x;
}

struct design {
	bool instances; /* they have an effect */
	size_t per;     /* rounds of an instance */
	size_t rounds;  /* 0: until the interval is narrow */
	double half;    /* then: how narrow */
};

struct result {
	size_t covered, stopped; /* of runs; stopped: by the interval */
	double rounds;           /* sum */
};

static void play(const struct noise *noise, const struct design *d, size_t begin, size_t end,
		 double *x, uint64_t *instance, double *effect)
{
	for (size_t i = begin; i < end; i++) {
		if (i % d->per == 0)
			*effect = d->instances ? draw(noise) : 0;
		x[i] = TRUTH + *effect + draw(noise);
		instance[i] = i / d->per;
	}
}

static int run_once(const struct noise *noise, const struct design *d, struct result *result,
		    struct tare_err *err)
{
	static double x[ROUNDS_MAX];
	static uint64_t instance[ROUNDS_MAX];
	struct levels levels;
	double effect = 0;
	size_t n = 0;

	for (;;) {
		size_t end = d->rounds ? d->rounds : d->per * stop_look(n / d->per + 1);
		bool last = d->rounds || end > ROUNDS_MAX;
		bool stop;
		int r;

		if (end > ROUNDS_MAX)
			end = ROUNDS_MAX;
		play(noise, d, n, end, x, instance, &effect);
		n = end;
		r = levels_of(x, instance, n, &levels, err);
		if (r < 0)
			return r;
		stop = !d->rounds && stop_is_look(levels.location.n) &&
		       stop_is_narrow(&levels.location, d->half);
		result->stopped += stop;
		if (stop || last)
			break;
	}
	result->covered += levels.location.low <= TRUTH && levels.location.high >= TRUTH;
	result->rounds += (double)n;
	return 0;
}

/* Prints a line; gives back whether the coverage is as wanted. */
static int simulate(const struct noise *noise, const struct design *d, uint64_t runs, bool *ok,
		    struct tare_err *err)
{
	struct result result = {0};
	double covered;

	for (uint64_t i = 0; i < runs; i++) {
		int r = run_once(noise, d, &result, err);

		if (r < 0)
			return r;
	}
	covered = 100 * (double)result.covered / (double)runs;
	*ok = covered >= LOWEST && covered <= HIGHEST;
	(void)printf("%-7s %-10s %-9s %3zu ", noise->way, noise->load,
		     d->instances ? "as rounds" : "none", d->per);
	if (d->rounds)
		(void)printf("%8zu          ", d->rounds);
	else
		(void)printf("%8.1f +-%5.2f%% ", result.rounds / (double)runs,
			     100 * expm1(d->half));
	(void)printf("%7.2f %%%s\n", covered, *ok ? "" : "  OUTSIDE");
	return 0;
}

static double spread_of(const struct noise *noise)
{
	double sum = 0;

	for (int i = 0; i < 4000; i++)
		sum += fabs(draw(noise)) / 4000;
	return sum;
}

static int simulate_noise(const struct noise *noise, uint64_t runs, size_t *outside,
			  struct tare_err *err)
{
	static const size_t rounds[] = {5, 10, 20, 50}, kept_for[] = {1, 2, 4, 5};
	static const double narrow[] = {0.9, 0.6, 0.35};
	double spread = spread_of(noise);
	bool ok;

	for (int effect = 0; effect < 2; effect++) {
		for (size_t i = 0; i < 4; i++) {
			for (size_t per = 1; per <= kept_for[i]; per += kept_for[i] - 1) {
				const struct design d = {effect, per, rounds[i], 0};
				int r = simulate(noise, &d, runs, &ok, err);

				if (r < 0)
					return r;
				*outside += !ok;
				if (kept_for[i] == 1)
					break;
			}
		}
		for (size_t i = 0; i < 3; i++) {
			double wide = effect ? M_SQRT2 : 1;
			size_t per = effect && i == 0 ? 3 : 1;
			const struct design d = {effect, per, 0, narrow[i] * spread * wide};
			int r = simulate(noise, &d, runs, &ok, err);

			if (r < 0)
				return r;
			*outside += !ok;
		}
	}
	return 0;
}

static int read_noise(const char *line, struct noise *ret, struct tare_err *err)
{
	int used = 0;
	const char *at;

	*ret = (struct noise){.n = 0};
	if (sscanf(line, "%15s %31s %n", ret->way, ret->load, &used) != 2)
		return err_set(err, EBADMSG, "no noise: '%.40s'", line);
	for (at = line + used; ret->n < NOISE_MAX; ret->n++) {
		char *end;
		double x = strtod(at, &end);

		if (end == at)
			break;
		ret->x[ret->n] = x;
		at = end;
	}
	return ret->n >= 30 ? 0
			    : err_set(err, EBADMSG, "%s %s has %zu values, 30 are needed", ret->way,
				      ret->load, ret->n);
}

static int simulate_all(const char *path, uint64_t runs, size_t *outside, struct tare_err *err)
{
	static struct noise noise = {"normal", "aa_sim", {0}, 0};
	cleanup_fclose FILE *file = fopen(path, "re");
	cleanup_free char *line = NULL;
	size_t room = 0;
	int r;

	if (!file)
		return err_errno(err, "open '%s'", path);
	(void)printf("%llu runs a line; 0.95 is claimed, %.0f to %.0f %% are wanted\n"
		     "%-7s %-10s %-9s per %8s %8s %9s\n",
		     (unsigned long long)runs, LOWEST, HIGHEST, "noise", "load", "instances",
		     "rounds", "until", "covered");
	r = simulate_noise(&noise, runs, outside, err);
	while (r == 0 && getline(&line, &room, file) > 0) {
		if (*line == '#')
			continue;
		r = read_noise(line, &noise, err);
		if (r == 0)
			r = simulate_noise(&noise, runs, outside, err);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct tare_err err = {0};
	uint64_t runs = RUNS_DEFAULT;
	size_t outside = 0;
	int r = argc < 2 ? err_set(&err, EINVAL, "usage: bench_coverage NOISE [RUNS]") : 0;

	if (r == 0 && argc > 2)
		r = units_parse_count("RUNS", argv[2], 10000, RUNS_MAX, &runs, &err);
	if (r == 0)
		r = simulate_all(argv[1], runs, &outside, &err);
	if (r < 0) {
		(void)fprintf(stderr, "bench_coverage: %s\n", err.msg);
		return 1;
	}
	(void)printf("%zu outside %.0f to %.0f %%\n", outside, LOWEST, HIGHEST);
	return outside > 0;
}
