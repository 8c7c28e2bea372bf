/* SPDX-License-Identifier: MIT */
/* tare list: what there is to choose from, and why some of it cannot run here. */

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "check/check.h"
#include "cli/command.h"
#include "cli/environment.h"
#include "cli/options.h"
#include "cli/places.h"
#include "collector.h"
#include "isolation/isolation.h"
#include "kernel/cgroup.h"
#include "limit/limit.h"
#include "trial/trial.h"

#define NAME_COLUMN 22

struct section {
	const char *name;
	const char *title;
	int (*make)(json_t **ret, struct tare_err *err);
	const char *name_key, *rows_key; /* of an item, and of its rows of options */
};

static int make_envs(json_t **ret, struct tare_err *err)
{
	*ret = environment_list();
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int make_loads(json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *described = NULL;
	struct places places;
	int r = places_find(&places, err);

	if (r < 0)
		return r;
	r = trial_describe_loads(places.load_path, &described, err);
	if (r == 0)
		*ret = json_incref(json_object_get(described, "loads"));
	(void)places_close(&places, NULL);
	return r;
}

static int make_collectors(json_t **ret, struct tare_err *err)
{
	json_t *list = json_array();

	for (const struct collector_ops *const *c = collector_ops_table; *c; c++) {
		struct tare_err why = {0};
		bool can = !(*c)->probe || (*c)->probe(&why) == 0;

		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:b, s:b, s:o}", "name", (*c)->name, "summary",
					(*c)->summary, "traces", (*c)->traces, "available", can,
					"why", can ? json_null() : json_string(why.msg)));
	}
	*ret = list;
	return list ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The version of the hierarchy that has the controller; 0: none has; -1: it is no cgroup's. */
static int controller_version(const struct cgroup_layout *layout, const char *name)
{
	for (int c = 0; c < CGROUP_N_CONTROLLERS; c++)
		if (strcmp(cgroup_controller_name((enum cgroup_controller)c), name) == 0)
			return layout->controllers[c].version;
	return -1;
}

static int make_limits(json_t **ret, struct tare_err *err)
{
	struct cgroup_layout layout;
	json_t *list;
	int r = cgroup_layout_read(&layout, err);

	if (r < 0)
		return r;
	list = json_array();
	for (const struct limit_option *l = limit_options; l->flag; l++) {
		int version = controller_version(&layout, l->controller);
		char why[96];

		(void)snprintf(why, sizeof(why), "no cgroup hierarchy has the controller '%s'",
			       l->controller);
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:o}", "flag", l->flag,
					"argument", l->argument, "summary", l->help, "controller",
					l->controller, "cgroup_version", version > 0 ? version : 0,
					"available", version != 0, "why",
					version ? json_null() : json_string(why)));
	}
	*ret = list;
	return list ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int make_checks(json_t **ret, struct tare_err *err)
{
	json_t *list = json_array();

	for (const struct check_ops *const *c = check_ops_table; *c; c++)
		(void)json_array_append_new(list,
					    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name",
						      (*c)->name, "summary", (*c)->summary, "claim",
						      (*c)->claim, "limits", (*c)->limits, "unit",
						      (*c)->unit, "tolerance", (*c)->tolerance));
	*ret = list;
	return list ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int make_probes(json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *probes = NULL, *list = json_array();
	struct places places;
	const char *name;
	json_t *probe;
	int r = places_find(&places, err);

	if (r < 0)
		return r;
	r = isolation_list(places.load_path, &probes, err);
	(void)places_close(&places, NULL);
	json_object_foreach(probes, name, probe)
	{
		(void)json_array_append(list, probe);
	}
	if (r == 0)
		*ret = json_incref(list);
	return r;
}

