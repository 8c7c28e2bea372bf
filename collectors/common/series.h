/* SPDX-License-Identifier: MIT */
#pragma once
/* series: a time series of a few columns, and how it is written in a record. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;

#define SERIES_COLUMNS 8
#define SERIES_POINTS  200000 /* over half an hour at 10 ms */

struct series {
	size_t n_columns, n_points, room;
	const char *names[SERIES_COLUMNS];
	uint64_t *values; /* rows of time and columns */
	uint64_t lost;    /* points above SERIES_POINTS */
};

/* name must outlive the series. Columns are added before the first point. */
void series_add_column(struct series *series, const char *name);
int series_add(struct series *series, uint64_t t_ns, const uint64_t *values, struct tare_err *err);
/* {"t_ns": [...], NAME: [...]}; NULL: no memory. */
json_t *series_to_json(const struct series *series);
void series_clear(struct series *series);
