/* SPDX-License-Identifier: MIT */
/* userland: another distribution's programs on the kernel that runs here. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "image/keep.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/inside.h"
#include "lab/run/show.h"
#include "lab/run/tree.h"
#include "lab/run/work.h"
#include "report/doc.h"

extern const struct lab_ops lab_ops_userland; /* in the generated table */

#define LOAD  "getppid"
#define CLOSE 0.10 /* as in the lab on paths */
#define LINES 3

/* Release, kernel, C library as its loader says: one line each. */
#define SCRIPT                                                                                     \
	". /etc/os-release\necho \"${PRETTY_NAME-unnamed}\"\nuname -r\n"                           \
	"for loader in /lib*/ld-linux-* /lib/*/ld-linux-* /lib/ld-musl-*; do\n"                    \
	"\tif test -x \"$loader\"; then\n"                                                         \
	"\t\t\"$loader\" --version 2>&1 | { read -r line; echo \"$line\"; "                        \
	"}\n\t\tbreak\n\tfi\ndone"

static const struct lab_choice choices[] = {
	{"a", "the kernel that the other distribution ships"},
	{"b", "the kernel that runs on this machine"},
	{"c", "nothing: without its own kernel the shell does not start"},
	{NULL, NULL},
};
static const char *const line_names[LINES] = {"release", "kernel", "libc"};

/* The image that was asked for, or the only kind of one that can be meant. */
static int choose_image(const char *cache_dir, const char *asked, char ret[64],
			struct tare_err *err)
{
	cleanup_json json_t *list = NULL;
	const json_t *image;
	size_t i;
	int r = keep_list(cache_dir, &list, err);

	if (r < 0)
		return r;
	json_array_foreach(list, i, image)
	{
		const char *name = json_string_or(image, "name", "");

		if (json_bool_or(image, "damaged", false) || strcmp(name, TREE_IMAGE) == 0 ||
		    (asked && strcmp(name, asked) != 0))
			continue;
		(void)snprintf(ret, 64, "%s", name);
		return 0;
	}
	if (asked)
		return err_set(err, ENOTSUP, "there is no image '%.63s': see 'tare image list'",
			       asked);
	return err_set(err, ENOTSUP,
		       "no image of another distribution is there: 'tare image import' one, for "
		       "example of 'docker save' (docs/labs.md)");
}

static int probe(const char *cache_dir, const char *image, struct tare_err *err)
{
	char name[64];

	return choose_image(cache_dir, image, name, err);
}

/* Lines of an answer by name. */
static json_t *parse(char *text)
{
	json_t *object = json_object();
	char *rest = text;

	for (size_t i = 0; i < LINES; i++) {
		const char *line = rest ? strsep(&rest, "\n") : NULL;
		cleanup_free char *copy = line ? strndup(line, 120) : NULL;

		if (copy && *copy)
			(void)json_put(object, line_names[i],
				       json_string(text_make_printable(copy)));
	}
	return object;
}

static int ask(const struct lab_work *work, const char *env, json_t **ret, struct tare_err *err)
{
	struct lab_inside inside = {.env = env, .script = SCRIPT};
	int r = lab_inside(work, &inside, err);

	if (r == 0)
		*ret = parse(inside.text);
	return r;
}

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	char name[64], env[128], labelled[160];
	const struct lab_campaign campaign = {
		.envs = {"container", labelled},
		.loads = {LOAD},
		.rounds = 10,
		.quick_rounds = 6,
		.passes = 60,
	};
	cleanup_json json_t *native = NULL, *other = NULL, *seen = NULL;
	int r = choose_image(work->site.cache_dir, work->image, name, err);

	if (r < 0)
		return r;
	(void)snprintf(env, sizeof(env), "container,image=%s", name);
	(void)snprintf(labelled, sizeof(labelled), "other=%s", env);
	if ((r = ask(work, "native", &native, err)) < 0 || (r = ask(work, env, &other, err)) < 0)
		return r;
	seen = json_pack("{s:s, s:O, s:O}", "image", name, "native", native, "other", other);
	r = seen ? lab_keep_seen(work, seen, err) : err_set(err, ENOMEM, "out of memory");
	return r < 0 ? r : lab_campaign(work, &campaign, err);
}

