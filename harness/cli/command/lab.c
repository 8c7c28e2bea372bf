/* SPDX-License-Identifier: MIT */
/* tare lab: the lecture as experiments, and many students' results as one table. */

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/density/print.h"
#include "cli/interrupt.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "cli/table.h"
#include "engine/random.h"
#include "engine/store.h"
#include "kernel/journal.h"
#include "lab/lab.h"
#include "lab/run/findings.h"
#include "lab/run/grade.h"
#include "lab/run/show.h"
#include "lab/run/submission.h"
#include "lab/run/work.h"

#define ANSWER_SIZE 64
#define TRIES       3

struct lab_options {
	const char *predict, *student, *out_dir, *image, *csv;
	uint64_t seed;
	bool has_seed, quick;
	const char *of_run, *of_grade; /* an option that only one action takes, if given */
};

struct action {
	const char *name;
	int min_args, max_args; /* after its name; -1: any number */
	int (*run)(const struct command *command, const struct lab_options *own,
		   const struct cli_options *cli, struct tare_err *err);
};

static int take_predict(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	(void)err;
	own->predict = text;
	own->of_run = "--predict";
	return 0;
}

static int take_student(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	own->student = text;
	own->of_run = "--student";
	return lab_check_student(text, err);
}

static int take_quick(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	(void)text;
	(void)err;
	own->quick = true;
	own->of_run = "--quick";
	return 0;
}

static int take_seed(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	own->has_seed = true;
	own->of_run = "--seed";
	return units_parse_count("--seed", text, 0, INT64_MAX, &own->seed, err);
}

static int take_image(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	own->image = text;
	own->of_run = "--image";
	return text_is_name(text)
		       ? 0
		       : err_set(err, EINVAL, "--image: '%.60s' is no name of an image", text);
}

static int take_out(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	own->out_dir = text;
	own->of_run = "-o";
	return *text ? 0 : err_set(err, EINVAL, "-o: which folder?");
}

static int take_csv(void *options, const char *text, struct tare_err *err)
{
	struct lab_options *own = options;

	own->csv = text;
	own->of_grade = "--csv";
	return *text ? 0 : err_set(err, EINVAL, "--csv: which file?");
}

static const struct command_option lab_options[] = {
	{"predict", 0, "ANSWER", "run: what you expect, a letter or a number (default: asked for)",
	 take_predict},
	{"student", 0, "NAME", "run: who hands it in (default: the user)", take_student},
	{"quick", 0, NULL, "run: for trying out: few rounds, no guests", take_quick},
	{"seed", 0, "N", "run: of all that is random (default: drawn, and recorded)", take_seed},
	{"image", 0, "NAME", "run userland: which image of 'tare image list'", take_image},
	{"output", 'o', "DIR", "run: the folder to hand in, new or empty (default: results/...)",
	 take_out},
	{"csv", 0, "FILE", "grade: also write the table there", take_csv},
	{0},
};

/* {"name", "summary", "available", "why"} */
static json_t *about(const struct lab_ops *lab, const char *cache_dir)
{
	struct tare_err why = {0};
	bool can = !lab->probe || lab->probe(cache_dir, NULL, &why) == 0;

	return json_pack("{s:s, s:s, s:b, s:o}", "name", lab->name, "summary", lab->summary,
			 "available", can, "why", can ? json_null() : json_string(why.msg));
}

static int list(const struct command *command, const struct lab_options *own,
		const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *all = json_array();
	struct places places;
	int r = places_find(&places, err);
	const json_t *one;
	size_t i;

	(void)command;
	(void)own;
	if (r < 0)
		return r;
	for (const struct lab_ops *const *lab = lab_ops_table; *lab; lab++)
		(void)json_array_append_new(all, about(*lab, places.cache_dir));
	(void)places_close(&places, NULL);
	if (cli->json)
		return command_print_json(all, err);
	json_array_foreach(all, i, one)
	{
		(void)printf("%-10s %s\n", json_string_or(one, "name", ""),
			     json_string_or(one, "summary", ""));
		if (!json_bool_or(one, "available", true))
			(void)printf("%-10s not here: %s\n", "", json_string_or(one, "why", ""));
	}
	return command_end_output(err);
}

static int show(const struct command *command, const struct lab_options *own,
		const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *handout = NULL;
	const struct lab_ops *lab;
	int r = lab_find(cli->args[1], &lab, err);

	(void)command;
	(void)own;
	if (r < 0)
		return r;
	if (cli->json) {
		handout = lab_handout_json(lab);
		return command_print_json(handout, err);
	}
	lab_handout(lab, stdout);
	return command_end_output(err);
}

/* On a terminal: until it is one that can be, three times. */
static int ask(const struct lab_ops *lab, json_t **ret, struct tare_err *err)
{
	char line[ANSWER_SIZE];

	(void)fprintf(stderr, "Predict first:\n");
	lab_ask(lab, stderr);
	for (int i = 0; i < TRIES; i++) {
		struct tare_err why = {0};

		(void)fprintf(stderr, "your prediction: ");
		if (!fgets(line, sizeof(line), stdin))
			break;
		line[strcspn(line, "\r\n")] = '\0';
		if (lab_prediction_parse(lab, line, ret, &why) == 0)
			return 0;
		log_warn("%s", why.msg);
	}
	return err_set(err, EINVAL, "no prediction, no experiment: --predict ANSWER");
}

