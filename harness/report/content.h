/* SPDX-License-Identifier: MIT */
#pragma once
/* content: what a report says, in which order; doc says how it looks. */

#include <jansson.h>

#include "report/doc.h"
#include "report/run.h"

struct tare_err;

struct content {
	struct doc doc;
	const struct run *run;
	const json_t *summary;
	const char *no_plots; /* why, or "" */
	json_t *watched;      /* how many cells of the same watched a load in an environment */
};

int content_write(struct content *content, struct tare_err *err);

/* Its parts, each a section or nothing. */
int content_first_screen(struct content *c, struct tare_err *err);
int content_ladder(struct content *c, struct tare_err *err);
int content_loads(struct content *c, struct tare_err *err);
int content_syscalls(struct content *c, struct tare_err *err);
int content_limits(struct content *c, struct tare_err *err);
int content_same_limit(struct content *c, struct tare_err *err);
int content_sched(struct content *c, struct tare_err *err);
int content_startup(struct content *c, struct tare_err *err);
int content_boundaries(struct content *c, struct tare_err *err);
int content_idle(struct content *c, struct tare_err *err);
int content_exits(struct content *c, struct tare_err *err);
int content_counters(struct content *c, struct tare_err *err);
int content_self_test(struct content *c, struct tare_err *err);
/* Its figures in a sentence for the first screen; nothing where there was none. */
void content_put_self_test(const struct content *c, FILE *out);
int content_observer(struct content *c, struct tare_err *err);
int content_validity(struct content *c, struct tare_err *err);
int content_spent(struct content *c, struct tare_err *err);
int content_differences(struct content *c, struct tare_err *err);
void content_method(struct content *c);

/* The label with what must be said with it: "vm (TCG, emulated)", "uml (User-Mode Linux)". */
const char *content_env(const struct content *c, const json_t *row);
const char *content_label(const struct content *c, const char *label);
/* Both rows have the same text there. */
bool content_is_same(const json_t *a, const json_t *b, const char *key);
/* "pread,size=4K"; buf is given back. */
char *content_set(const json_t *row, char *buf, size_t size);
/* A new row whose first two cells are the environment and the set, with the group where several
 * watched it. */
int content_begin_row(const struct content *c, struct table *table, const json_t *row,
		      struct tare_err *err);
/* Texts of a list with commas; "-" where there are none. */
void content_put_list(struct table *t, size_t column, const json_t *list);
/* A row of the table for each of a list. */
int content_add_rows(const struct content *c, struct table *table, const json_t *rows,
		     int (*add)(const struct content *c, struct table *t, const json_t *row,
				struct tare_err *err),
		     struct tare_err *err);
/* A table that is folded away. */
void content_fold_table(struct content *c, const char *summary, const struct table *table);
/* "1.24 us (1.20 .. 1.31)", "1.24 us", "-"; buf is given back. */
char *content_time(const json_t *row, const char *key, char *buf, size_t size);
/* Four digits, but from 1000 on whole, never as a power of ten; buf is given back. */
char *content_number(double value, char *buf, size_t size);
/* "1.0012 (1.0003 .. 1.0021)": as many digits as its interval needs. */
char *content_ratio(const json_t *row, char *buf, size_t size);
/* "8 rounds, order random by seed 1, ... of HOST (CPU)": what each caption ends with. */
char *content_caption(const struct content *c, const char *what);
/* Largest number of rounds of a list's rows. */
unsigned long long content_rounds(const json_t *list);
