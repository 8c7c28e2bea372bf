/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define LABS_MAX 64

int lab_find(const char *name, const struct lab_ops **ret, struct tare_err *err)
{
	const char *names[LABS_MAX + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; i < LABS_MAX && lab_ops_table[i]; i++) {
		names[i] = lab_ops_table[i]->name;
		if (strcmp(names[i], name) == 0) {
			*ret = lab_ops_table[i];
			return 0;
		}
	}
	return err_set(err, ENOENT, "there is no lab '%.60s'%s: see 'tare lab list'", name,
		       text_hint(name, names, hint, sizeof(hint)));
}
