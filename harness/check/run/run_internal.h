/* SPDX-License-Identifier: MIT */
#pragma once
/* run_internal: a run from the framework's side. */

#include <jansson.h>

#include "box/box.h"
#include "check/run/run.h"
#include "trial/trial.h"

struct check_run {
	const struct trial_place *place;
	const struct box_ops *ops;
	const json_t *options; /* of the box */
	double scale;
	bool on_device;                  /* under test is the machine's network device */
	uint64_t cpus;                   /* that we may run on */
	struct check_player *players;    /* all that are up, the newest first */
	struct cgroup *shared;           /* by siblings of a box that limits itself; NULL */
	struct cgroup *around;           /* of those that want a group around theirs; NULL */
	const struct check_stage *stage; /* NULL: boxes on this kernel */
};

int check_run_open(const struct trial_place *place, const char *box, const json_t *options,
		   double scale, struct check_run *ret, struct tare_err *err); /* without a stage */
/* Take everything down that a measurement has left up. */
int check_run_clear(struct check_run *run, struct tare_err *err);
