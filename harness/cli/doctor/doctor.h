/* SPDX-License-Identifier: MIT */
#pragma once
/* doctor: what this machine can do and what will disturb a measurement, found out by doing it. */

#include <jansson.h>
#include <stdbool.h>

#include "cli/places.h"

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_DEGRADED, /* works, but something is lost: the finding says what */
	DOCTOR_BLOCKED,  /* does not work: the advice says what to type */
};

struct doctor {
	struct places *places; /* open when we are root */
	bool root;
	bool deep;         /* also what takes long: boots guests */
	bool reprobe;      /* forget what is known of KVM, and find it out anew */
	const char *group; /* of the check that is at work */
	json_t *checks;    /* [{"group", "name", "state", "finding", "advice"}] */
};

struct doctor_group {
	const char *name, *summary;
	void (*check)(struct doctor *doctor);
};
extern const struct doctor_group doctor_groups[]; /* ended by name NULL */

/* Take down what a check found. advice: what to type or do; NULL: nothing. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *name,
		const char *advice, const char *finding, ...) __attribute__((format(printf, 5, 6)));

const char *doctor_state_name(enum doctor_state state);
/* The worst that was found in a group. */
enum doctor_state doctor_worst(const struct doctor *doctor, const char *group);

/* Boot a guest of that machine. accel NULL: it has no such option. */
void doctor_boot(struct doctor *doctor, const char *machine_name, const char *accel);

void doctor_containers(struct doctor *doctor);
void doctor_vm(struct doctor *doctor);
void doctor_uml(struct doctor *doctor);
void doctor_ebpf(struct doctor *doctor);
void doctor_perf(struct doctor *doctor);
void doctor_noise(struct doctor *doctor);
void doctor_storage(struct doctor *doctor);
void doctor_tools(struct doctor *doctor);
