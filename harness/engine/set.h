/* SPDX-License-Identifier: MIT */
#pragma once
/* set: the trials of one (group, round, load): its players in turn on one CPU, or one after the
 * other; and their records. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/instances.h"

struct tare_err;

#define SET_ENVS_MAX 32

/* A player's place in the set. */
struct seat {
	const struct env_choice *env;
	struct trial_spec spec; /* as asked: what the record holds */
	struct instance *instance;
	machine_player player;
	bool started, ended;
	bool limited_outside; /* its limits are the machine's */
	char status[16];      /* "" while nothing is wrong */
	char why[256];
	size_t position; /* in the random order of the set */
	uint64_t iters;  /* timed operations a turn */
	double delay_ns; /* of an operation: what a self-test adds to it */
	/* Columns, one entry a turn. */
	uint64_t *pass, *turn_position, *ops, *ns;
	size_t n_turns;
	uint64_t asked_ns, ready_ns, finish_ns, gone_ns; /* as the host saw them */
	json_t *read;                                    /* the trial's own part of the record */
};

struct set {
	struct instances *instances;
	const struct campaign_group *group;
	const struct load_choice *load;
	uint64_t round;
	char *name; /* load_choice_text() */
	enum trial_mode mode;
	bool turns; /* players take turns, else each plays alone */
	/* What an operation takes of which known slowdowns are shares: as the round before told,
	 * and after it as this one tells. 0: not known. */
	double weighed_ns;
	struct seat seats[SET_ENVS_MAX];
	size_t n_seats;
};

/* Of how many environments it is: those of a self-test take part in central figures alone. */
size_t set_size(const struct set *set);
/* Carry it out. *ret: its records, one for each environment. -EINTR: we are to stop, or the
 * deadline is there; nothing is left of it. What goes wrong in one environment is in its record,
 * not an error. */
int set_play(struct set *set, json_t **ret, struct tare_err *err);
/* `tare run` passes the turn here. */
int turns_play(struct set *set, struct tare_err *err);
/* What takes no turns, one environment after the other. */
int solo_play(struct set *set, struct tare_err *err);

/* For turns.c and solo.c: what a failure means for the seat and its machine. */
int seat_start(struct set *set, struct seat *seat);
void seat_finish(struct set *set, struct seat *seat);
void seat_fail(struct seat *seat, int code, const char *why);
/* By a signal, or by the deadline. */
bool set_interrupted(const struct set *set);
/* It is, or will be before this much more has been played. */
bool set_is_over_in(const struct set *set, uint64_t ns);
