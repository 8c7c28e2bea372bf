/* SPDX-License-Identifier: MIT */
#include "report/doc.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/* What would be taken for markup or end a table's cell. */
static void put_escaped(FILE *out, const char *text, bool strong)
{
	for (; text && *text; text++) {
		if (*text == '*' && strong)
			(void)fputs("**", out);
		else if (strchr("\\`*_|<>[]#", *text))
			(void)fprintf(out, "\\%c", *text);
		else
			(void)fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
}

static void begin(struct doc *doc, const char *title)
{
	(void)fputs("# ", doc->out);
	put_escaped(doc->out, title, false);
	(void)fputs("\n\n", doc->out);
}

static void heading(struct doc *doc, int level, const char *text)
{
	(void)fprintf(doc->out, "%.*s ", level, "######");
	put_escaped(doc->out, text, false);
	(void)fputs("\n\n", doc->out);
}

static void paragraph(struct doc *doc, const char *text)
{
	put_escaped(doc->out, text, true);
	(void)fputs("\n\n", doc->out);
}

static void table(struct doc *doc, const struct table *t)
{
	for (size_t c = 0; c < t->n_columns; c++) {
		(void)fputs("| ", doc->out);
		put_escaped(doc->out, t->head[c], false);
		(void)fputc(' ', doc->out);
	}
	(void)fputs("|\n", doc->out);
	for (size_t c = 0; c < t->n_columns; c++)
		(void)fputs(t->number[c] ? "| ---: " : "| --- ", doc->out);
	(void)fputs("|\n", doc->out);
	for (size_t r = 0; r < t->n_rows; r++) {
		for (size_t c = 0; c < t->n_columns; c++) {
			(void)fputs("| ", doc->out);
			put_escaped(doc->out, t->cells[r * t->n_columns + c], false);
			(void)fputc(' ', doc->out);
		}
		(void)fputs("|\n", doc->out);
	}
	(void)fputc('\n', doc->out);
}

static void figure(struct doc *doc, const char *name, const char *caption)
{
	cleanup_free char *path = text_format("%s/%s.png", doc->plots_dir, name);

	if (!path || access(path, R_OK) < 0)
		return;
	(void)fputs("![", doc->out);
	put_escaped(doc->out, caption, false);
	(void)fprintf(doc->out, "](plots/%s.png)\n\n", name);
	put_escaped(doc->out, caption, false);
	(void)fprintf(doc->out, " ([SVG](plots/%s.svg), [script](plots/%s.gp))\n\n", name, name);
}

static void fold(struct doc *doc, const char *summary)
{
	paragraph(doc, summary);
}

const struct doc_ops doc_markdown = {
	.begin = begin,
	.heading = heading,
	.paragraph = paragraph,
	.table = table,
	.figure = figure,
	.fold = fold,
	.fold_end = doc_nothing,
	.end = doc_nothing,
};
