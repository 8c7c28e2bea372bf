/* SPDX-License-Identifier: MIT */
#pragma once
/* lacks: what this kernel was built without, of what trials may ask for. */

#include <jansson.h>

/* ["BTF", "time namespaces", "cgroup controller cpuset", ...]; new reference. */
json_t *lacks_list(void);