static int predict(const struct lab_ops *lab, const struct lab_options *own, json_t **ret,
		   struct tare_err *err)
{
	if (own->predict)
		return lab_prediction_parse(lab, own->predict, ret, err);
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		return ask(lab, ret, err);
	return err_set(err, EINVAL, "predict first: --predict ANSWER, see 'tare lab show %s'",
		       lab->name);
}

/* Who is at the keyboard: with sudo the user before it. */
static const char *default_student(void)
{
	const char *sudo = getenv("SUDO_USER");         /* NOLINT(concurrency-mt-unsafe) */
	const struct passwd *user = getpwuid(getuid()); /* NOLINT(concurrency-mt-unsafe) */

	if (sudo && lab_check_student(sudo, NULL) == 0)
		return sudo;
	return user && lab_check_student(user->pw_name, NULL) == 0 ? user->pw_name : "unknown";
}

static void show_progress(const struct engine_progress *p, void *context)
{
	(void)context;
	if (p->said)
		log_warn("round %llu, %s, %s", (unsigned long long)p->round + 1, p->load, p->said);
	else if (p->load)
		log_progress(p->total ? (double)p->done / (double)p->total : 0, "round %llu: %s",
			     (unsigned long long)p->round + 1, p->load);
	else
		log_progress_end();
}

static void say(const char *what)
{
	log_verbose("%s", what);
}

/* The experiment, in open places; what it made of the system is taken down by who opened them. */
static int carry_out(const struct lab_ops *lab, const struct lab_options *own,
		     const struct cli_options *cli, const struct places *places, const char *dir,
		     json_t *submission, json_t *missing, struct tare_err *err)
{
	struct lab_work work = {
		.dir = dir,
		.quick = own->quick,
		.seed = json_u64_or(submission, "seed", 0),
		.image = own->image,
		.site = places_site(places),
		.interrupted = interrupt_catch(),
		.progress = cli->quiet ? NULL : show_progress,
		.density_progress = cli->quiet ? NULL : density_show_progress,
		.say = say,
		.missing = missing,
	};
	int r = lab_submission_write(submission, dir, err);

	if (r == 0)
		r = lab->carry_out(&work, err);
	log_progress_end();
	return r;
}

static int tell(const struct lab_ops *lab, const struct cli_options *cli, json_t *submission,
		const char *dir, struct tare_err *err)
{
	const json_t *points = json_object_get(submission, "points");

	if (cli->json)
		return command_print_json(submission, err);
	log_info("%s: %s; %llu of %llu points, see %s/index.html", lab->name,
		 json_string_or(json_object_get(submission, "verdict"), "sentence", "?"),
		 (unsigned long long)json_u64_or(points, "earned", 0),
		 (unsigned long long)json_u64_or(points, "of", 0), dir);
	(void)puts(dir);
	return command_end_output(err);
}

static int run_in_places(const struct command *command, const struct lab_ops *lab,
			 const struct lab_options *own, const struct cli_options *cli,
			 struct places *places, json_t *submission, struct tare_err *err)
{
	cleanup_json json_t *missing = json_array();
	cleanup_free char *dir = NULL;
	int r = places_open(places, true, err), closed;

