/* SPDX-License-Identifier: MIT */
/* control: limits of CPU, memory, disk and network, and whether they hold. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"
#include "lab/run/work.h"

extern const struct lab_ops lab_ops_control; /* in the generated table */

#define N_CHECKS    5
#define SCALE       0.2
#define QUICK_SCALE 0.05

static const struct lab_choice choices[] = {
	{"a", "both are killed"},
	{"b", "both are made to wait"},
	{"c", "the one that wants CPU waits, the one that wants memory is killed"},
	{"d", "the one that wants CPU waits, the one that wants memory gets NULL from malloc"},
	{NULL, NULL},
};
static const struct lab_check checks[] = {
	{"cpu-quota", "container"}, {"memory-max", "container"},        {"pids", "container"},
	{"io-bps", "container"},    {"net-rate", "container,net=veth"}, {NULL, NULL},
};

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	static const struct lab_check few[] = {
		{"memory-max", "container"}, {"pids", "container"}, {NULL, NULL}};

	if (!work->quick)
		return lab_checks(work, checks, SCALE, err);
	lab_note_missing(work, "cpu-quota, io-bps, net-rate", "a quick run leaves them out");
	return lab_checks(work, few, QUICK_SCALE, err);
}

static bool passed(const struct lab_data *data, const char *check)
{
	return strcmp(json_string_or(lab_check_result(data, check), "verdict", ""), "pass") == 0;
}

static void add_check(const json_t *result, struct lab_findings *ret)
{
	const json_t *figure = json_object_get(result, "figure");
	uint64_t n = json_u64_or(figure, "n", 0);
	char note[120];
	const struct lab_figure named = {
		.name = json_string_or(result, "check", "?"),
		.what = json_string_or(result, "check", "?"),
		.unit = json_string_or(result, "unit", ""),
		.note = note,
		.value = json_double_or(figure, "value", NAN),
		.low = json_double_or(figure, "low", NAN),
		.high = json_double_or(figure, "high", NAN),
		.n = n,
	};

	/* Not a sample, which would have an interval: each try has to do it. */
	if (n)
		(void)snprintf(note, sizeof(note),
			       "%.20s; the worst of %llu tries, allowed are %.4g .. %.4g",
			       json_string_or(result, "verdict", "?"), (unsigned long long)n,
			       json_double_or(result, "low", NAN),
			       json_double_or(result, "high", NAN));
	else
		(void)snprintf(note, sizeof(note), "%.20s", json_string_or(result, "verdict", "?"));
	lab_add(ret, &named);
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	size_t pass = 0, fail = 0;

	(void)err;
	for (size_t i = 0; i < N_CHECKS; i++) {
		const json_t *result = lab_check_result(data, checks[i].check);
		const char *verdict = json_string_or(result, "verdict", "");

		/* What this kernel does not have cannot be measured by anybody here. */
		ret->planned += strcmp(verdict, "unsupported") != 0;
		ret->done += strcmp(verdict, "pass") == 0 || strcmp(verdict, "fail") == 0 ||
			     strcmp(verdict, "inconclusive") == 0;
		pass += strcmp(verdict, "pass") == 0;
		fail += strcmp(verdict, "fail") == 0;
		if (result)
			add_check(result, ret);
	}
	ret->outcome = fail                           ? LAB_REFUTED
		       : pass && pass == ret->planned ? LAB_CONFIRMED
						      : LAB_NOT_RESOLVED;
	if (passed(data, "cpu-quota") && passed(data, "memory-max"))
		ret->key[0] = 'c';
	lab_say_verdict(ret, "%zu of %zu limits hold, and do what they are said to do; %zu do not",
			pass, ret->planned, fail);
	return 0;
}

const struct lab_ops lab_ops_control = {
	.name = "control",
	.summary = "control groups: limits of CPU, memory, tasks, disk and network",
	.aim = "See that a limit holds, and what becomes of who wants more.",
	.background =
		"A control group is a set of processes that the kernel accounts for and limits "
		"together. A quota of CPU time lets the group run so many microseconds of each "
		"period. "
		"A limit of memory is checked when a page is charged to the group: if nothing can "
		"be "
		"reclaimed, somebody is killed. A limit of tasks makes fork(2) fail. Reads and "
		"writes "
		"of a disk are delayed to a rate, and so are packets, by a shaper at the network "
		"device. A limit that nobody tries proves nothing: each is tried twice, with the "
		"limit "
		"and without it, and counts only when the difference shows.",
	.question =
		"One process wants more CPU time than its group may have, another one more memory "
		"(and there is no swap to move to). What becomes of the two?",
	.choices = choices,
	.claim = "Each limit holds: what it is said to do happens with it, and does not happen "
		 "without it.",
	.discuss = "Which limits make a process wait and which end it or refuse it something? Why "
		   "can memory not simply be made to wait?",
	.carry_out = carry_out,
	.judge = judge,
	.show = lab_show_checks,
};
