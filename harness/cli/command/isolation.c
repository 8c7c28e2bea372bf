/* SPDX-License-Identifier: MIT */
/* tare isolation: which names are private, and which attacks succeed, in each environment. */

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "cli/command.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "isolation/isolation.h"
#include "report/report.h"

struct isolation_options {
	struct env_list envs;
	const char *output, *report;
	bool prove, prove_in_guest;
};

static int take_env(void *options, const char *text, struct tare_err *err)
{
	return args_parse_envs(text, &((struct isolation_options *)options)->envs, err);
}

static int take_output(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct isolation_options *)options)->output = text;
	return 0;
}

static int take_report(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct isolation_options *)options)->report = text;
	return 0;
}

static int take_prove(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct isolation_options *)options)->prove = true;
	return 0;
}

static int take_prove_in_guest(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct isolation_options *)options)->prove_in_guest = true;
	return 0;
}

static const struct command_option options_table[] = {
	{"environment", 'e', "ENV", "where (default: native, chroot and container)", take_env},
	{"prove", 0, NULL, "also show each on the host where its protection is switched off",
	 take_prove},
	{"prove-in-guest", 0, NULL, "the same for what would change the machine, in a guest",
	 take_prove_in_guest},
	{"output", 'o', "FILE", "write the JSON to a file", take_output},
	{"report", 0, "DIR", "write isolation.json, index.html and report.md to a folder",
	 take_report},
	{NULL, 0, NULL, NULL, NULL},
};

static void say(const char *what)
{
	log_verbose("looking from inside of %s", what);
}

static int deliver(const struct isolation_options *own, const struct cli_options *cli,
		   const json_t *result, struct tare_err *err)
{
	int r = own->output ? newfile_write_json(own->output, result, JSON_INDENT(2), err) : 0;

	if (r == 0 && own->report)
		r = isolation_report(result, own->report, REPORT_HTML | REPORT_MARKDOWN, err);
	if (r < 0)
		return r;
	if (cli->json)
		return command_print_json(result, err);
	isolation_print(result, log_stdout_has_color());
	return command_end_output(err);
}

static int run_in_places(const struct isolation_options *own, const struct cli_options *cli,
			 const struct places *places, bool *ret_misuse, struct tare_err *err)
{
	const struct isolation_plan plan = {
		.envs = &own->envs,
		.probes = cli->args,
		.prove = own->prove,
		.prove_in_guest = own->prove_in_guest,
		.site = places_site(places),
		.say = say,
	};
	cleanup_json json_t *result = NULL;
	int r = isolation_run(&plan, &result, err);

	if (r < 0) {
		*ret_misuse = r == -EINVAL;
		return r;
	}
	r = deliver(own, cli, result, err);
	if (r < 0)
		return r;
	if (isolation_leaks(result))
		return EXIT_FOUND;
	return isolation_looked(result) ? EXIT_OK : EXIT_CANNOT_RUN;
}

static int run_checked(const struct command *command, struct isolation_options *own,
		       const struct cli_options *cli)
{
	struct tare_err err = {0};
	struct places places;
	bool misuse = false;
	int code;

	if (command_needs_root("isolation", &err) < 0) {
		(void)command_fail(command, &err);
		return EXIT_CANNOT_RUN;
	}
	if (!own->envs.n && args_parse_envs("native,chroot,container", &own->envs, &err) < 0)
		return command_fail(command, &err);
	if ((own->output && newfile_check(own->output, &err) < 0) || places_find(&places, &err) < 0)
		return command_fail(command, &err);
	code = places_open(&places, true, &err);
	if (code == 0)
		code = run_in_places(own, cli, &places, &misuse, &err);
	if (places_close(&places, &err) < 0 && code >= 0)
		code = -EIO;
	if (misuse)
		return command_misuse(command, &err);
	return code < 0 ? command_fail(command, &err) : code;
}

static int run_isolation(const struct command *command, int argc, char **argv)
{
	struct isolation_options own = {0};
	struct cli_options cli;
	int code = options_read(command, argc, argv, &own, &cli);

	if (code == OPTIONS_GO_ON)
		code = run_checked(command, &own, &cli);
	env_list_free(&own.envs);
	return code;
}

const struct command command_isolation = {
	.name = "isolation",
	.usage = "[PROBE]... [-e ENV]... [--prove] [--prove-in-guest] [-o FILE] [--report DIR]",
	.summary = "what can be seen and done from inside: names and attacks",
	.details =
		"Things are made outside to be looked for inside: a process, files, a socket, IPC, "
		"a key,\na variable. A name is private, partly private or shared. An attack is "
		"contained or has\nsucceeded. What would change the machine is never done on the "
		"host: there it is only\nattempted as far as opening for writing, inside of a "
		"box that claims to hold it back. An\nenvironment that cannot be had is a column "
		"of "
		"its own, with the reason; the others are shown.\nExit: 1 when a box leaks what "
		"it claims to keep, a proof does not work or an environment\nfails that can be "
		"had; 77 when none of them can be had.",
	.examples = "tare isolation -e container\n"
		    "tare isolation kill ptrace -e container --prove",
	.options = options_table,
	.run = run_isolation,
};
