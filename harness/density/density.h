/* SPDX-License-Identifier: MIT */
#pragma once
/* density: how many boxes of a kind fit at once, and what each costs while the others are up.
 *
 * A climb puts up one box after the other, each with a blocked player in it, and takes none down
 * until a bound is met; then the first of them are weighed, while nearly all are still up, and all
 * are taken down. A round is a climb of each environment, in random order. */

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/args.h"
#include "engine/site.h"
#include "rounds/rounds.h"

struct tare_err;

#define DENSITY_SCHEMA "tare.density/1"

#define DENSITY_MAX     5000 /* boxes: well below what PIDs and descriptors a system has */
#define DENSITY_WEIGHED 10   /* boxes of a climb */

struct density_progress {
	double fraction; /* of all that is asked for */
	bool warming_up;
	size_t round; /* from 0 */
	const char *env;
	size_t up;
};

struct density_plan {
	struct site site;
	const struct env_list *envs; /* the first is the baseline */
	struct rounds_asked asked;
	uint64_t max;      /* boxes of a climb */
	double share;      /* of the memory that is available when a climb begins: at most this */
	uint64_t climb_ns; /* no box is put up later */
	const volatile sig_atomic_t *interrupted;
	void (*progress)(const struct density_progress *progress); /* may be NULL */
};

enum density_stop { DENSITY_AT_MAX, DENSITY_MEMORY, DENSITY_TIME, DENSITY_REFUSED, DENSITY_STOPS };
extern const char *const density_stop_names[DENSITY_STOPS];

/* The n-th of its climb. */
struct density_box {
	size_t climb, n;
	uint64_t start_ns;        /* from asked for to its player's being ready */
	uint64_t available_bytes; /* of memory, on this machine, when it was up */
	/* Of those that were weighed: how many were up then; else 0. */
	size_t up;
	uint64_t pss_bytes;   /* of its processes, of a guest QEMU's */
	uint64_t group_bytes; /* as its control group counts; 0: it has none that counts memory */
};

struct density_climb {
	size_t round, env, position;
	size_t boxes;
	enum density_stop stop;
	char why[252];            /* of DENSITY_REFUSED: what the next one failed by */
	uint64_t available_bytes; /* when it began */
	uint64_t up_ns, took_ns;  /* until the last one was up; until all were gone */
	json_t *instance;         /* its first machine's word for itself */
};

struct density_result {
	struct rounds rounds;
	struct density_climb *climbs;
	struct density_box *boxes;
	size_t n_climbs, n_boxes;
};

/* *ret is to be cleared, of a failure too. An interruption and the end of the time budget are
 * none: see struct rounds. */
int density_play(const struct density_plan *plan, struct density_result *ret, struct tare_err *err);
void density_result_clear(struct density_result *result);

/* Is there room for another box? available: now; before: when the climb began; dearest: what the
 * dearest one has cost so far. */
bool density_has_room(const struct density_plan *plan, uint64_t before, uint64_t available,
		      uint64_t dearest);

/* Schema DENSITY_SCHEMA, see results/README.md. */
int density_document(const struct density_plan *plan, const struct density_result *result,
		     json_t **ret, struct tare_err *err);
/* DENSITY_PLOT.svg with what draws it, into a folder. -ENOTSUP: there is no gnuplot. */
#define DENSITY_PLOT "density"
int density_draw(const json_t *document, const char *dir, struct tare_err *err);
/* density.json, boxes.csv, and the plot. A missing gnuplot is
 * -ENOTSUP, when the others are written. */
int density_write(const json_t *document, const char *dir, struct tare_err *err);
