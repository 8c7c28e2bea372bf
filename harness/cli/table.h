/* SPDX-License-Identifier: MIT */
#pragma once
/* table: a table on a terminal, and the texts of figures that stand in one. */

#include <jansson.h>
#include <stdio.h>

#include "report/doc.h"

/* Columns as wide as they need to be. Cells are UTF-8; colours by their tone where stdout has
 * any. */
void table_print(const struct table *table, FILE *to);

/* "1.24 ms [1.20 ms, 1.30 ms]" of a figure of paired.h whose unit is so many ns; "-": none. */
char *table_time(const json_t *figure, double unit_ns, char *buf, size_t size);
/* The same of bytes. */
char *table_bytes(const json_t *figure, char *buf, size_t size);
/* The median of such a time alone. */
char *table_median(const json_t *figure, double unit_ns, char *buf, size_t size);
/* "1.37 [1.35, 1.40]" of a ratio. */
char *table_ratio(const json_t *ratio, char *buf, size_t size);
enum tone table_tone(const char *verdict);
