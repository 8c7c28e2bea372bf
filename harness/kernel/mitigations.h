/* SPDX-License-Identifier: MIT */
#pragma once
/* mitigations: what the running kernel does about its CPU's vulnerabilities, which is part of what
 * a system call costs. */

#include <jansson.h>

/* {NAME: "Mitigation: ...", ...}, as its sysfs tells; empty where it tells nothing. */
json_t *mitigations_read(void);
