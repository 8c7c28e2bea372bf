/* SPDX-License-Identifier: MIT */
/* tare validate: do the limits hold? Each check with the limit and without it, per environment. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/units.h"
#include "check/check.h"
#include "check/run/account.h"
#include "cli/command.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/validate/print.h"
#include "engine/args.h"
#include "kernel/journal.h"
#include "machine/common/outside.h"
#include "machine/machine.h"

#define CHECKS_MAX 64
#define SCALE_MIN  0.01

struct validate {
	struct env_list envs;
	const struct check_ops *checks[CHECKS_MAX];
	size_t n_checks;
	double scale;
	const char *file; /* -o */
	struct places places;
	json_t *results;
	size_t done;
};

static int take_env(void *options, const char *text, struct tare_err *err)
{
	return args_parse_envs(text, &((struct validate *)options)->envs, err);
}

static int take_scale(void *options, const char *text, struct tare_err *err)
{
	return units_parse_number("--scale", text, SCALE_MIN, 1,
				  &((struct validate *)options)->scale, err);
}

static int take_file(void *options, const char *text, struct tare_err *err)
{
	if (!*text)
		return err_set(err, EINVAL, "-o: which file?");
	((struct validate *)options)->file = text;
	return 0;
}

static const struct command_option validate_options[] = {
	{"environment", 'e', "ENV", "what to try them in; may be given again (default: container)",
	 take_env},
	{"scale", 0, "X", "share of the full times and counts, 0.01 to 1 (default: 1)", take_scale},
	{"output", 'o', "FILE", "also write the JSON there", take_file},
	{NULL, 0, NULL, NULL, NULL},
};

static int choose_checks(struct validate *v, const struct cli_options *cli, struct tare_err *err)
{
	for (int i = 0; i < cli->n_args; i++) {
		int r;

		if (v->n_checks == CHECKS_MAX)
			return err_set(err, E2BIG, "more than %d checks", CHECKS_MAX);
		r = check_find(cli->args[i], &v->checks[v->n_checks], err);
		if (r < 0)
			return r;
		v->n_checks++;
	}
	for (size_t i = 0; cli->n_args == 0 && check_ops_table[i] && i < CHECKS_MAX; i++)
		v->checks[v->n_checks++] = check_ops_table[i];
	return 0;
}

/* An environment under test, with its machine once it is wanted. */
struct trying {
	const struct env_choice *env;
	const struct machine_ops *ops;
	const struct machine_config *config;
	struct machine *machine;
	json_t *described; /* it, or one of the machines that were held from outside */
};

static int open_machine(struct trying *t, struct tare_err *err)
{
	int r = t->machine ? 0 : t->ops->open(t->config, &t->machine, err);

	if (r < 0)
		return err_wrap(err, r, "environment '%s'", t->env->label);
	if (!t->described)
		t->described = t->ops->describe(t->machine);
	return 0;
}

/* On the machine as a whole, from outside, where its limits lie there and the check knows how. */
static bool is_tried_outside(const struct trying *t, const struct check_ops *check)
{
	return check->of_machines && t->ops->outside &&
	       machine_is_limited(t->ops, t->env->machine_options, t->env->box);
}

/* A bare guest's own network device is held from outside as well, and its machine sees to that. */
static bool is_of_device(const struct trying *t, const struct check_ops *check)
{
	const char *net = machine_option(t->ops, t->env->machine_options, "guest-net");

	return check->on_device && strcmp(t->env->box, "bare") == 0 && net &&
	       strcmp(net, "none") != 0;
}

/* Who asked for limits on the machine is not answered by one on the box. */
static bool is_only_inside(const struct trying *t, const struct check_ops *check)
{
	const char *at = machine_option(t->ops, t->env->machine_options, "limit-at");

	return at && strcmp(at, "machine") == 0 && !is_tried_outside(t, check) &&
	       !is_of_device(t, check);
}

static int carry_out(struct trying *t, const struct check_ops *check, double scale,
		     json_t **ret_account, struct tare_err *err)
{
	const struct check_request request = {.check = check->name,
					      .box = t->env->box,
					      .options = t->env->options,
					      .scale = scale};
	json_t *described = NULL;
	int r;

	if (is_only_inside(t, check)) {
		*ret_account = json_pack("{s:s}", "unsupported",
					 "it is tried on a box in the guest alone: limit-at=box");
		return 0;
	}
	if (!is_tried_outside(t, check))
		return t->ops->check(t->machine, &request, ret_account, err);
	r = machine_check_outside(t->ops, t->config, &request, ret_account, &described, err);
	if (!t->described)
		t->described = json_incref(described);
	json_decref(described);
	return r;
}

static int check_one(struct validate *v, struct trying *t, const struct check_ops *check,
		     struct tare_err *err)
{
	size_t all = v->n_checks * v->envs.n;
	bool outside = is_tried_outside(t, check);
	const char *at = outside || is_of_device(t, check) ? "machine" : "box";
	cleanup_json json_t *account = NULL;
	struct tare_err why = {0};
	json_t *result;
	int r = outside ? 0 : open_machine(t, err);

