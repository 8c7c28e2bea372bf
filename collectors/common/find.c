/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "collector.h"

#define NAMES_MAX 32

static int unknown_name(const char *name, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; i < NAMES_MAX && collector_ops_table[i]; i++)
		names[i] = collector_ops_table[i]->name;
	return err_set(err, ENOENT, "there is no collector '%.60s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

int collector_find(const char *name, const struct collector_ops **ret, const char **ret_argument,
		   struct tare_err *err)
{
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	char wanted[64];

	if (length >= sizeof(wanted))
		return err_set(err, ENOENT, "there is no collector '%.60s'", name);
	memcpy(wanted, name, length);
	wanted[length] = '\0';
	for (size_t i = 0; collector_ops_table[i]; i++) {
		if (strcmp(collector_ops_table[i]->name, wanted) != 0)
			continue;
		*ret = collector_ops_table[i];
		if (ret_argument)
			*ret_argument = equals ? equals + 1 : NULL;
		return 0;
	}
	return unknown_name(wanted, err);
}
