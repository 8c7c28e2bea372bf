/* SPDX-License-Identifier: MIT */
/* startup: how long an environment takes to be there, and what it weighs. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"
#include "lab/run/work.h"
#include "rounds/paired.h"

extern const struct lab_ops lab_ops_startup; /* in the generated table */

#define MOST        10.0 /* times a plain process */
#define MIB         (1024.0 * 1024.0)
#define NS_PER_MS_F 1e6
/* What is put up in numbers too: first, so that both plots have one colour for each. */
#define DENSE       "native", "container", "kvm=vm,accel=kvm", "tcg=vm,accel=tcg"

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	/* What is played does not matter: each round starts all of them anew. */
	static const struct lab_campaign campaign = {
		.envs = {DENSE, "chroot", "uml"},
		.loads = {"getppid"},
		.rounds = 10,
		.quick_rounds = 8,
		.passes = 4,
	};

	/* Guests are let have a quarter of a small computer, no more. */
	static const struct lab_density density = {
		.envs = {DENSE},
		.rounds = 5,
		.max = 12,
		.share = 0.25,
	};
	int r = lab_campaign(work, &campaign, err);

	return r < 0 ? r : lab_density(work, &density, err);
}

static void add_start(const struct lab_data *data, struct lab_findings *ret, const char *env,
		      const char *row_name, const char *name, const char *what, const char *note)
{
	const struct lab_figure named = {.name = name, .what = what, .unit = "ms", .note = note};
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(data->summary, "startup"), i, row)
	{
		if (strcmp(json_string_or(row, "env", ""), env) == 0 &&
		    strcmp(json_string_or(row, "what", ""), row_name) == 0)
			lab_add_row(ret, &named, row, "median_ns", NS_PER_MS_F);
	}
}

/* Bytes that the environment of a trial has for itself. */
static double weight_of(const struct run_trial *trial, const char *guest)
{
	cleanup_json json_t *record = run_record(trial);
	const json_t *box = json_object_get(json_object_get(record, "collectors"), "footprint");
	const json_t *idle = json_object_get(trial->instance, "footprint");

	if (!guest)
		return json_double_or(box, "pss", NAN);
	return json_double_or(idle, "beyond_guest_bytes", NAN) +
	       json_double_or(idle, "guest_bytes", NAN);
}

static int add_weight(const struct lab_data *data, struct lab_findings *ret, const char *env,
		      const char *guest, const struct lab_figure *named, struct tare_err *err)
{
	cleanup_free double *x = NULL;
	struct location location;
	size_t n = 0;
	int r;

	if (!data->run)
		return 0;
	x = calloc(data->run->n_trials + 1, sizeof(*x));
	if (!x)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < data->run->n_trials; i++) {
		const struct run_trial *trial = &data->run->trials[i];
		size_t cell = trial->cell;
		double bytes;

		if (!run_trial_counts(trial) ||
		    strcmp(data->run->envs[data->run->cells[cell].env].label, env) != 0)
			continue;
		bytes = weight_of(trial, guest);
		if (isfinite(bytes))
			x[n++] = bytes / MIB;
	}
	if (n == 0)
		return 0;
	r = location_of(x, n, &location, err);
	if (r == 0)
		lab_add_location(ret, named, &location, 0);
	return r;
}

static int add_weights(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	static const struct lab_figure box = {
		.name = "memory-container",
		.what = "memory of a container's processes",
		.unit = "MiB",
		.note = "without what the kernel keeps for its namespaces"};
	static const struct lab_figure kvm = {
		.name = "memory-guest-kvm",
		.what = "memory of an idle guest on hardware (KVM) with its QEMU",
		.unit = "MiB"};
	static const struct lab_figure guest = {
		.name = "memory-guest",
		.what = "memory of an idle guest with its QEMU",
		.unit = "MiB",
		.note = "emulated (TCG): its translated code is in it"};
	int r = add_weight(data, ret, "container", NULL, &box, err);

	if (r == 0)
		r = add_weight(data, ret, "kvm", "guest", &kvm, err);
	return r < 0 ? r : add_weight(data, ret, "tcg", "guest", &guest, err);
}

struct dense {
	const char *env, *name, *what;
	const char *key; /* of density.json: what each weighs */
	const char *weighed, *note;
};

/* Nothing where no round tells. */
static void add_of_density(struct lab_findings *ret, const json_t *row, const char *key,
			   const struct lab_figure *named)
{
	if (json_u64_or(row, "rounds", 0) > 0)
		lab_add_row(ret, named, row, key, strcmp(named->unit, "MiB") == 0 ? MIB : 1);
}