static const struct section sections[] = {
	{"envs", "environments (-e)", make_envs, "name", "options"},
	{"loads", "loads (-w)", make_loads, "name", "params"},
	{"collectors", "collectors (-c)", make_collectors, "name", NULL},
	{"limits", "limits", make_limits, "flag", NULL},
	{"checks", "checks (tare validate)", make_checks, "name", NULL},
	{"probes", "probes (tare isolation)", make_probes, "name", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static void print_groups(const json_t *groups)
{
	const json_t *group;
	size_t i;

	json_array_foreach(groups, i, group)
	{
		(void)printf(" @%s", json_string_value(group));
	}
}

/* common: those that every item of the section has, or those of its own. */
static void print_rows(const json_t *rows, bool common)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		char left[80];

		if (json_bool_or(row, "common", false) != common)
			continue;
		(void)snprintf(left, sizeof(left), ",%s=%s", json_string_or(row, "name", ""),
			       json_string_or(row, "default", ""));
		(void)printf("    %-*s %s", NAME_COLUMN, left, json_string_or(row, "summary", ""));
		if (json_string_or(row, "values", NULL))
			(void)printf(" (%s)", json_string_or(row, "values", ""));
		(void)putchar('\n');
	}
}

static void print_section(const struct section *section, const json_t *list, bool rows)
{
	const json_t *item, *of_last = NULL;
	size_t i;

	(void)printf("%s\n", section->title);
	json_array_foreach(list, i, item)
	{
		const char *why = json_string_or(item, "why", NULL);

		(void)printf("  %-*s %s", NAME_COLUMN, json_string_or(item, section->name_key, ""),
			     json_string_or(item, "summary", ""));
		print_groups(json_object_get(item, "groups"));
		(void)putchar('\n');
		if (why)
			(void)printf("  %-*s not here: %s\n", NAME_COLUMN, "", why);
		if (!rows || !section->rows_key)
			continue;
		of_last = json_object_get(item, section->rows_key);
		print_rows(of_last, false);
	}
	print_rows(of_last, true);
}

static int find_section(const char *name, const struct section **ret, struct tare_err *err)
{
	const char *names[sizeof(sections) / sizeof(sections[0])];
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (; sections[n].name; n++) {
		names[n] = sections[n].name;
		if (strcmp(names[n], name) != 0)
			continue;
		*ret = &sections[n];
		return 0;
	}
	names[n] = NULL;
	return err_set(err, EINVAL, "nothing is called '%.40s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

static int list_sections(const struct section *only, const struct cli_options *cli,
			 struct tare_err *err)
{
	cleanup_json json_t *all = json_object();

	for (const struct section *s = sections; s->name; s++) {
		json_t *list;
		int r;

		if (only && s != only)
			continue;
		r = s->make(&list, err);
		if (r < 0)
			return err_wrap(err, r, "%s", s->name);
		(void)json_object_set_new(all, s->name, list);
		if (!cli->json)
			print_section(s, list, only || cli->verbose);
		if (!cli->json && !only && s[1].name)
			(void)putchar('\n');
	}
	return cli->json ? command_print_json(all, err) : command_end_output(err);
}

static int run_list(const struct command *command, int argc, char **argv)
{
	const struct section *only = NULL;
	struct tare_err err = {0};
	struct cli_options cli;
	int code = options_read(command, argc, argv, NULL, &cli);

	if (code != OPTIONS_GO_ON)
		return code;
	if (options_at_most(&cli, 1, &err) < 0 ||
	    (cli.n_args == 1 && find_section(cli.args[0], &only, &err) < 0))
		return command_misuse(command, &err);
	if (list_sections(only, &cli, &err) < 0)
		return command_fail(command, &err);
	return EXIT_OK;
}

const struct command command_list = {
	.name = "list",
	.usage = "[envs|loads|collectors|limits|checks|probes]",
	.summary = "what there is to choose from, and why some of it cannot run here",
	.details = "With one of the six words, or with --verbose, options and parameters are "
		   "listed too,\neach with its default.",
	.examples = "tare list loads\n"
		    "tare list envs --json",
	.run = run_list,
};
