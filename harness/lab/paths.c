/* SPDX-License-Identifier: MIT */
/* paths: how a system call gets to a kernel, and to which. */

#include <stddef.h>

#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"
#include "lab/run/work.h"

extern const struct lab_ops lab_ops_paths; /* in the generated table */

#define LOAD   "getppid"
#define CLOSE  0.10 /* what "costs the same" may leave open on a shared machine */
#define DOUBLE 2.0

static const struct lab_choice choices[] = {
	{"a", "nothing that can be measured: less than 10 %"},
	{"b", "10 % to twice as much"},
	{"c", "it at least doubles the cost"},
	{NULL, NULL},
};

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	static const struct lab_campaign campaign = {
		.envs = {"native", "nofilter=container,seccomp=off", "container",
			 "kvm=vm,accel=kvm", "uml", "tcg=vm,accel=tcg"},
		.loads = {LOAD},
		.rounds = 8,
		.quick_rounds = 6,
		.passes = 60,
	};

	return lab_campaign(work, &campaign, err);
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	static const double bounds[] = {1 - CLOSE, 1 + CLOSE, DOUBLE, 1e9};
	const json_t *own;
	char text[120];
	int class;

	(void)err;
	lab_count_trials(data, ret);
	lab_add_ratio(data, ret, "nofilter", LOAD, "container-without-filter",
		      "a call in the container without its filter, to one natively");
	lab_add_ratio(data, ret, "container", LOAD, "container",
		      "a call in the container as it is, to one natively");
	lab_add_ratio(data, ret, "kvm", LOAD, "guest-kvm",
		      "a call to the kernel of a guest on hardware (KVM), to one natively");
	lab_add_ratio(data, ret, "uml", LOAD, "uml",
		      "a call to a kernel that is itself a process, to one natively");
	lab_add_ratio(data, ret, "tcg", LOAD, "guest",
		      "a call to the kernel of an emulated guest, to one natively");
	own = lab_figure_of(ret, "container-without-filter");
	ret->outcome = lab_within(own, 1 - CLOSE, 1 + CLOSE);
	class = lab_class_of(own, bounds, 3);
	if (class >= 0)
		ret->key[0] = *choices[class].key;
	lab_say_verdict(ret,
			"without its filter a call in the container takes %s what it takes "
			"natively",
			lab_figure_text(own, text, sizeof(text)));
	return 0;
}

const struct lab_ops lab_ops_paths = {
	.name = "paths",
	.summary = "two ways of a system call: to the machine's kernel, to a guest's",
	.aim = "See which kernel answers a system call, and what the way to it costs.",
	.background =
		"A container is a process of the machine's kernel: its system calls enter that "
		"kernel "
		"by the same instruction, through the same table, as anybody's. Namespaces decide "
		"what the call sees and control groups what it may use; a filter of system calls "
		"(seccomp) is a program that runs before each one. In a virtual machine the call "
		"enters the guest's own kernel and, with hardware virtualization, the machine's "
		"kernel learns nothing of it; such a guest is measured where the machine can have "
		"one (KVM). Two guests without such hardware are shown beside it: User-Mode Linux, "
		"a kernel that "
		"is a process and has its guests' calls trapped for it, and a guest whose every "
		"instruction is emulated (TCG). Neither is the cost of a VM on hardware.",
	.question =
		"getppid(2) does next to nothing but enter the kernel and leave it. What does a "
		"container without a filter of system calls add to its cost?",
	.choices = choices,
	.claim = "A container is no second kernel: without its filter, a system call costs what it "
		 "costs natively, give or take 10 %.",
	.discuss = "Draw the way of one getppid(2) natively, in the container and in each guest. "
		   "Which step explains each of your figures? What would KVM change?",
	.carry_out = carry_out,
	.judge = judge,
	.show = lab_show_ratios,
};