static void add_boxes(const struct lab_data *data, struct lab_findings *ret, const struct dense *d)
{
	const json_t *cell = lab_density_cell(data, d->env);
	bool restored = strcmp(json_string_or(cell, "boot", ""), "restored") == 0;
	char name[40], what[120], note[120];
	struct lab_figure figure = {.name = name, .what = what, .note = note};

	(void)snprintf(note, sizeof(note), "%s%s", d->note,
		       restored ? "restored from one snapshot, whose pages they share" : "");
	(void)snprintf(name, sizeof(name), "weight-%s", d->name);
	(void)snprintf(what, sizeof(what), "memory of each of several %s, %s", d->what, d->weighed);
	figure.unit = "MiB";
	add_of_density(ret, json_object_get(cell, d->key), "location", &figure);
	(void)snprintf(name, sizeof(name), "fit-%s", d->name);
	(void)snprintf(what, sizeof(what),
		       "%s that would fit into a quarter of free memory, by it alone", d->what);
	figure.unit = "";
	add_of_density(ret, json_object_get(cell, "fit"), "location", &figure);
	(void)snprintf(name, sizeof(name), "crowded-%s", d->name);
	(void)snprintf(what, sizeof(what), "%s: start of one among many to start of one among few",
		       d->what);
	figure.unit = "times";
	add_of_density(ret, cell ? paired_find_ratio(data->density, cell, "last_to_first") : NULL,
		       "ratio", &figure);
}

static void add_density(const struct lab_data *data, struct lab_findings *ret)
{
	static const struct dense all[] = {
		{"container", "container", "containers", "group_bytes", "the kernel's included",
		 ""},
		{"kvm", "guest-kvm", "guests on hardware (KVM)", "pss_bytes", "QEMU's", ""},
		{"tcg", "guest", "guests", "pss_bytes", "QEMU's", "emulated (TCG); "},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		add_boxes(data, ret, &all[i]);
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	static const struct lab_figure named = {
		.name = "container-to-process",
		.what = "start of a container to start of a plain process, round by round",
		.unit = "times"};
	struct tare_err none = {0};
	struct location location;
	const json_t *ratio;
	char text[120];

	lab_count_trials(data, ret);
	add_start(data, ret, "native", "ready", "process", "a plain process is ready", "");
	add_start(data, ret, "chroot", "ready", "chroot", "a process in another root is ready", "");
	add_start(data, ret, "container", "ready", "container", "a container is ready", "");
	add_start(data, ret, "kvm", "boot-cold", "guest-boot-kvm",
		  "a guest on hardware (KVM) has booted", "");
	add_start(data, ret, "uml", "boot-cold", "uml-boot",
		  "a guest by User-Mode Linux has booted", "not a VM's time");
	add_start(data, ret, "tcg", "boot-cold", "guest-boot", "an emulated guest has booted",
		  "TCG, emulated: not the time of a VM on hardware");
	if (lab_start_ratio(data, "container", "native", &location, &none) == 0)
		lab_add_location(ret, &named, &location, 1);
	ratio = lab_figure_of(ret, "container-to-process");
	ret->number = json_double_or(ratio, "value", NAN);
	ret->outcome = lab_within(ratio, 1, MOST);
	lab_say_verdict(ret, "a container takes %s as long to start as a plain process",
			lab_figure_text(ratio, text, sizeof(text)));
	add_density(data, ret);
	return add_weights(data, ret, err);
}

static int show(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	int r = lab_show_starts(data, doc, err);

	return r < 0 ? r : lab_show_density(data, doc, err);
}

const struct lab_ops lab_ops_startup = {
	.name = "startup",
	.summary = "start-up and density: how soon it is there, and what it weighs",
	.aim = "See what has to happen before the first instruction of a program runs in each box.",
	.background =
		"To start a process the kernel copies one and loads a program. For a container a "
		"runtime makes namespaces and a control group, puts a root together and gives "
		"rights "
		"up before it loads the program: more of the same kind of work. A guest has to "
		"come up "
		"first: its virtual machine, its firmware or its loader, its kernel, its first "
		"process. "
		"What stays in memory differs alike: a container has its program, a guest also a "
		"kernel, its page cache and the virtual machine around it; so many of them fit at "
		"once.",
	.question = "How many times as long does it take to start a container as to start a plain "
		    "process?",
	.unit = "times",
	.least = 0.1,
	.most = 1e6,
	.factor = 2,
	.claim = "A container starts slower than a plain process, but less than 10 times.",
	.discuss =
		"Which of a container's steps has no counterpart when a process starts? How many "
		"containers, and how many guests, of your figures fit into 16 GiB, and what else "
		"would limit their number?",
	.carry_out = carry_out,
	.judge = judge,
	.show = show,
};
