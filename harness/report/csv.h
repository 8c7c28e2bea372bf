/* SPDX-License-Identifier: MIT */
#pragma once
/* csv: the figures for R, pandas and spreadsheets: cells, ratios, and every slice (long form). */

#include <jansson.h>

#include "report/run.h"

struct tare_err;

/* Writes cells.csv, ratios.csv and slices.csv into the folder. */
int csv_write(const char *dir, const struct run *run, const json_t *summary, struct tare_err *err);
