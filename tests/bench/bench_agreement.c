/* SPDX-License-Identifier: MIT */
/* bench_agreement: what tare and its peers told of the same operations, as a table, for
 * bench-agreement. stdin: a line a round, OPERATION,PEER,TARE,TARE,PEER,PEER,TURNS: ns. They agree
 * where the ratio is within 3 % of 1, or, if that is wider, 1 is within its 95 % interval. Exits
 * with 1 if some do not. What tare told in turns is held against the peer without a verdict. */

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "rounds.h"
#include "stats/location.h"

#define OPERATIONS_MAX 32
#define NAME_MAX_SIZE  64
#define BAR            0.03
#define FIGURES        5 /* of a line */

struct operation {
	char name[NAME_MAX_SIZE], peer[NAME_MAX_SIZE];
	size_t n;
	/* Logs; turns: to the peer. */
	double tare[ROUNDS_MAX], peers[ROUNDS_MAX], ratio[ROUNDS_MAX], turns[ROUNDS_MAX];
};

static struct operation operations[OPERATIONS_MAX];

static struct operation *find(const char *name, const char *peer)
{
	for (size_t i = 0; i < OPERATIONS_MAX; i++) {
		struct operation *at = &operations[i];

		if (at->n == 0) {
			(void)snprintf(at->name, sizeof(at->name), "%.63s", name);
			(void)snprintf(at->peer, sizeof(at->peer), "%.63s", peer);
		}
		if (strcmp(at->name, name) == 0 && strcmp(at->peer, peer) == 0)
			return at->n < ROUNDS_MAX ? at : NULL;
	}
	return NULL;
}

/* One figure, which is above 0, and what follows it. */
static bool take(char **at, char end, double *ret)
{
	char *text = *at;

	*ret = strtod(text, at);
	if (*at == text || **at != end || !isfinite(*ret) || *ret <= 0)
		return false;
	(*at)++;
	return true;
}

static int read_round(char *line, struct tare_err *err)
{
	char *peer = strchr(line, ','), *at = peer ? strchr(peer + 1, ',') : NULL;
	struct operation *operation;
	double ns[FIGURES];
	size_t n = 0;

	if (!at)
		return err_set(err, EINVAL, "no round: '%s'", line);
	*peer++ = '\0';
	*at++ = '\0';
	operation = find(line, peer);
	if (!operation)
		return err_set(err, E2BIG, "more operations or rounds than there is room for");
	while (n < FIGURES && take(&at, n + 1 < FIGURES ? ',' : '\0', &ns[n]))
		n++;
	if (n < FIGURES)
		return err_set(err, EINVAL, "no figures of '%s': '%s'", line, at);
	n = operation->n++;
	operation->tare[n] = log(ns[0] * ns[1]) / 2;
	operation->peers[n] = log(ns[2] * ns[3]) / 2;
	operation->ratio[n] = operation->tare[n] - operation->peers[n];
	operation->turns[n] = log(ns[4]) - operation->peers[n];
	return 0;
}

static int print_operation(const struct operation *o, bool *agrees, struct tare_err *err)
{
	struct location tare, peer, ratio, turns;
	const char *verdict = "NO";
	int r;

	if ((r = location_of(o->tare, o->n, &tare, err)) < 0 ||
	    (r = location_of(o->peers, o->n, &peer, err)) < 0 ||
	    (r = location_of(o->ratio, o->n, &ratio, err)) < 0 ||
	    (r = location_of(o->turns, o->n, &turns, err)) < 0)
		return r;
	if (fabs(exp(ratio.estimate) - 1) <= BAR)
		verdict = "within 3 %";
	else if (ratio.method != LOCATION_NONE && ratio.low <= 0 && ratio.high >= 0)
		verdict = "within the interval";
	else
		*agrees = false;
	(void)printf("%-26s %-20s %12.1f %12.1f %8.3f %7.3f", o->name, o->peer, exp(tare.estimate),
		     exp(peer.estimate), exp(turns.estimate), exp(ratio.estimate));
	if (ratio.method == LOCATION_NONE)
		(void)printf(" %15s  %s\n", "too few rounds", verdict);
	else
		(void)printf(" [%.3f, %.3f]  %s\n", exp(ratio.low), exp(ratio.high), verdict);
	return 0;
}

int main(void)
{
	struct tare_err err = {0};
	bool agrees = true;
	char line[512];
	int r = 0;

	while (r == 0 && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		r = read_round(line, &err);
	}
	if (r == 0 && operations[0].n == 0)
		r = err_set(&err, ENODATA, "no rounds on stdin");
	if (r == 0)
		(void)printf("%-26s %-20s %12s %12s %8s %7s %16s  %s\n", "operation", "peer",
			     "tare ns", "peer ns", "in turns", "ratio", "95 % interval", "agrees");
	for (size_t i = 0; r == 0 && i < OPERATIONS_MAX && operations[i].n > 0; i++)
		r = print_operation(&operations[i], &agrees, &err);
	if (r < 0) {
		(void)fprintf(stderr, "bench_agreement: %s\n", err.msg);
		return EXIT_FAILURE;
	}
	return agrees ? EXIT_SUCCESS : EXIT_FAILURE;
}
