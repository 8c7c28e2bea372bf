/* SPDX-License-Identifier: MIT */
#pragma once
/* args: loads, modes and parameters as they are written on the command line. */

#include "workload.h"

struct tare_err;

enum args_mode { ARGS_BATCH, ARGS_LATENCY, ARGS_SOLO };

/* -ENOENT with "did you mean". */
int args_find_load(const char *name, const struct workload **ret, struct tare_err *err);
/* -EINVAL with "did you mean", or when the load cannot be played so. */
int args_find_mode(const struct workload *load, const char *name, enum args_mode *ret,
		   struct tare_err *err);
/* Parameters that every load has; ended by name NULL. Their values come after a load's own. */
extern const struct workload_param args_common[];
#define ARGS_DELAY  WORKLOAD_PARAMS /* the place of its value */
#define ARGS_VALUES (WORKLOAD_PARAMS + 1)

/* The texts of a load's parameters in their order, and of the common ones: of args ("NAME=VALUE",
 * n of them), else the fallback. -EINVAL for unknown and repeated names. */
int args_resolve_params(const struct workload *load, char *const *args, int n,
			const char *values[ARGS_VALUES], struct tare_err *err);
/* Whether a call is declared with these values of the parameters. */
bool args_syscall_applies(const struct workload *load, const struct workload_syscall *call,
			  const char *const *values);
