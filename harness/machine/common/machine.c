/* SPDX-License-Identifier: MIT */
#include "machine/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/option.h"
#include "base/text.h"

#define NAMES_MAX 32

int machine_find(const char *name, const struct machine_ops **ret, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; machine_ops_table[i]; i++) {
		if (strcmp(machine_ops_table[i]->name, name) == 0) {
			*ret = machine_ops_table[i];
			return 0;
		}
		if (i < NAMES_MAX)
			names[i] = machine_ops_table[i]->name;
	}
	/* Who only asks whether there is one needs no advice. */
	if (!err)
		return -ENOENT;
	return err_set(err, ENOENT, "no machine '%.40s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

static const struct machine_option *find_option(const struct machine_ops *ops, const char *name)
{
	for (const struct machine_option *o = ops->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static int unknown_option(const struct machine_ops *ops, const char *name, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; ops->options && ops->options[i].name && i < NAMES_MAX; i++)
		names[i] = ops->options[i].name;
	return err_set(err, EINVAL, "machine '%s' has no option '%.40s'%s", ops->name, name,
		       text_hint(name, names, hint, sizeof(hint)));
}

int machine_check_options(const struct machine_ops *ops, const json_t *options,
			  struct tare_err *err)
{
	const char *name;
	json_t *value;
	char what[64];

	(void)snprintf(what, sizeof(what), "machine %.32s", ops->name);
	/* jansson's iteration takes no const object, and changes none.
	 * NOLINTNEXTLINE(performance-no-int-to-ptr) */
	json_object_foreach((json_t *)(uintptr_t)options, name, value)
	{
		const struct machine_option *option = find_option(ops, name);
		int r;

		if (!option)
			return unknown_option(ops, name, err);
		if (!json_is_string(value))
			return err_set(err, EINVAL, "%s: option '%s' is no text", what, name);
		r = option_check_value(what, name, option->values, json_string_value(value), err);
		if (r < 0)
			return r;
	}
	return 0;
}

const char *machine_option(const struct machine_ops *ops, const json_t *options, const char *name)
{
	const json_t *value = json_object_get(options, name);
	const struct machine_option *option = find_option(ops, name);

	if (json_is_string(value))
		return json_string_value(value);
	return option ? option->fallback : NULL;
}

bool machine_is_limited(const struct machine_ops *ops, const json_t *options, const char *box)
{
	const char *at = ops->is_guest ? machine_option(ops, options, "limit-at") : NULL;

	if (!at || strcmp(at, "box") == 0)
		return false;
	return strcmp(at, "machine") == 0 || strcmp(box, "bare") == 0;
}

void machine_split_limits(const struct machine_ops *ops, const json_t *options, const char *box,
			  const struct limits *limits, struct limits *ret_machine,
			  struct limits *ret_box)
{
	bool whole = machine_is_limited(ops, options, box);

	*ret_machine = whole ? *limits : (struct limits){0};
	ret_machine->ulimits.n = 0;
	*ret_box = whole ? limits_of_process(limits) : *limits;
}

int machine_probe(const struct machine_ops *machine, const struct box_ops *box,
		  struct tare_err *err)
{
	int r = machine->probe ? machine->probe(err) : 0;

	if (r < 0 || machine->is_guest || !box->probe)
		return r;
	return box->probe(err);
}
