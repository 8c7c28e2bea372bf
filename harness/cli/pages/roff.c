/* SPDX-License-Identifier: MIT */
#include "cli/pages/roff.h"

#include <ctype.h>
#include <string.h>

static const char *escape_of(char c)
{
	switch (c) {
	case '\\':
		return "\\(rs";
	case '-':
		return "\\-"; /* one that can be copied to a shell */
	case '\'':
		return "\\(aq";
	case '`':
		return "\\(ga";
	case '^':
		return "\\(ha";
	case '~':
		return "\\(ti";
	case '"':
		return "\\(dq";
	default:
		return NULL;
	}
}

static void put_n(FILE *to, const char *text, size_t n)
{
	/* A dot where a line begins is a request; \& is nothing, and so does no harm elsewhere. */
	if (n && text[0] == '.')
		(void)fputs("\\&", to);
	for (size_t i = 0; i < n; i++) {
		const char *escape = escape_of(text[i]);

		if (escape)
			(void)fputs(escape, to);
		else
			(void)fputc(text[i], to);
	}
}

static void put_n_in(FILE *to, char font, const char *text, size_t n)
{
	(void)fprintf(to, "\\f%c", font);
	put_n(to, text, n);
	(void)fputs("\\fR", to);
}

void roff_put(FILE *to, const char *text)
{
	put_n(to, text, strlen(text));
}

void roff_put_in(FILE *to, char font, const char *text)
{
	put_n_in(to, font, text, strlen(text));
}

void roff_put_text(FILE *to, const char *text)
{
	bool kept = false, pending = false;

	while (*text) {
		size_t n = strcspn(text, "\n");
		bool keep = text[0] == ' ' || text[0] == '\t';

		if (n == 0) {
			pending = true;
		} else {
			if (kept && !keep)
				(void)fputs(".fi\n.RE\n", to);
			if (pending || kept != keep)
				(void)fputs(".PP\n", to);
			if (keep && !kept)
				(void)fputs(".RS\n.nf\n", to);
			if (keep)
				(void)fputs("\\&", to); /* a blank in front would be a break */
			put_n(to, text, n);
			(void)fputc('\n', to);
			kept = keep;
			pending = false;
		}
		text += n + (text[n] == '\n');
	}
	if (kept)
		(void)fputs(".fi\n.RE\n", to);
}

/* A word of a usage ends where a blank, a bracket or a bar stands. */
static size_t word_length(const char *text)
{
	return strcspn(text, " []|\n");
}

void roff_put_usage(FILE *to, const char *usage)
{
	while (*usage) {
		size_t n = word_length(usage);

		if (n && isupper((unsigned char)usage[0])) {
			put_n_in(to, 'I', usage, n);
		} else if (n &&
			   (usage[0] == '.' || (n == 7 && strncmp(usage, "options", n) == 0))) {
			put_n(to, usage, n);
		} else if (n) {
			put_n_in(to, 'B', usage, n);
		} else if (*usage == '\n') {
			(void)fputs("\n.br\n", to);
			usage += 1 + strspn(usage + 1, " ");
			continue;
		} else {
			(void)fputc(*usage, to);
			n = 1;
		}
		usage += n;
	}
	(void)fputc('\n', to);
}
