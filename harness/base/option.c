/* SPDX-License-Identifier: MIT */
#include "base/option.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define WORDS_MAX 16

int option_check_value(const char *what, const char *name, const char *values, const char *value,
		       struct tare_err *err)
{
	const char *words[WORDS_MAX + 1] = {NULL};
	char copy[256], hint[TEXT_HINT_SIZE];
	char *save = NULL;
	size_t n = 0;

	if (!*value)
		return err_set(err, EINVAL, "%s: option '%s' needs a value: %s", what, name,
			       values);
	if (!strchr(values, '|'))
		return 0;
	(void)snprintf(copy, sizeof(copy), "%s", values);
	for (char *word = strtok_r(copy, "|", &save); word && n < WORDS_MAX;
	     word = strtok_r(NULL, "|", &save)) {
		if (strcmp(word, value) == 0)
			return 0;
		words[n++] = word;
	}
	return err_set(err, EINVAL, "%s: option '%s' is %s, not '%.40s'%s", what, name, values,
		       value, text_hint(value, words, hint, sizeof(hint)));
}
