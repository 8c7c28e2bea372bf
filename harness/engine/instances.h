/* SPDX-License-Identifier: MIT */
#pragma once
/* instances: the machines that are up. Environments on the same machine with the same options and
 * the same limits share one; a broken one is replaced at its next use. */

#include <sched.h>
#include <stdbool.h>

#include "engine/engine.h"
#include "engine/spent.h"

#define INSTANCES_MAX 16

struct instance {
	char *key;
	struct machine *machine;
	json_t *described; /* for records */
	bool broken;
};

struct instances {
	const struct engine_config *config;
	int players_cpu;
	cpu_set_t cpus;       /* that we may use as a whole, wherever we sit at the moment */
	uint64_t deadline_ns; /* of all that is played; 0: none */
	uint64_t opening_ns;  /* that opening machines took so far */
	bool warned;          /* of what a machine is not */
	unsigned int number;  /* of those made so far: part of their names */
	struct instance items[INSTANCES_MAX];
	size_t n;
	struct spent spent;
	json_t *ended; /* list of {"id", "machine", "boot", "mitigations"} of guests taken down;
			  NULL: none yet */
};

/* The instance for an environment, opened if need be. limits: on the machine as a whole. */
int instances_get(struct instances *instances, const struct env_choice *env,
		  const struct limits *limits, struct instance **ret, struct tare_err *err);
/* Close the broken ones, those that are no guests, or all. Goes on after a failure and tells the
 * first. */
int instances_close_broken(struct instances *instances, struct tare_err *err);
int instances_close_hosts(struct instances *instances, struct tare_err *err);
int instances_close_all(struct instances *instances, struct tare_err *err);
