/* SPDX-License-Identifier: MIT */
#pragma once
/* ways: the ways of launching that bench_launch compares. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;

enum way_name {
	WAY_FLOOR,
	WAY_FRESH,
	WAY_POOLED,
	WAY_FLOOR_COMMAND,
	WAY_TARE,
	WAY_BWRAP,
	WAY_CRUN,
	WAY_RUNC,
	WAY_PLAIN,
	N_WAYS,
};

struct way {
	const char *name;
	int (*launch)(struct tare_err *err);
	/* Outside of what is measured, before and after each launch; may be NULL. */
	int (*before)(struct tare_err *err);
	int (*after)(struct tare_err *err);
};
extern const struct way ways[N_WAYS];

/* binary_dir: where tare, tare-load and launch_floor were built. */
int ways_open(const char *binary_dir, struct tare_err *err);
void ways_close(void);
