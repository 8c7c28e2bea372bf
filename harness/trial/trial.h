/* SPDX-License-Identifier: MIT */
#pragma once
/* trial: the life of one player (a `tare-load` process) in one box under limits, watched by
 * collectors. The same code on the host and, called by tare-agent, in a guest. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/play.h"
#include "box/box.h"
#include "kernel/cgroup.h"
#include "limit/limit.h"

struct tare_err;
struct trial;

enum trial_mode { TRIAL_BATCH, TRIAL_LATENCY, TRIAL_SOLO };

/* A trial as asked; the `trial` of its record. Owns its JSON. */
struct trial_spec {
	char env[64];     /* the label */
	char machine[32]; /* "host", "vm" */
	char box[32];     /* "bare", "container" */
	char load[32];
	enum trial_mode mode;
	json_t *machine_options; /* objects of texts */
	json_t *options;         /* of the box */
	json_t *extras;          /* of one command, see box/common/extras.h; NULL: none */
	json_t *params;          /* of the load */
	json_t *collectors;      /* list of names, with "=ARGUMENT" where they have one */
	struct limits limits;    /* under test, applied to the box's cgroup */
	struct limits safety;    /* for a burner: what the limits under test leave open */
	uint64_t cpus;           /* affinity mask of the player; 0: any */
	uint64_t env_padding;    /* bytes of environment variables: a random layout shift */
	uint64_t sample_ns;      /* interval of time series; 0: none */
};

void trial_spec_clear(struct trial_spec *spec);
json_t *trial_spec_to_json(const struct trial_spec *spec);
/* -EBADMSG, -ENOENT and a sentence; checks names, sizes and options. */
int trial_spec_from_json(const json_t *object, struct trial_spec *ret, struct tare_err *err);
const char *trial_mode_name(enum trial_mode mode);
int trial_mode_parse(const char *text, enum trial_mode *ret, struct tare_err *err);

/* Where trials are carried out: one per process of tare or tare-agent. */
struct trial_place {
	struct box_place box;
	struct cgroup_layout layout;
	const char *group_prefix; /* "tare-RUN": names of cgroups are this and a number */
	bool kernel_is_ours;      /* a guest's, in which nobody else is */
};

/* Make the cgroup, apply and read back the limits, attach the collectors, put the box up
 * around the player, wait until it is ready, take the first snapshot. */
int trial_start(const struct trial_place *place, const struct trial_spec *spec, struct trial **ret,
		struct tare_err *err);

struct trial_slice {
	uint64_t ops, ns; /* 0, 0 when it ended */
	bool ended;       /* the player died in this slice: killed for memory, ... */
};
/* Let it play a turn (PLAY_SLICE or PLAY_SOLO), and take time series samples meanwhile. That
 * the player died is no error here: finish tells how. */
int trial_slice(struct trial *trial, const struct play_request *request, struct trial_slice *ret,
		struct tare_err *err);

/* Second snapshot, end the player, read everything, take everything down, free it. *ret is the
 * trial's part of the record: {"status", "why", "load": {"latency", "exit", "figures", ...},
 * "collectors", "limits", "span", "sha256", "stolen"}, and "asked_ns", the moment of our clock that
 * "span" counts from. On failure the same things are taken down. */
int trial_finish(struct trial *trial, json_t **ret, struct tare_err *err);
/* Take everything down now, without a record. NULL is fine. */
int trial_abort(struct trial *trial, struct tare_err *err);

/* What loads there are: the JSON of `tare-load describe`. */
int trial_describe_loads(const char *load_path, json_t **ret, struct tare_err *err);
