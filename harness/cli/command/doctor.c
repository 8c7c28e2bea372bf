/* SPDX-License-Identifier: MIT */
/* tare doctor: what this machine can do, and what to do about the rest. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/doctor/doctor.h"
#include "cli/log.h"
#include "cli/options.h"

#define GROUPS_MAX 16

static int take_deep(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct doctor *)options)->deep = true;
	return 0;
}

static int take_reprobe(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct doctor *)options)->reprobe = true;
	return 0;
}

static const struct command_option doctor_options[] = {
	{"deep", 0, NULL, "also boot guests (seconds)", take_deep},
	{"reprobe", 0, NULL,
	 "forget what is known of KVM, and try it anew, with a boot where we are root (up to 15 s)",
	 take_reprobe},
	{NULL, 0, NULL, NULL, NULL},
};

static bool is_asked(const struct cli_options *cli, const char *group)
{
	for (int i = 0; i < cli->n_args; i++)
		if (strcmp(cli->args[i], group) == 0)
			return true;
	return cli->n_args == 0;
}

static int check_groups(const struct cli_options *cli, struct tare_err *err)
{
	const char *names[GROUPS_MAX];
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (; n < GROUPS_MAX - 1 && doctor_groups[n].name; n++)
		names[n] = doctor_groups[n].name;
	names[n] = NULL;
	for (int i = 0; i < cli->n_args; i++) {
		size_t j = 0;

		while (names[j] && strcmp(names[j], cli->args[i]) != 0)
			j++;
		if (!names[j])
			return err_set(err, EINVAL, "no group '%.40s'%s", cli->args[i],
				       text_hint(cli->args[i], names, hint, sizeof(hint)));
	}
	return 0;
}

static void print_check(const json_t *check, bool color)
{
	static const struct {
		const char *state, *sign, *color;
	} looks[] = {
		{"ok", "+", "\033[32m"},
		{"degraded", "!", "\033[33m"},
		{"blocked", "x", "\033[31m"},
	};
	const char *state = json_string_or(check, "state", ""), *sign = "?", *on = "";
	const char *advice = json_string_or(check, "advice", NULL);

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		if (strcmp(state, looks[i].state) == 0) {
			sign = looks[i].sign;
			on = color ? looks[i].color : "";
		}
	}
	(void)printf("  %s%s%s %-20s %s\n", on, sign, color ? "\033[0m" : "",
		     json_string_or(check, "name", ""), json_string_or(check, "finding", ""));
	if (advice)
		(void)printf("    %-20s -> %s\n", "", advice);
}

static void print_all(const struct doctor *doctor, const struct cli_options *cli)
{
	bool color = log_stdout_has_color();
	const json_t *check;
	size_t i;

	for (const struct doctor_group *g = doctor_groups; g->name; g++) {
		if (!is_asked(cli, g->name))
			continue;
		(void)printf("%s: %s\n", g->name, g->summary);
		json_array_foreach(doctor->checks, i, check)
		{
			if (strcmp(json_string_or(check, "group", ""), g->name) == 0)
				print_check(check, color);
		}
	}
	(void)putchar('\n');
	for (const struct doctor_group *g = doctor_groups; g->name; g++) {
		if (is_asked(cli, g->name))
			(void)printf("%s %s  ", g->name,
				     doctor_state_name(doctor_worst(doctor, g->name)));
	}
	(void)putchar('\n');
}

static void print_json(const struct doctor *doctor, const struct cli_options *cli)
{
	cleanup_json json_t *groups = json_object();
	cleanup_json json_t *all = NULL;

	for (const struct doctor_group *g = doctor_groups; g->name; g++) {
		if (is_asked(cli, g->name))
			(void)json_object_set_new(
				groups, g->name,
				json_string(doctor_state_name(doctor_worst(doctor, g->name))));
	}
	all = json_pack("{s:O, s:O}", "groups", groups, "checks", doctor->checks);
	if (json_dumpf(all, stdout, JSON_INDENT(1)) == 0)
		(void)putchar('\n');
}

static int examine(struct doctor *doctor, const struct cli_options *cli)
{
	int code = EXIT_OK;

	doctor->checks = json_array();
	for (const struct doctor_group *g = doctor_groups; g->name; g++) {
		if (!is_asked(cli, g->name))
			continue;
		doctor->group = g->name;
		g->check(doctor);
		if (cli->n_args && doctor_worst(doctor, g->name) == DOCTOR_BLOCKED)
			code = EXIT_FOUND;
	}
	if (cli->json)
		print_json(doctor, cli);
	else
		print_all(doctor, cli);
	json_decref(doctor->checks);
	return code;
}

static int run_doctor(const struct command *command, int argc, char **argv)
{
	struct places places;
	struct doctor doctor = {.places = &places, .root = geteuid() == 0};
	struct tare_err err = {0};
	struct cli_options cli;
	int code = options_read(command, argc, argv, &doctor, &cli);

	if (code != OPTIONS_GO_ON)
		return code;
	if (check_groups(&cli, &err) < 0)
		return command_misuse(command, &err);
	if (places_find(&places, &err) < 0)
		return command_fail(command, &err);
	if (doctor.root && places_open(&places, true, &err) < 0)
		code = command_fail(command, &err);
	else
		code = examine(&doctor, &cli);
	if (places_close(&places, &err) < 0 && code == EXIT_OK)
		code = command_fail(command, &err);
	if (code == EXIT_OK && (fflush(stdout) != 0 || ferror(stdout))) {
		(void)err_errno(&err, "write to stdout");
		code = command_fail(command, &err);
	}
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.usage = "[containers|vm|uml|ebpf|perf|noise|storage|tools]...",
	.summary = "what this machine can do, what disturbs a measurement, what to do about it",
	.details = "Each check is done, not looked up. + works, ! works but something is lost, x "
		   "does not work;\n-> says what to type. Nothing is changed. Exit: 1 when a group "
		   "that was named is blocked.",
	.examples = "tare doctor\n"
		    "tare doctor vm --deep",
	.options = doctor_options,
	.run = run_doctor,
};
