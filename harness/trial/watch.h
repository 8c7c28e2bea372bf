/* SPDX-License-Identifier: MIT */
#pragma once
/* watch: the collectors of one trial, as a set. One that cannot run here is recorded as
 * unsupported with its reason, and does not stop the trial. */

#include <jansson.h>
#include <stdint.h>

#include "collector.h"

struct tare_err;

#define WATCH_MAX 16

struct watch_entry {
	const struct collector_ops *ops;
	const char *argument;
	bool named; /* not only because it is always on */
	struct collector *collector;
	char why[256]; /* why it does not run, "" when it does */
};

struct watch {
	struct watch_entry entries[WATCH_MAX];
	size_t n;
};

/* Those named, and those that only read files. The texts of names must outlive the watch. */
int watch_choose(struct watch *watch, const json_t *names, struct tare_err *err);
/* Of those named, the ones that watch a guest from the kernel that runs it; and the names of the
 * others, which the guest's own kernel is asked for: a new reference. */
int watch_choose_outside(struct watch *watch, const json_t *names, struct tare_err *err);
json_t *watch_names_inside(const json_t *names);
/* These alone; names ends with NULL. */
int watch_choose_only(struct watch *watch, const char *const *names, struct tare_err *err);
/* The controllers whose files they read. */
unsigned int watch_controllers(const struct watch *watch);
int watch_attach(struct watch *watch, const struct collector_target *target, struct tare_err *err);
/* The player exists, and has not executed its program. */
void watch_born(struct watch *watch, pid_t pid);
int watch_snapshot(struct watch *watch, enum collector_moment moment, struct tare_err *err);
int watch_sample(struct watch *watch, uint64_t now_ns, struct tare_err *err);
/* {NAME: what it saw or {"unsupported": why}} */
int watch_read(struct watch *watch, json_t **ret, struct tare_err *err);
void watch_detach(struct watch *watch);
