/* SPDX-License-Identifier: MIT */
/* chroot: what another root folder holds back, and what a container does. */

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"
#include "lab/run/work.h"

extern const struct lab_ops lab_ops_chroot; /* in the generated table */

static const struct lab_choice choices[] = {
	{"a", "leaving the root folder again"},
	{"b", "a signal to a process outside"},
	{"c", "mounting a filesystem"},
	{"d", "none of these"},
	{NULL, NULL},
};
static const char *const of_choices[] = {"chroot-escape", "kill", "mount"};

/* None of these changes the machine when it succeeds. */
static const char *const attacks[] = {
	"chroot-escape",
	"proc-root",
	"kill",
	"ptrace",
	"memory-read",
	"mount",
	"open-by-handle",
	"abstract-socket",
	"perf-events",
	"kcore",
	"keyctl",
	"setuid-file",
	NULL,
};

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	return lab_isolation(work, "chroot,container", attacks, err);
}

static size_t count(const json_t *env, const char *verdict)
{
	size_t n = 0;

	for (size_t i = 0; attacks[i]; i++)
		n += strcmp(lab_isolation_verdict(env, attacks[i]), verdict) == 0;
	return n;
}

/* The one that chroot contains; d when all three succeeded. */
static void answer(const json_t *root, struct lab_findings *ret)
{
	size_t contained = 0, succeeded = 0;

	for (size_t i = 0; i < 3; i++) {
		const char *verdict = lab_isolation_verdict(root, of_choices[i]);

		succeeded += strcmp(verdict, "succeeded") == 0;
		if (strcmp(verdict, "contained") == 0) {
			ret->key[0] = *choices[i].key;
			contained++;
		}
	}
	if (succeeded == 3)
		ret->key[0] = 'd';
	else if (contained != 1 || succeeded != 2)
		ret->key[0] = '\0';
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	const json_t *root = lab_isolation_env(data, "chroot");
	const json_t *box = lab_isolation_env(data, "container");
	size_t in_root = count(root, "succeeded"), in_box = count(box, "succeeded");

	(void)err;
	ret->planned = 2;
	ret->done = (root != NULL) + (box != NULL);
	if (root)
		lab_add_exact(ret, "chroot", "attacks that succeed in the chroot", (double)in_root,
			      "counted");
	if (box)
		lab_add_exact(ret, "container", "attacks that succeed in the container",
			      (double)in_box, "counted");
	if (box && root)
		lab_add_exact(ret, "held-back", "attacks contained in the container",
			      (double)count(box, "contained"), "counted");
	if (root && box)
		ret->outcome = in_box ? LAB_REFUTED : in_root ? LAB_CONFIRMED : LAB_NOT_RESOLVED;
	answer(root, ret);
	lab_say_verdict(ret, "of %zu attacks %zu succeed in the chroot and %zu in the container",
			sizeof(attacks) / sizeof(*attacks) - 1, in_root, in_box);
	return 0;
}

const struct lab_ops lab_ops_chroot = {
	.name = "chroot",
	.summary = "another root folder against a container: what does each hold back?",
	.aim = "See that hiding files is not the same as isolating a process.",
	.background =
		"chroot(2), of 1979, gives a process another folder as its root: paths begin "
		"there. It "
		"was made for building software, not to lock anybody up. The process keeps its "
		"rights, "
		"its user and its view of everything that is no path. A container puts a new root "
		"in "
		"place with pivot_root(2) in a mount namespace of its own, and adds the other "
		"namespaces, another user, fewer capabilities and a filter of system calls. What "
		"is "
		"done here is harmless: each attack is really attempted, and goes no further than "
		"showing that it could.",
	.question = "You are root in a chroot. Which of these does the chroot hold back?",
	.choices = choices,
	.claim = "Something succeeds from inside of a chroot, and nothing of what was tried from "
		 "inside of the container.",
	.discuss = "Take one attack that succeeds in the chroot. Which part of the container stops "
		   "it? Switch that part off (container,PART=...) and try whether you are right: "
		   "'tare isolation NAME -e container,PART=...'",
	.carry_out = carry_out,
	.judge = judge,
	.show = lab_show_isolation,
};
