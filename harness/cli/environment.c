/* SPDX-License-Identifier: MIT */
#include "cli/environment.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "box/box.h"
#include "machine/machine.h"

void environment_name(const struct machine_ops *machine, const struct box_ops *box, char *buf,
		      unsigned long size)
{
	bool bare = strcmp(box->name, "bare") == 0;

	if (!machine->is_guest)
		(void)snprintf(buf, size, "%s", bare ? "native" : box->name);
	else
		(void)snprintf(buf, size, "%s%s%s", machine->name, bare ? "" : "+",
			       bare ? "" : box->name);
}

static json_t *describe_option(const char *name, const char *values, const char *fallback,
			       const char *summary)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "name", name, "values", values, "default",
			 fallback, "summary", summary);
}

/* What a machine has for its boxes is listed with them. */
static json_t *options_of(const struct machine_ops *machine, const struct box_ops *box)
{
	json_t *options = json_array();

	for (const struct machine_option *o = machine->options; o && o->name; o++)
		if (!o->to_box)
			(void)json_array_append_new(
				options,
				describe_option(o->name, o->values, o->fallback, o->summary));
	for (const struct box_option *o = box->options; o && o->name; o++)
		(void)json_array_append_new(
			options, describe_option(o->name, o->values, o->fallback, o->summary));
	return options;
}

static json_t *describe(const struct machine_ops *machine, const struct box_ops *box)
{
	struct tare_err why = {0};
	char name[80], summary[256];
	int r = machine_probe(machine, box, &why);
	bool bare = strcmp(box->name, "bare") == 0;

	environment_name(machine, box, name, sizeof(name));
	if (bare || !machine->is_guest)
		(void)snprintf(summary, sizeof(summary), "%s",
			       bare && machine->is_guest ? machine->summary : box->summary);
	else
		(void)snprintf(summary, sizeof(summary), "%s, in a guest", box->summary);
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "name", name, "machine",
			 machine->name, "box", box->name, "summary", summary, "available", r == 0,
			 "why", r < 0 ? json_string(why.msg) : json_null(), "options",
			 options_of(machine, box));
}

json_t *environment_list(void)
{
	json_t *list = json_array();

	for (const struct machine_ops *const *m = machine_ops_table; *m; m++)
		for (const struct box_ops *const *b = box_ops_table; *b; b++)
			(void)json_array_append_new(list, describe(*m, *b));
	return list;
}
