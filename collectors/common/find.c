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

int collector_check(const char *name, const struct collector_ops **ret, struct tare_err *err)
{
	const struct collector_ops *ops = NULL;
	const char *argument = NULL;
	int r = collector_find(name, &ops, &argument, err);

	if (r == 0 && argument && !ops->check)
		r = err_set(err, EINVAL, "collector '%s' takes no argument: '=%.60s'", ops->name,
			    argument);
	else if (r == 0 && argument)
		r = err_wrap(err, ops->check(argument, err), "collector '%s'", ops->name);
	if (r == 0)
		*ret = ops;
	return r;
}
