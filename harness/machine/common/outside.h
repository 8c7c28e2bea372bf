/* SPDX-License-Identifier: MIT */
#pragma once
/* outside: checks of limits on machines as a whole: each load in a guest of its own, whose group
 * on the host is what is limited. */

#include <jansson.h>

#include "machine/machine.h"

/* Carry it out, with machines made as config says. *ret_account as of check_carry_out();
 * *ret_described: one of the machines, NULL when none came up. */
int machine_check_outside(const struct machine_ops *ops, const struct machine_config *config,
			  const struct check_request *request, json_t **ret_account,
			  json_t **ret_described, struct tare_err *err);
