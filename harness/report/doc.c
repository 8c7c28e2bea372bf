/* SPDX-License-Identifier: MIT */
#include "report/doc.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

int table_row(struct table *table, struct tare_err *err)
{
	size_t n = (table->n_rows + 1) * table->n_columns;
	char **cells = realloc(table->cells, n * sizeof(*cells));
	enum tone *tones;

	if (!cells)
		return err_set(err, ENOMEM, "out of memory");
	table->cells = cells;
	tones = realloc(table->tones, n * sizeof(*tones));
	if (!tones)
		return err_set(err, ENOMEM, "out of memory");
	table->tones = tones;
	for (size_t i = table->n_rows * table->n_columns; i < n; i++) {
		cells[i] = NULL;
		tones[i] = TONE_PLAIN;
	}
	table->n_rows++;
	return 0;
}

void table_cell(struct table *table, size_t column, enum tone tone, const char *fmt, ...)
{
	size_t at = (table->n_rows - 1) * table->n_columns + column;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	free(table->cells[at]);
	table->cells[at] = text;
	table->tones[at] = tone;
}

void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->tones);
	table->cells = NULL;
	table->tones = NULL;
	table->n_rows = 0;
}

void doc_nothing(struct doc *doc)
{
	(void)doc;
}

void doc_say(struct doc *doc, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0) {
		text = NULL;
		return;
	}
	doc->ops->paragraph(doc, text);
}
