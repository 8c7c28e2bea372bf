/* SPDX-License-Identifier: MIT */
#pragma once
/* guest_account: have a guest carry a check out. What is about the network device of the guest as a
 * whole is limited here, at the other side of it, before each half. */

#include <jansson.h>
#include <stdint.h>

#include "check/run/account.h"

struct tare_err;
struct guest;

/* *ret as of check_carry_out(); new reference. silence_ns: what the guest may take to answer beyond
 * the check's own time. */
int guest_account_get(struct guest *guest, const struct check_request *request, uint64_t silence_ns,
		      json_t **ret, struct tare_err *err);
