/* SPDX-License-Identifier: MIT */
#include "report/doc.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "report/style.h"
#include "report/svg.h"

static const char page_css[] =
	"*{box-sizing:border-box}"
	"body{margin:0 auto;max-width:72rem;padding:2rem 1.5rem 4rem;background:var(--paper);"
	"color:var(--ink);font:16px/1.55 'DejaVu Sans',system-ui,sans-serif}"
	"h1{font-size:1.7rem;line-height:1.25;margin:0 0 .5rem}"
	"h2{font-size:1.25rem;margin:3rem 0 .5rem;padding-top:.6rem;border-top:1px solid "
	"var(--grid)}"
	"h3{font-size:1.05rem;margin:2rem 0 .25rem}"
	"p{max-width:46rem;margin:.6rem 0}"
	".scroll{overflow-x:auto;margin:1rem 0}"
	"table{border-collapse:collapse;font-size:.84rem;line-height:1.4;min-width:50%}"
	"th{text-align:left;font-weight:600;color:var(--soft);border-bottom:1.5px solid "
	"var(--rule);padding:.3rem .8rem .3rem 0;vertical-align:bottom}"
	"td{border-bottom:1px solid var(--grid);padding:.3rem .8rem .3rem 0;vertical-align:top;"
	"white-space:nowrap}"
	"td.w{white-space:normal;min-width:12rem;overflow-wrap:anywhere}"
	"th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}"
	"td.t1{color:var(--good)}td.t2{color:var(--bad);font-weight:600}td.t3{color:var(--soft)}"
	"figure{margin:1.2rem 0;max-width:62rem}svg{width:100%;height:auto;display:block}"
	"figcaption{font-size:.8rem;color:var(--soft);max-width:46rem}"
	"details{margin:.8rem 0}summary{cursor:pointer;color:var(--soft)}"
	"@media print{body{max-width:none;padding:0;font-size:10pt}h2,h3,summary{break-after:avoid}"
	"figure,tr{break-inside:avoid}.scroll{overflow:visible}"
	/* Paper cannot be clicked: what is folded away is printed, in old browsers and in new ones.
	 */
	"details>*{display:block}details::details-content{content-visibility:visible;"
	"block-size:auto}"
	"table{font-size:7.5pt}th,td{padding-right:.5rem}td{white-space:normal}"
	"td.n{white-space:nowrap}td.w{min-width:7rem}}";

static void put_variables(FILE *out, bool dark)
{
	for (size_t i = 0; i < style_n_colours; i++)
		(void)fprintf(
			out, "--%s:#%06x;", style_colours[i].name,
			(unsigned int)(dark ? style_colours[i].dark : style_colours[i].light));
	(void)fputs(dark ? "--good:#2fd0a0;--bad:#ff9d6b;" : "--good:#00694c;--bad:#b03a00;", out);
}

static void begin(struct doc *doc, const char *title)
{
	(void)fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
		    doc->out);
	svg_escape(doc->out, title);
	(void)fputs("</title>\n<style>:root{color-scheme:light dark;", doc->out);
	put_variables(doc->out, false);
	(void)fputs("}\n@media screen and (prefers-color-scheme:dark){:root{", doc->out);
	put_variables(doc->out, true);
	(void)fprintf(doc->out, "}}\n%s</style></head><body>\n<h1>", page_css);
	svg_escape(doc->out, title);
	(void)fputs("</h1>\n", doc->out);
}

static void heading(struct doc *doc, int level, const char *text)
{
	(void)fprintf(doc->out, "<h%d>", level);
	svg_escape(doc->out, text);
	(void)fprintf(doc->out, "</h%d>\n", level);
}

static void paragraph(struct doc *doc, const char *text)
{
	bool strong = false;

	(void)fputs("<p>", doc->out);
	while (*text) {
		size_t n = strcspn(text, "*");
		cleanup_free char *piece = strndup(text, n);

		svg_escape(doc->out, piece);
		text += n;
		if (*text == '*') {
			(void)fputs(strong ? "</strong>" : "<strong>", doc->out);
			strong = !strong;
			text++;
		}
	}
	(void)fputs(strong ? "</strong></p>\n" : "</p>\n", doc->out);
}

/* A text this long is broken into lines that are wide enough to be read; shorter ones are not. */
#define LONG_BYTES 44

static bool is_long(const struct table *t, size_t column, const char *text)
{
	return !t->number[column] && text && strlen(text) > LONG_BYTES;
}

static void table(struct doc *doc, const struct table *t)
{
	(void)fputs("<div class=\"scroll\"><table><thead><tr>", doc->out);
	for (size_t c = 0; c < t->n_columns; c++) {
		(void)fputs(t->number[c] ? "<th class=\"n\">" : "<th>", doc->out);
		svg_escape(doc->out, t->head[c]);
		(void)fputs("</th>", doc->out);
	}
	(void)fputs("</tr></thead><tbody>\n", doc->out);
	for (size_t r = 0; r < t->n_rows; r++) {
		(void)fputs("<tr>", doc->out);
		for (size_t c = 0; c < t->n_columns; c++) {
			size_t at = r * t->n_columns + c;

			(void)fprintf(doc->out, "<td class=\"%s%st%d\">", t->number[c] ? "n " : "",
				      is_long(t, c, t->cells[at]) ? "w " : "", (int)t->tones[at]);
			svg_escape(doc->out, t->cells[at]);
			(void)fputs("</td>", doc->out);
		}
		(void)fputs("</tr>\n", doc->out);
	}
	(void)fputs("</tbody></table></div>\n", doc->out);
}

static void figure(struct doc *doc, const char *name, const char *caption)
{
	cleanup_free char *path = text_format("%s/%s.svg", doc->plots_dir, name);

	if (!path || access(path, R_OK) < 0)
		return;
	(void)fputs("<figure>", doc->out);
	(void)svg_embed(doc->out, path, name, caption, NULL);
	(void)fputs("<figcaption>", doc->out);
	svg_escape(doc->out, caption);
	(void)fputs("</figcaption></figure>\n", doc->out);
}

static void fold(struct doc *doc, const char *summary)
{
	(void)fputs("<details><summary>", doc->out);
	svg_escape(doc->out, summary);
	(void)fputs("</summary>\n", doc->out);
}

static void fold_end(struct doc *doc)
{
	(void)fputs("</details>\n", doc->out);
}

static void end(struct doc *doc)
{
	(void)fputs("</body></html>\n", doc->out);
}

const struct doc_ops doc_html = {
	.begin = begin,
	.heading = heading,
	.paragraph = paragraph,
	.table = table,
	.figure = figure,
	.fold = fold,
	.fold_end = fold_end,
	.end = end,
};
