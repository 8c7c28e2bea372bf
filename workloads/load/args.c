/* SPDX-License-Identifier: MIT */
#include "args.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define LOADS_MAX 128

static const char *const mode_names[] = {"batch", "latency", "solo", NULL};

int args_find_load(const char *name, const struct workload **ret, struct tare_err *err)
{
	const char *names[LOADS_MAX + 1];
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (; n < LOADS_MAX && workload_table[n]; n++) {
		names[n] = workload_table[n]->name;
		if (strcmp(names[n], name) != 0)
			continue;
		*ret = workload_table[n];
		return 0;
	}
	names[n] = NULL;
	return err_set(err, ENOENT, "no load '%.64s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

int args_find_mode(const struct workload *load, const char *name, enum args_mode *ret,
		   struct tare_err *err)
{
	char hint[TEXT_HINT_SIZE];
	int mode = 0;

	while (mode_names[mode] && strcmp(mode_names[mode], name) != 0)
		mode++;
	if (!mode_names[mode])
		return err_set(err, EINVAL, "no mode '%.64s' (batch, latency or solo)%s", name,
			       text_hint(name, mode_names, hint, sizeof(hint)));
	if (load->solo && mode == ARGS_BATCH)
		return err_set(err, EINVAL,
			       "load '%s' cannot take turns: play it solo, or for its latency",
			       load->name);
	*ret = (enum args_mode)mode;
	return 0;
}

const struct workload_param args_common[] = {
	{"delay", "every load's: time added to each operation, a known slowdown", "0"},
	{NULL, NULL, NULL},
};

/* The place of its value. */
static int find_param(const struct workload *load, const char *name, struct tare_err *err)
{
	const char *names[ARGS_VALUES + 1];
	char hint[TEXT_HINT_SIZE];
	int n = 0;

	for (int i = 0; load->params && load->params[i].name; i++) {
		names[n++] = load->params[i].name;
		if (strcmp(load->params[i].name, name) == 0)
			return i;
	}
	for (int i = 0; args_common[i].name; i++) {
		names[n++] = args_common[i].name;
		if (strcmp(args_common[i].name, name) == 0)
			return WORKLOAD_PARAMS + i;
	}
	names[n] = NULL;
	return err_set(err, EINVAL, "load '%s' has no parameter '%.64s'%s", load->name, name,
		       text_hint(name, names, hint, sizeof(hint)));
}

int args_resolve_params(const struct workload *load, char *const *args, int n,
			const char *values[ARGS_VALUES], struct tare_err *err)
{
	bool given[ARGS_VALUES] = {false};

	for (int i = 0; load->params && load->params[i].name; i++)
		values[i] = load->params[i].fallback;
	for (int i = 0; args_common[i].name; i++)
		values[WORKLOAD_PARAMS + i] = args_common[i].fallback;
	for (int i = 0; i < n; i++) {
		const char *equals = strchr(args[i], '=');
		char name[64];
		int at;

		if (!equals || (size_t)(equals - args[i]) >= sizeof(name))
			return err_set(err, EINVAL, "'%.64s' is not NAME=VALUE", args[i]);
		memcpy(name, args[i], (size_t)(equals - args[i]));
		name[equals - args[i]] = '\0';
		at = find_param(load, name, err);
		if (at < 0)
			return at;
		if (given[at])
			return err_set(err, EINVAL, "parameter '%s' is given twice", name);
		given[at] = true;
		values[at] = equals + 1;
	}
	return 0;
}

static bool condition_holds(const struct workload *load, const char *condition, size_t size,
			    const char *const *values)
{
	for (int i = 0; load->params[i].name; i++) {
		size_t n = strlen(load->params[i].name);

		if (n < size && strncmp(condition, load->params[i].name, n) == 0 &&
		    condition[n] == '=')
			return strlen(values[i]) == size - n - 1 &&
			       strncmp(condition + n + 1, values[i], size - n - 1) == 0;
	}
	return true;
}

bool args_syscall_applies(const struct workload *load, const struct workload_syscall *call,
			  const char *const *values)
{
	for (const char *at = call->when; at && *at; at += *at == ',') {
		size_t size = strcspn(at, ",");

		if (!condition_holds(load, at, size, values))
			return false;
		at += size;
	}
	return true;
}
