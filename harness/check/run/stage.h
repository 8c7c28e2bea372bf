/* SPDX-License-Identifier: MIT */
#pragma once
/* stage: where a check's loads play instead of in boxes on this kernel: each in a machine of its
 * own, which is held as a whole by a group of this kernel's. */

#include "check/run/run.h"
#include "limit/limit.h"

struct trial_spec;
struct check_staged; /* a load on the stage */

struct check_stage {
	void *context;
	/* Put it up until it is ready to play. `early` holds while it comes up, `limits` from then
	 * on; both are for its group. */
	int (*start)(void *context, const struct trial_spec *spec, const struct limits *early,
		     const struct limits *limits, struct check_staged **ret, struct tare_err *err);
	const struct cgroup *(*cgroup)(const struct check_staged *staged);
	/* As check_begin() and check_end(); a turn's ns and cpu_ns are by this kernel's account of
	 * the whole machine. */
	int (*begin)(struct check_staged *staged, uint64_t duration_ns, struct tare_err *err);
	int (*end)(struct check_staged *staged, int timeout_ms, struct check_turn *ret,
		   struct tare_err *err);
	/* Its load ends; then the machine. */
	int (*finish)(struct check_staged *staged, struct tare_err *err);
	int (*stop)(struct check_staged *staged, struct tare_err *err);
};
