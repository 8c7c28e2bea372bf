/* SPDX-License-Identifier: MIT */
#include "box/command/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"

#define WORD_MAX 4096

/* The value of a limit, as text; NULL: it is not set. Freed by the caller. */
static char *value_text(const json_t *value)
{
	const json_t *device = json_array_get(value, 0);

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_integer(value))
		return text_format("%lld", (long long)json_integer_value(value));
	if (json_is_real(value))
		return text_format("%g", json_real_value(value));
	if (device)
		return text_format("%s:%lld", json_string_value(json_object_get(device, "path")),
				   (long long)json_integer_value(json_object_get(device, "rate")));
	return NULL;
}

/* Fill one placeholder in; 0: it names a limit that is not set. */
static int fill_one(const char *key, size_t length, const char *name, const json_t *limits,
		    FILE *to)
{
	char flag[32];
	cleanup_free char *value = NULL;

	(void)snprintf(flag, sizeof(flag), "%.*s", (int)length, key);
	value = strcmp(flag, "name") == 0 ? strdup(name)
					  : value_text(json_object_get(limits, flag));
	return value && fputs(value, to) >= 0;
}

/* The word with all placeholders filled in; NULL when it is to be left out. */
static char *fill_word(const char *word, const char *name, const json_t *limits)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	bool keep = to != NULL;

	while (keep && *word) {
		const char *end = *word == '{' ? strchr(word, '}') : NULL;

		if (end) {
			keep = fill_one(word + 1, (size_t)(end - word) - 1, name, limits, to);
			word = end + 1;
		} else {
			keep = fputc(*word++, to) != EOF;
		}
	}
	if (to && fclose(to) != 0)
		keep = false;
	if (!keep)
		free(text);
	return keep ? text : NULL;
}

/* The next word of *at into buf: 1, 0 at the end. */
static int cut_word(const char **at, char buf[WORD_MAX], struct tare_err *err)
{
	const char *c = *at + strspn(*at, " \t");
	char quote = '\0';
	size_t n = 0;

	if (!*c)
		return 0;
	for (; *c && (quote || !strchr(" \t", *c)); c++) {
		if (quote ? *c == quote : *c == '\'' || *c == '"') {
			quote = (char)(quote ? '\0' : *c);
			continue;
		}
		if (n == WORD_MAX - 1)
			return err_set(err, EINVAL, "command=: a word is too long");
		buf[n++] = *c;
	}
	if (quote)
		return err_set(err, EINVAL, "command=: a quote (%c) is not closed", quote);
	buf[n] = '\0';
	*at = c;
	return 1;
}

static int make(const char *text, const char *name, const json_t *limits, struct words *words,
		struct tare_err *err)
{
	char buf[WORD_MAX];
	int r;

	while ((r = cut_word(&text, buf, err)) == 1) {
		char *word = fill_word(buf, name, limits);

		if (word && words->n == WORDS_MAX) {
			free(word);
			return err_set(err, EINVAL, "command=: more than %d words", WORDS_MAX);
		}
		if (word)
			words->items[words->n++] = word;
	}
	if (r == 0 && words->n == 0)
		return err_set(err, EINVAL, "command=: which command?");
	return r;
}

int words_make(const char *text, const char *name, const json_t *limits, struct words *ret,
	       struct tare_err *err)
{
	struct words words = {0};
	int r = make(text, name, limits, &words, err);

	if (r < 0)
		words_clear(&words);
	else
		*ret = words;
	return r;
}

void words_clear(struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free(words->items[i]);
	*words = (struct words){0};
}