/* 1: both have the line and it is the same; 0: it is not; -1: one lacks it. */
static int same(const struct lab_data *data, const char *line)
{
	const char *a = json_string_or(json_object_get(data->seen, "native"), line, NULL);
	const char *b = json_string_or(json_object_get(data->seen, "other"), line, NULL);

	return a && b ? strcmp(a, b) == 0 : -1;
}

static void add_same(const struct lab_data *data, struct lab_findings *ret, const char *line,
		     const char *what)
{
	ret->planned++;
	ret->done += same(data, line) >= 0;
	if (same(data, line) >= 0)
		lab_add_exact(ret, line, what, same(data, line), "1: the same, 0: another");
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	const json_t *other = json_object_get(data->seen, "other");
	const json_t *ratio;
	enum lab_outcome cost;
	char text[120];

	(void)err;
	lab_count_trials(data, ret);
	add_same(data, ret, "release", "is the release inside the machine's?");
	add_same(data, ret, "kernel", "is the kernel inside the machine's?");
	add_same(data, ret, "libc", "is the C library inside the machine's?");
	lab_add_ratio(data, ret, "other", LOAD, "cost",
		      "a system call there, to one in a container with tare's own root");
	ratio = lab_figure_of(ret, "cost");
	cost = lab_within(ratio, 1 - CLOSE, 1 + CLOSE);
	ret->outcome = cost;
	if (same(data, "kernel") == 0 || same(data, "release") == 1)
		ret->outcome = LAB_REFUTED;
	else if (same(data, "kernel") < 0 || same(data, "release") < 0)
		ret->outcome = LAB_NOT_RESOLVED;
	if (same(data, "kernel") >= 0)
		ret->key[0] = same(data, "kernel") ? 'b' : 'a';
	lab_say_verdict(ret,
			"%s runs on kernel %s; a system call there takes %s what it takes in "
			"another root",
			json_string_or(other, "release", "?"), json_string_or(other, "kernel", "?"),
			lab_figure_text(ratio, text, sizeof(text)));
	return 0;
}

static int show(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	cleanup_table struct table table = {
		.n_columns = 3, .head = {"", "natively", "in the container with the image"}};

	for (size_t i = 0; data->seen && i < LINES; i++) {
		int r = table_row(&table, err);

		if (r < 0)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%s", line_names[i]);
		table_cell(
			&table, 1, TONE_PLAIN, "%s",
			json_string_or(json_object_get(data->seen, "native"), line_names[i], "-"));
		table_cell(
			&table, 2, TONE_PLAIN, "%s",
			json_string_or(json_object_get(data->seen, "other"), line_names[i], "-"));
	}
	if (table.n_rows) {
		doc->ops->heading(doc, 2, "What was asked inside and outside");
		doc->ops->table(doc, &table);
	}
	return lab_show_ratios(data, doc, err);
}

const struct lab_ops lab_ops_userland = {
	.name = "userland",
	.summary = "another distribution's userland on the kernel of this machine",
	.aim = "See what a distribution is made of, and which part of it a container brings along.",
	.background =
		"A distribution is a kernel and programs: a C library, a shell, a package manager. "
		"An "
		"image has only the programs. They speak to a kernel by its system calls, and "
		"Linux "
		"promises that these stay as they are, so that programs of one release run on the "
		"kernel of another. What a program asks of the machine (its release of the kernel, "
		"for "
		"one) is answered by the kernel that runs; what it reads from files (the name of "
		"the "
		"distribution) comes from the image.",
	.question =
		"In a container with the root filesystem of another distribution, or of another "
		"release, 'uname -r' is run. What does it print?",
	.choices = choices,
	.claim = "Another release's programs and C library run on the very kernel of this machine, "
		 "and a system call costs there what it costs in any container, give or take 10 %.",
	.discuss = "Name a program of the image that could not work on this kernel, and why. What "
		   "would you use to run Windows, or another kernel's modules, and what would that "
		   "cost?",
	.probe = probe,
	.takes_image = true,
	.carry_out = carry_out,
	.judge = judge,
	.show = show,
};
