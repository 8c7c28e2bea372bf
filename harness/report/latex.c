/* SPDX-License-Identifier: MIT */
/* For LaTeX with nothing but what every distribution of it has. Whatever a text holds, it comes
 * out as characters: nothing of it is a command. */
#include "report/doc.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/* A word may be broken after so many letters without a place to do so. */
#define UNBROKEN 14

static const struct {
	const char *text, *latex;
} known[] = {
	{"\\", "\\textbackslash{}"},
	{"{", "\\{"},
	{"}", "\\}"},
	{"$", "\\$"},
	{"&", "\\&"},
	{"#", "\\#"},
	{"%", "\\%"},
	{"_", "\\_\\allowbreak{}"},
	{"~", "$\\sim$"},
	{"^", "\\textasciicircum{}"},
	{"<", "$<$"},
	{">", "$>$"},
	{"|", "$|$"},
	{"\"", "{''}"},
	{"`", "\\`{}"},
	{"-", "{-}\\allowbreak{}"},
	{"/", "/\\allowbreak{}"},
	{",", ",\\allowbreak{}"},
	{"=", "=\\allowbreak{}"},
	{"+", "+\\allowbreak{}"},
	{".", "."},
	{"≤", "$\\leq$"},
	{"≥", "$\\geq$"},
	{"±", "$\\pm$"},
	{"×", "$\\times$"},
	{"→", "$\\rightarrow$"},
	{"µ", "$\\mu$"},
	{"μ", "$\\mu$"},
	{"…", "\\ldots{}"},
	{"–", "--"},
	{"—", "---"},
};
#define N_KNOWN (sizeof(known) / sizeof(*known))

/* Bytes of what stands there, of which *ret is what is written for it. What TeX's fonts do not
 * have is a question mark. */
