/* SPDX-License-Identifier: MIT */
#pragma once
/* completion: bash's, from the tables that --help is made from. */

#include <stdio.h>

struct tare_err;

/* load_path: tare-load, which knows the loads and the probes. */
int completion_put(FILE *to, const char *load_path, struct tare_err *err);
