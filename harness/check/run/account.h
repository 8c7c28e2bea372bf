/* SPDX-License-Identifier: MIT */
#pragma once
/* account: a check carried out on the kernel that limits, and judged where its account arrives. */

#include <jansson.h>

#include "check/check.h"

struct trial_place;

enum check_half { CHECK_BOTH, CHECK_LIMITED, CHECK_CONTROL };

/* What is asked of a machine. */
struct check_request {
	const char *check;
	const char *box;
	const json_t *options; /* of the box */
	double scale;          /* of the times and counts: 1 is full, above 0 */
	/* Who asks has put the check's limit on the machine's own network device, or has not, and
	 * asks for that half. */
	bool on_device;
	enum check_half half;
};

json_t *check_request_to_json(const struct check_request *request);
/* The texts stay the object's. */
int check_request_from_json(const json_t *object, struct check_request *ret, struct tare_err *err);

/* Measure with the limit and without, or what of it is asked for. *ret: {"limited": FIGURE,
 * "control": FIGURE} with FIGURE as
 * {"value", "low", "high", "n", "details", "disturbed"}; or {"unsupported": "why"}. */
int check_carry_out(const struct trial_place *place, const struct check_request *request,
		    json_t **ret, struct tare_err *err);

/* The same with the loads on a stage, for a check that is of_machines; of the request the box is
 * left out. */
struct check_stage;
int check_carry_out_on(const struct check_stage *stage, const struct trial_place *place,
		       const struct check_request *request, json_t **ret, struct tare_err *err);

/* The longest that any check may take at this scale, under emulation too. */
uint64_t check_patience_ns(double scale);

/* An account, of a guest perhaps, as a result: {"check", "claim", "limits", "unit", "tolerance",
 * "low", "high", "verdict", "why", "figure", "control", "error"}. account NULL: it could not be
 * carried out, failure says why. Never NULL but for lack of memory. */
json_t *check_judge(const struct check_ops *ops, const json_t *account, const char *failure);