static size_t letter(const char *text, const char **ret)
{
	size_t n = 1;

	for (size_t i = 0; i < N_KNOWN; i++) {
		size_t of_known = strlen(known[i].text);

		if (strncmp(text, known[i].text, of_known) == 0) {
			*ret = known[i].latex;
			return of_known;
		}
	}
	if ((unsigned char)*text < 0x80)
		return 0;
	while (((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	*ret = "?";
	return n;
}

static void put_escaped(FILE *out, const char *text)
{
	size_t unbroken = 0;

	while (text && *text) {
		const char *latex;
		size_t n = letter(text, &latex);

		if (n) {
			(void)fputs(latex, out);
		} else {
			bool control = (unsigned char)*text < ' ' || *text == 127;

			(void)fputc(control ? ' ' : *text, out);
			n = 1;
		}
		unbroken = *text == ' ' || (n && strchr("_-/,=+", *text)) ? 0 : unbroken + 1;
		if (unbroken == UNBROKEN) {
			(void)fputs("\\allowbreak{}", out);
			unbroken = 0;
		}
		text += n;
	}
}

static void begin(struct doc *doc, const char *title)
{
	(void)fputs("\\documentclass[a4paper,10pt]{article}\n"
		    "\\usepackage[a4paper,margin=18mm]{geometry}\n"
		    "\\usepackage{graphicx,longtable,array,color}\n"
		    "\\definecolor{good}{rgb}{0,0.41,0.3}\n"
		    "\\definecolor{bad}{rgb}{0.69,0.23,0}\n"
		    "\\definecolor{soft}{rgb}{0.36,0.36,0.36}\n"
		    "\\setlength{\\parindent}{0pt}\\setlength{\\parskip}{5pt}\n"
		    "\\renewcommand{\\arraystretch}{1.15}\\setlength{\\tabcolsep}{2pt}\\setlength{"
		    "\\LTleft}{0pt}\n"
		    "\\sloppy\\hbadness=10000\\hfuzz=\\maxdimen\\raggedbottom\n"
		    "\\newcolumntype{L}[1]{>{\\raggedright\\arraybackslash}p{#1}}\n"
		    "\\newcolumntype{R}[1]{>{\\raggedleft\\arraybackslash}p{#1}}\n"
		    "\\begin{document}\n\\begin{flushleft}{\\Large\\bfseries ",
		    doc->out);
	put_escaped(doc->out, title);
	(void)fputs("\\par}\n\n", doc->out);
}

static void heading(struct doc *doc, int level, const char *text)
{
	(void)fprintf(doc->out, "\\%s*{", level <= 2 ? "section" : "subsection");
	put_escaped(doc->out, text);
	(void)fputs("}\n\n", doc->out);
}

static void paragraph(struct doc *doc, const char *text)
{
	bool strong = false;

	while (*text) {
		size_t n = strcspn(text, "*");
		cleanup_free char *piece = strndup(text, n);

		put_escaped(doc->out, piece);
		text += n;
		if (*text == '*') {
			(void)fputs(strong ? "}" : "\\textbf{", doc->out);
			strong = !strong;
			text++;
		}
	}
	(void)fputs(strong ? "}\n\n" : "\n\n", doc->out);
}

/* A heading is broken between its words only, and is bold: a little wider, capitals half as much
 * again. */
static size_t longest_word(const char *text)
{
	size_t longest = 0;

	while (text && *text) {
		size_t n = strcspn(text, " "), wide = 0;

		for (size_t i = 0; i < n; i++)
			wide += text[i] >= 'A' && text[i] <= 'Z';
		longest = n + wide / 2 > longest ? n + wide / 2 : longest;
		text += n + strspn(text + n, " ");
	}
	return longest + longest / 4;
}

/* Room goes to columns by the longest word or, where there is enough, the longest text; long ones
 * are broken into lines. */
static void put_columns(FILE *out, const struct table *t)
{
	double wants[TABLE_COLUMNS] = {0}, all = 0;

	for (size_t c = 0; c < t->n_columns; c++) {
		size_t most = longest_word(t->head[c]);

		for (size_t r = 0; r < t->n_rows; r++) {
			const char *text = t->cells[r * t->n_columns + c];
			size_t n = text ? strlen(text) : 0;

			most = n > most ? n : most;
		}
		wants[c] = (double)(most < 5 ? 5 : most > 34 ? 34 : most) + 2;
		all += wants[c];
	}
	/* A line has room for about so many letters at this size. */
	all = all < 120 ? 120 : all;
	for (size_t c = 0; c < t->n_columns; c++)
		(void)fprintf(out, "%s{\\dimexpr %.4f\\linewidth-4pt}", t->number[c] ? "R" : "L",
			      wants[c] / all);
}

static void put_cell(FILE *out, enum tone tone, const char *text)
{
	static const char *const tones[] = {[TONE_PLAIN] = "",
					    [TONE_GOOD] = "\\color{good}",
					    [TONE_BAD] = "\\color{bad}\\bfseries ",
					    [TONE_QUIET] = "\\color{soft}"};

	(void)fputs(tones[tone], out);
	put_escaped(out, text);
}

static void table(struct doc *doc, const struct table *t)
{
	FILE *out = doc->out;

	(void)fputs("{\\scriptsize\\begin{longtable}{@{}", out);
	put_columns(out, t);
	(void)fputs("@{}}\n", out);
	for (size_t c = 0; c < t->n_columns; c++) {
		(void)fputs(c ? " & \\bfseries " : "\\bfseries ", out);
		put_escaped(out, t->head[c]);
	}
	(void)fputs("\\\\\\hline\\endhead\n", out);
	for (size_t r = 0; r < t->n_rows; r++) {
		for (size_t c = 0; c < t->n_columns; c++) {
			size_t at = r * t->n_columns + c;

			(void)fputs(c ? " & " : "", out);
			put_cell(out, t->tones[at], t->cells[at]);
		}
		(void)fputs("\\\\\n", out);
	}
	(void)fputs("\\end{longtable}}\n\n", out);
}

static void figure(struct doc *doc, const char *name, const char *caption)
{
	cleanup_free char *path = text_format("%s/%s.pdf", doc->plots_dir, name);

	if (!path || access(path, R_OK) < 0)
		return;
	(void)fprintf(
		doc->out,
		"\\begin{minipage}{\\linewidth}\\includegraphics[width=\\linewidth,height=0.8"
		"\\textheight,keepaspectratio]{plots/%s.pdf}\\par{\\footnotesize\\color{soft}",
		name);
	put_escaped(doc->out, caption);
	(void)fputs("\\par}\\end{minipage}\n\n", doc->out);
}

static void fold(struct doc *doc, const char *summary)
{
	(void)fputs("\\textbf{", doc->out);
	put_escaped(doc->out, summary);
	(void)fputs("}\n\n", doc->out);
}

static void end(struct doc *doc)
{
	(void)fputs("\\end{flushleft}\n\\end{document}\n", doc->out);
}

const struct doc_ops doc_latex = {
	.begin = begin,
	.heading = heading,
	.paragraph = paragraph,
	.table = table,
	.figure = figure,
	.fold = fold,
	.fold_end = doc_nothing,
	.end = end,
};
