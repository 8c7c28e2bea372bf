/* SPDX-License-Identifier: MIT */
#pragma once
/* environment: every machine and box that go together, and whether they can be had here. */

#include <jansson.h>
#include <stdbool.h>

struct box_ops;
struct machine_ops;

/* "native", "container", "vm", "vm+container". */
void environment_name(const struct machine_ops *machine, const struct box_ops *box, char *buf,
		      unsigned long size);
/* [{"name", "machine", "box", "summary", "available", "why", "options": [{"name", "values",
 * "default", "summary"}]}] */
json_t *environment_list(void);
