/* SPDX-License-Identifier: MIT */
#pragma once
/* doc: a report that is written once and comes out as HTML, as Markdown or as LaTeX.
 *
 * Every text may hold anything: the writers escape. Figures are files that plots made:
 * PLOTS/NAME.svg (goes into the HTML, recoloured), PLOTS/NAME.png (beside the Markdown) and
 * PLOTS/NAME.pdf (goes into what LaTeX makes). */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct tare_err;

#define TABLE_COLUMNS 12

enum tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_QUIET };

/* Rows of texts. Numbers are set flush right. */
struct table {
	size_t n_columns;
	const char *head[TABLE_COLUMNS];
	bool number[TABLE_COLUMNS];
	char **cells; /* row by row */
	enum tone *tones;
	size_t n_rows;
};

/* A new row; its cells are filled one after the other by table_cell. */
int table_row(struct table *table, struct tare_err *err);
/* Out of memory leaves the cell empty. */
void table_cell(struct table *table, size_t column, enum tone tone, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void table_clear(struct table *table);
#define cleanup_table __attribute__((cleanup(table_clear)))

struct doc {
	FILE *out;
	const struct doc_ops *ops;
	const char *plots_dir;
};

struct doc_ops {
	void (*begin)(struct doc *doc, const char *title);
	void (*heading)(struct doc *doc, int level, const char *text);
	/* *like this* is strong in it. */
	void (*paragraph)(struct doc *doc, const char *text);
	void (*table)(struct doc *doc, const struct table *table);
	/* Nothing where the plot is not there. */
	void (*figure)(struct doc *doc, const char *name, const char *caption);
	/* What follows is folded away until fold_end. */
	void (*fold)(struct doc *doc, const char *summary);
	void (*fold_end)(struct doc *doc);
	void (*end)(struct doc *doc);
};

extern const struct doc_ops doc_html, doc_markdown, doc_latex;

/* For what has no end to mark. */
void doc_nothing(struct doc *doc);

/* printf into a paragraph. */
void doc_say(struct doc *doc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