	if (r < 0)
		return r;
	log_progress((double)v->done / (double)all, "%s: %s", t->env->label, check->name);
	r = carry_out(t, check, v->scale, &account, &why);
	v->done++;
	result = check_judge(check, r < 0 ? NULL : account, why.msg);
	if (!result || json_object_set_new(result, "env", json_string(t->env->label)) < 0 ||
	    json_object_set_new(result, "limit_at", json_string(at)) < 0 ||
	    json_array_append_new(v->results, result) < 0)
		return err_set(err, ENOMEM, "out of memory");
	log_progress((double)v->done / (double)all, "%s: %s: %s", t->env->label, check->name,
		     json_string_or(result, "verdict", ""));
	return 0;
}

static int validate_env(struct validate *v, const struct env_choice *env, json_t *machines,
			struct tare_err *err)
{
	char name[96];
	const struct machine_config config = {
		.place = &v->places.trial,
		.options = env->machine_options,
		.name = name,
		.journal = v->places.journal,
		.cache_dir = v->places.cache_dir,
		.libexec_dir = v->places.libexec_dir,
	};
	struct trying t = {.env = env, .config = &config};
	int r = machine_find(env->machine, &t.ops, err), q;

	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "tare-%s-m%zu", journal_name(v->places.journal),
		       json_object_size(machines));
	for (size_t i = 0; i < v->n_checks && r == 0; i++)
		r = check_one(v, &t, v->checks[i], err);
	/* Where nothing could be tried it is told of all the same. */
	if (r == 0 && !t.described)
		r = open_machine(&t, err);
	if (t.described)
		(void)json_object_set_new(machines, env->label, t.described);
	q = t.machine ? t.ops->close(t.machine, err) : 0;
	return r < 0 ? r : q;
}

static int hand_over(const struct validate *v, const struct cli_options *cli, json_t *machines,
		     struct tare_err *err)
{
	cleanup_json json_t *document = json_pack(
		"{s:s, s:s, s:o, s:O, s:O}", "schema", "tare.validate/1", "tare", TARE_VERSION,
		"scale", json_number(v->scale), "machines", machines, "results", v->results);
	int r;

	if (!document)
		return err_set(err, ENOMEM, "out of memory");
	log_progress_end();
	if (!cli->json)
		validate_print(v->results, cli->verbose);
	r = cli->json ? command_print_json(document, err) : command_end_output(err);
	if (r < 0)
		return r;
	return v->file ? newfile_write_json(v->file, document, JSON_INDENT(1), err) : 0;
}

/* 1 when the machine, or a check, is at fault; 77 when nothing could be tried. */
static int exit_code(const json_t *results)
{
	bool tried = false, bad = false;
	const json_t *result;
	size_t i;

	json_array_foreach(results, i, result)
	{
		const char *verdict = json_string_or(result, "verdict", "");

		bad |= strcmp(verdict, "fail") == 0 || strcmp(verdict, "error") == 0;
		tried |= strcmp(verdict, "unsupported") != 0;
	}
	return bad ? EXIT_FOUND : tried ? EXIT_OK : EXIT_CANNOT_RUN;
}

static int validate_in_places(struct validate *v, const struct cli_options *cli,
			      struct tare_err *err)
{
	cleanup_json json_t *machines = json_object();
	int r = places_open(&v->places, true, err), q;

	for (size_t i = 0; i < v->envs.n && r == 0; i++)
		r = validate_env(v, &v->envs.items[i], machines, err);
	q = places_close(&v->places, err);
	if (r == 0)
		r = q;
	return r < 0 ? r : hand_over(v, cli, machines, err);
}

static int validate(const struct command *command, struct validate *v,
		    const struct cli_options *cli)
{
	struct tare_err err = {0};

	if (choose_checks(v, cli, &err) < 0 ||
	    (!v->envs.n && args_parse_envs("container", &v->envs, &err) < 0))
		return command_misuse(command, &err);
	if (command_needs_root("validate", &err) < 0) {
		(void)command_fail(command, &err);
		return EXIT_CANNOT_RUN;
	}
	v->results = json_array();
	if ((v->file && newfile_check(v->file, &err) < 0) || places_find(&v->places, &err) < 0 ||
	    validate_in_places(v, cli, &err) < 0)
		return command_fail(command, &err);
	return exit_code(v->results);
}

static int run_validate(const struct command *command, int argc, char **argv)
{
	struct validate v = {.scale = 1};
	struct cli_options cli;
	int code = options_read(command, argc, argv, &v, &cli);

	if (code == OPTIONS_GO_ON) {
		log_setup(cli.quiet, cli.verbose);
		code = validate(command, &v, &cli);
	}
	json_decref(v.results);
	env_list_free(&v.envs);
	return code;
}

const struct command command_validate = {
	.name = "validate",
	.usage = "[CHECK]... [-e ENV]... [--scale X] [-o FILE]",
	.summary = "do the limits hold? each tried with the limit and without it",
	.details = "A check passes when its claim holds with the limit and does not hold without "
		   "it.\nVerdicts: pass, fail, inconclusive, unsupported, error; each with its "
		   "figure, its tolerance\nand the control's figure. Limits of CPUs are tried on a "
		   "bare guest as a whole, from outside,\nunless it has limit-at=box. Exit: 1 when "
		   "one failed, 77 when none could be tried.",
	.examples = "tare validate -e container\n"
		    "tare validate cpu-quota memory-max -e container --scale 0.1",
	.options = validate_options,
	.run = run_validate,
};
