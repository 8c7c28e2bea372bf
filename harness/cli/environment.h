/* SPDX-License-Identifier: MIT */
#pragma once
/* environment: every machine and box that go together, and whether they can be had here. */

#include <jansson.h>
#include <stdbool.h>

struct tare_err;
struct box_ops;
struct machine_ops;

/* "native", "container", "vm", "vm+container". */
void environment_name(const struct machine_ops *machine, const struct box_ops *box, char *buf,
		      unsigned long size);
/* 0, or -errno and the reason: the machine's, else the box's. A guest's boxes are the guest's
 * own matter: only the machine is asked for them. */
int environment_probe(const struct machine_ops *machine, const struct box_ops *box,
		      struct tare_err *err);
/* [{"name", "machine", "box", "summary", "available", "why", "options": [{"name", "values",
 * "default", "summary"}]}] */
json_t *environment_list(void);
