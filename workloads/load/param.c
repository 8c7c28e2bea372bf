/* SPDX-License-Identifier: MIT */
#include "param.h"

#include <string.h>

#include "base/err.h"
#include "base/units.h"

int param_choice(const char *what, const char *text, const char *words, struct tare_err *err)
{
	const char *word = words;

	for (int i = 0;; i++) {
		size_t n = strcspn(word, "|");

		if (strlen(text) == n && strncmp(text, word, n) == 0)
			return i;
		if (word[n] == '\0')
			return err_set(err, EINVAL, "%s: '%.40s' is none of %s", what, text, words);
		word += n + 1;
	}
}

int param_size(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t step,
	       uint64_t *ret, struct tare_err *err)
{
	char least[16], most[16], each[16];
	int r = units_parse_size(what, text, ret, err);

	if (r < 0)
		return r;
	if (*ret < min || *ret > max)
		return err_set(err, EINVAL, "%s: %.40s is not within %s to %s", what, text,
			       units_print_bytes((double)min, least, sizeof(least)),
			       units_print_bytes((double)max, most, sizeof(most)));
	if (*ret % step)
		return err_set(err, EINVAL, "%s: %.40s is no multiple of %s", what, text,
			       units_print_bytes((double)step, each, sizeof(each)));
	return 0;
}
