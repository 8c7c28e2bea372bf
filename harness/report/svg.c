/* SPDX-License-Identifier: MIT */
#include "report/svg.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "report/style.h"

#define SVG_MAX (8 << 20)

void svg_escape(FILE *out, const char *text)
{
	for (; text && *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		case '\'':
			(void)fputs("&#39;", out);
			break;
		default:
			(void)fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
		}
	}
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* "rgb( 34,  34,  34)" at *at becomes a variable, if it is a colour of ours. */
static bool put_colour(FILE *out, const char **at)
{
	char *end;
	const char *text = *at + strlen("rgb(");
	uint32_t rgb = 0;

	for (int i = 0; i < 3; i++) {
		unsigned long part = strtoul(text, &end, 10);

		if (end == text || part > 255 || *end != (i < 2 ? ',' : ')'))
			return false;
		rgb = rgb << 8 | (uint32_t)part;
		text = end + 1;
	}
	if (!style_variable(rgb))
		return false;
	(void)fprintf(out, "var(--%s)", style_variable(rgb));
	*at = text;
	return true;
}

/* An id, or what refers to one, gets the prefix behind its opening. */
static bool put_id(FILE *out, const char **at, const char *prefix)
{
	static const char *const openings[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};

	for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++) {
		if (!starts(*at, openings[i]))
			continue;
		(void)fprintf(out, "%s%s-", openings[i], prefix);
		*at += strlen(openings[i]);
		return true;
	}
	return false;
}

/* The opening tag: only its view box is kept. */
static const char *put_opening(FILE *out, const char *svg, const char *label)
{
	const char *end = strchr(svg, '>'), *box = strstr(svg, "viewBox=");
	const char *close = box ? strchr(box + strlen("viewBox=") + 1, box[8]) : NULL;

	if (!end || !close || close > end)
		return NULL;
	(void)fprintf(out, "<svg role=\"img\" aria-label=\"");
	svg_escape(out, label);
	(void)fprintf(out, "\" %.*s>", (int)(close + 1 - box), box);
	return end + 1;
}

static void put_body(FILE *out, const char *at, const char *prefix)
{
	while (*at) {
		if (starts(at, "<title>") || starts(at, "<desc>")) {
			const char *end =
				strstr(at, starts(at, "<title>") ? "</title>" : "</desc>");

			at = end ? strchr(end, '>') + 1 : at + strlen(at);
			continue;
		}
		if (starts(at, "rgb(") && put_colour(out, &at))
			continue;
		if (put_id(out, &at, prefix))
			continue;
		(void)fputc(*at++, out);
	}
}

int svg_embed(FILE *out, const char *path, const char *prefix, const char *label,
	      struct tare_err *err)
{
	cleanup_fclose FILE *in = fopen(path, "re");
	cleanup_free char *text = malloc(SVG_MAX + 1);
	const char *svg;
	size_t n;

	if (!in)
		return err_errno(err, "open plot '%s'", path);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	n = fread(text, 1, SVG_MAX + 1, in);
	if (n > SVG_MAX)
		return err_set(err, E2BIG, "plot '%s' is larger than %d bytes", path, SVG_MAX);
	text[n] = '\0';
	svg = strstr(text, "<svg");
	svg = svg ? put_opening(out, svg, label) : NULL;
	if (!svg)
		return err_set(err, EBADMSG, "plot '%s' is no SVG of gnuplot's", path);
	put_body(out, svg, prefix);
	return 0;
}
