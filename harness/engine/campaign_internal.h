/* SPDX-License-Identifier: MIT */
#pragma once
/* campaign_internal: what the ways to a campaign share. */

#include "engine/campaign.h"

/* Bounds of what a file, a flag or a manifest may ask for. */
#define CAMPAIGN_GROUPS_MAX 64
#define CAMPAIGN_ROUNDS_MAX 100000
#define CAMPAIGN_PASSES_MAX 2000

#define CAMPAIGN_DEFAULT_SLICE_NS  500000ULL
#define CAMPAIGN_DEFAULT_PASSES    60
#define CAMPAIGN_DEFAULT_ROUNDS    10
#define CAMPAIGN_PRECISION_ROUNDS  200 /* where a precision ends them */
#define CAMPAIGN_DEFAULT_SOLO_NS   5000000000ULL
#define CAMPAIGN_DEFAULT_SAMPLE_NS 50000000ULL
#define CAMPAIGN_DEFAULT_EFFECT    1.0
/* Of a ladder: a step is often a fraction of a percent, and short turns are sharper. */
#define CAMPAIGN_LADDER_SLICE_NS   250000ULL
#define CAMPAIGN_LADDER_ROUNDS     12
#define CAMPAIGN_LADDER_PASSES     100
#define CAMPAIGN_LADDER_BUDGET_NS  170000000000ULL
#define CAMPAIGN_DEFAULT_ENVS      "native,container,vm"
#define CAMPAIGN_DEFAULT_LOADS     "@core"

/* docs/campaigns/default.yaml, put in by the build. */
extern const char campaign_default_text[];
extern const unsigned long campaign_default_size;

/* A campaign without groups, and a group without anything, as they are before a word is read. */
void campaign_begin(struct campaign *ret);
/* The new group belongs to the campaign. */
int campaign_add_group(struct campaign *campaign, struct campaign_group **ret,
		       struct tare_err *err);

/* Does the group make sense by itself? Fills in what follows from the rest. */
int campaign_check_group(struct campaign *campaign, size_t at, const json_t *described,
			 struct tare_err *err);
/* Do the groups go together? Chooses the baseline where none is given. */
int campaign_check(struct campaign *campaign, struct tare_err *err);
/* Put beside each group that has collectors one without, and one with each of several alone. */
int campaign_rotate_observers(struct campaign *campaign, const json_t *described,
			      struct tare_err *err);
/* Put beside the environments of each group that gives central figures each once more, and the
 * baseline once more with known slowdowns. */
int campaign_add_self_test(struct campaign *campaign, const json_t *described,
			   struct tare_err *err);
/* -EINVAL unless each of the schedule's figures is within its bounds. */
int campaign_check_schedule(const struct campaign *campaign, struct tare_err *err);
/* Where campaign->same_rootfs: -EINVAL when the guests' work disks differ in size, or when one of
 * the host's environments asks for something else. */
int campaign_check_rootfs(const struct campaign *campaign, struct tare_err *err);
