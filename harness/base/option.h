/* SPDX-License-Identifier: MIT */
#pragma once
/* option: values of NAME=VALUE settings of boxes and machines, held against their tables. */

struct tare_err;

/* values: "on|off" (one of these words) or what the value is ("PATH", "SIZE": anything that is
 * not empty). what: whose option it is, "machine 'vm'". -EINVAL and "did you mean". */
int option_check_value(const char *what, const char *name, const char *values, const char *value,
		       struct tare_err *err);
