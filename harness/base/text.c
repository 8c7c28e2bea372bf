/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: insert, delete, replace or swap two neighbours. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			d[i][j] =
				smallest(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[n][m];
}

const char *text_did_you_mean(const char *word, const char *const *candidates)
{
	size_t best = strlen(word) / 3 + 2; /* one slip in a short word, more in a long one */
	const char *found = NULL;

	for (; *candidates; candidates++) {
		size_t d = distance(word, *candidates);

		if (d < best) {
			best = d;
			found = *candidates;
		}
	}
	return found;
}

char *text_hint(const char *word, const char *const *candidates, char *buf, size_t size)
{
	const char *near = text_did_you_mean(word, candidates);

	if (near)
		(void)snprintf(buf, size, ", did you mean '%.64s'?", near);
	else
		buf[0] = '\0';
	return buf;
}

char *text_format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

char *text_make_printable(char *text)
{
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	return text;
}

#define LOWER_AND_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

static bool consists_of(const char *text, const char *allowed)
{
	size_t n = strspn(text, allowed);

	return n > 0 && n < 64 && text[n] == '\0' && text[0] != '.' && text[0] != '-';
}

bool text_is_name(const char *text)
{
	return consists_of(text, LOWER_AND_DIGITS "._-");
}

bool text_is_label(const char *text)
{
	return consists_of(text, LOWER_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ._+,=:-");
}

bool text_has_word(const char *list, const char *separators, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, separators);

		if (n == len && strncmp(list, word, len) == 0)
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}
