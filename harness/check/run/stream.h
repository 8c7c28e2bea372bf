/* SPDX-License-Identifier: MIT */
#pragma once
/* stream: a load that tells "bytes_per_s", played for a time under one limit. */

#include <stdbool.h>
#include <stdint.h>

struct tare_err;
struct check_run;
struct check_load;

int check_stream(struct check_run *run, const struct check_load *load, bool limited,
		 uint64_t duration_ns, double *ret_bytes_per_s, struct tare_err *err);
