/* SPDX-License-Identifier: MIT */
#pragma once
/* units: the only place where sizes, times, rates and numbers are read from text.
 *
 * All give -EINVAL and a sentence that names `what` and shows a right example. Numbers are
 * whole or decimal; nothing may follow the unit; negative values are refused. */

#include <stddef.h>
#include <stdint.h>

struct tare_err;

/* "10mbit": bits per second, as tc(8) writes them: steps of 1000. */
int units_parse_rate(const char *what, const char *text, uint64_t *ret_bits, struct tare_err *err);
/* "64M", "1.5G", "4096B": bytes, 1024-based as docker's. B, K, M, G, T (also KiB, kb, ...).
 * A bare number is refused. */
int units_parse_size(const char *what, const char *text, uint64_t *ret_bytes, struct tare_err *err);

/* "10s", "250ms", "20us", "5m", "1h": nanoseconds. A bare number is refused, but "0". */
int units_parse_time(const char *what, const char *text, uint64_t *ret_ns, struct tare_err *err);

/* A whole number within [min, max]. */
int units_parse_count(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		      struct tare_err *err);

/* A decimal number within [min, max]. */
int units_parse_number(const char *what, const char *text, double min, double max, double *ret,
		       struct tare_err *err);

/* "0-2,5": bit i of *ret_mask for CPU i. CPUs from 64 on are refused. */
int units_parse_cpus(const char *what, const char *text, uint64_t *ret_mask, struct tare_err *err);

/* For people: "1.24 us", "512 MiB". Gives back buf. */
char *units_print_ns(double ns, char *buf, size_t size);
char *units_print_bytes(double bytes, char *buf, size_t size);
/* "0-2,5" of a mask. */
char *units_print_cpus(uint64_t mask, char *buf, size_t size);