	if (r == 0) {
		dir = own->out_dir ? strdup(own->out_dir)
				   : text_format("%s/lab-%s-%s", places->results_dir, lab->name,
						 journal_name(places->journal));
		r = dir ? fd_make_dirs(dir, err) : err_set(err, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = carry_out(lab, own, cli, places, dir, submission, missing, err);
	closed = places_close(places, err);
	if (r == 0)
		r = closed;
	if (r == 0)
		r = lab_submission_finish(submission, lab, dir, missing, err);
	if (r < 0 && *interrupt_catch()) {
		(void)command_fail(command, err);
		return 128 + *interrupt_catch();
	}
	return r < 0 ? r : tell(lab, cli, submission, dir, err);
}

/* What is known to be wrong before anything is looked for. */
static int check_run(const struct lab_ops *lab, const struct lab_options *own, struct tare_err *err)
{
	if (own->image && !lab->takes_image)
		return err_set(err, EINVAL, "--image: the lab '%s' has no use for an image",
			       lab->name);
	return own->out_dir ? store_check_empty(own->out_dir, err) : 0;
}

static int run(const struct command *command, const struct lab_options *own,
	       const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *submission = NULL;
	struct lab_begin begin = {.student = own->student ? own->student : default_student(),
				  .on_terminal = !own->predict,
				  .quick = own->quick,
				  .seed = own->has_seed ? own->seed : random_seed()};
	struct places places = {0};
	int r = lab_find(cli->args[1], &begin.lab, err);

	if (r == 0)
		r = check_run(begin.lab, own, err);
	if (r < 0)
		return r;
	if (command_needs_root("lab run", err) < 0) {
		(void)command_fail(command, err);
		return EXIT_CANNOT_RUN;
	}
	r = places_find(&places, err);
	if (r < 0)
		return r;
	if ((begin.lab->probe && begin.lab->probe(places.cache_dir, own->image, err) < 0) ||
	    predict(begin.lab, own, &begin.prediction, err) < 0) {
		(void)places_close(&places, NULL);
		return -err->code;
	}
	begin.load_path = places.load_path;
	r = lab_submission_begin(&begin, &submission, err);
	if (r < 0) {
		(void)places_close(&places, NULL);
		return r;
	}
	return run_in_places(command, begin.lab, own, cli, &places, submission, err);
}

static int print_grades(const json_t *grades, struct tare_err *err)
{
	cleanup_table struct table table = {.n_columns = 0};
	const json_t *row, *flag;
	size_t i, k;
	int r = grade_table(grades, &table, err);

	if (r < 0)
		return r;
	table_print(&table, stdout);
	json_array_foreach(json_object_get(grades, "submissions"), i, row)
	{
		json_array_foreach(json_object_get(row, "flags"), k, flag)
		{
			(void)printf("%s: %s: %s\n", json_string_or(row, "folder", "?"),
				     json_string_or(flag, "kind", "?"),
				     json_string_or(flag, "what", "?"));
		}
	}
	return command_end_output(err);
}

static int grade(const struct command *command, const struct lab_options *own,
		 const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *grades = NULL;
	struct places places;
	int r = places_find(&places, err);

	(void)command;
	if (r < 0)
		return r;
	r = grade_all(cli->args + 1, places.load_path, &grades, err);
	(void)places_close(&places, NULL);
	if (r == 0 && own->csv)
		r = grade_write_csv(grades, own->csv, err);
	if (r == 0)
		r = cli->json ? command_print_json(grades, err) : print_grades(grades, err);
	return r < 0 ? r : grade_has_flags(grades) ? EXIT_FOUND : EXIT_OK;
}

static const struct action actions[] = {
	{"list", 0, 0, list},
	{"show", 1, 1, show},
	{"run", 1, 1, run},
	{"grade", 1, -1, grade},
};

static const struct action *find_action(const struct lab_options *own,
					const struct cli_options *cli, struct tare_err *err)
{
	static const char *const names[] = {"list", "show", "run", "grade", NULL};
	const char *name = cli->n_args ? cli->args[0] : NULL;
	const struct action *action = NULL;
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; name && i < sizeof(actions) / sizeof(*actions); i++)
		action = strcmp(actions[i].name, name) == 0 ? &actions[i] : action;
	if (!name)
		(void)err_set(err, EINVAL, "say what to do: list, show, run or grade");
	else if (!action)
		(void)err_set(err, EINVAL, "'%.40s' is none of list, show, run, grade%s", name,
			      text_hint(name, names, hint, sizeof(hint)));
	else if (cli->n_args - 1 < action->min_args ||
		 (action->max_args >= 0 && cli->n_args - 1 > action->max_args))
		(void)err_set(err, EINVAL, "%s: %s", name,
			      action->max_args == 0  ? "it takes no argument"
			      : action->max_args > 0 ? "name one lab of 'tare lab list'"
						     : "name the students' folders");
	else if (own->of_run && action->run != run)
		(void)err_set(err, EINVAL, "%s is for 'tare lab run'", own->of_run);
	else if (own->of_grade && action->run != grade)
		(void)err_set(err, EINVAL, "%s is for 'tare lab grade'", own->of_grade);
	else
		return action;
	return NULL;
}

static int run_lab(const struct command *command, int argc, char **argv)
{
	struct lab_options own = {0};
	struct cli_options cli;
	struct tare_err err = {0};
	const struct action *action;
	int code = options_read(command, argc, argv, &own, &cli);

	if (code != OPTIONS_GO_ON)
		return code;
	action = find_action(&own, &cli, &err);
	if (!action)
		return command_misuse(command, &err);
	code = action->run(command, &own, &cli, &err);
	if (code == -EINVAL || code == -ENOTEMPTY || code == -ENOENT)
		return command_misuse(command, &err);
	return code < 0 ? command_fail(command, &err) : code;
}

const struct command command_lab = {
	.name = "lab",
	.usage = "list | show LAB | run LAB [--predict ANSWER] [--student NAME] | grade DIR...",
	.summary = "experiments for a course: predict, measure, hand in, grade",
	.details =
		"show prints the handout of a lab. run asks for a prediction, which is recorded "
		"before anything is\nrun, carries the experiment out and writes a folder to hand "
		"in: index.html and report.md to read,\nlab.json and data/ to grade. grade judges "
		"any number of such folders, or folders of them, again from\ntheir data and merges "
		"them into one table; what was copied or changed is flagged.\nThe last line of run "
		"on stdout is the folder. Exit of grade: 1 when something is flagged.",
	.examples = "tare lab show names\n"
		    "tare lab run names --student 'Ada Lovelace' --predict c\n"
		    "tare lab grade class --csv grades.csv",
	.options = lab_options,
	.run = run_lab,
};
