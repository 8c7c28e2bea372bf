/* SPDX-License-Identifier: MIT */
/* names: what of the machine can be seen from inside. */

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"
#include "lab/run/work.h"

extern const struct lab_ops lab_ops_names; /* in the generated table */

static const struct lab_choice choices[] = {
	{"a", "the name of the host"},
	{"b", "the list of processes"},
	{"c", "the kernel"},
	{"d", "System V shared memory"},
	{NULL, NULL},
};
static const char *const probes_of_choices[] = {"host-name", "processes", "kernel", "sysv-ipc"};

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	static const char *const probes[] = {
		"processes",        "files",    "mounts",       "users",       "host-name",
		"domain-name",      "cgroups",  "kernel",       "devices",     "settings",
		"kernel-log",       "keyrings", "descriptors",  "environment", "interfaces",
		"abstract-sockets", "sysv-ipc", "posix-mqueue", "posix-shm",   "boot-time",
		"monotonic-time",   NULL,
	};

	return lab_isolation(work, "native,chroot,container", probes, err);
}

/* How many names the environment shares; what: of which list. */
static double count(const json_t *env, const char *verdict)
{
	const json_t *result;
	size_t i, n = 0;

	json_array_foreach(json_object_get(env, "results"), i, result)
	{
		n += strcmp(json_string_or(result, "verdict", ""), verdict) == 0;
	}
	return (double)n;
}

static void answer(const json_t *inside, struct lab_findings *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(lab_isolation_verdict(inside, probes_of_choices[i]), "shared") == 0) {
			ret->key[0] = *choices[i].key;
			n++;
		}
	}
	if (n != 1)
		ret->key[0] = '\0';
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	static const char *const envs[] = {"native", "chroot", "container"};
	const json_t *inside = lab_isolation_env(data, "container");
	bool kernel = strcmp(lab_isolation_verdict(inside, "kernel"), "shared") == 0;

	(void)err;
	for (size_t i = 0; i < 3; i++) {
		const json_t *env = lab_isolation_env(data, envs[i]);
		char name[64], what[96];

		ret->planned += 1;
		ret->done += env != NULL;
		(void)snprintf(name, sizeof(name), "shared-%s", envs[i]);
		(void)snprintf(what, sizeof(what), "names that %s shares with the machine",
			       envs[i]);
		if (env)
			lab_add_exact(ret, name, what, count(env, "shared"), "counted");
		(void)snprintf(name, sizeof(name), "private-%s", envs[i]);
		(void)snprintf(what, sizeof(what), "names that %s has for itself", envs[i]);
		if (env)
			lab_add_exact(ret, name, what, count(env, "private"), "counted");
	}
	if (inside)
		ret->outcome =
			kernel && count(inside, "shared") == 1 && count(inside, "partly") == 0
				? LAB_CONFIRMED
				: LAB_REFUTED;
	answer(inside, ret);
	lab_say_verdict(ret,
			"the container shares %g of the names with the machine and %g in part; the "
			"kernel is %s",
			count(inside, "shared"), count(inside, "partly"),
			inside ? lab_isolation_verdict(inside, "kernel") : "not known");
	return 0;
}

const struct lab_ops lab_ops_names = {
	.name = "names",
	.summary = "which names of the machine can be seen from inside of a box",
	.aim = "See what a namespace is: the same name, another thing behind it.",
	.background =
		"A process knows the world by names: numbers of processes and users, paths, the "
		"host's "
		"name, interfaces, keys of IPC, clocks. For each kind of name the kernel has a "
		"table, "
		"and a namespace is another such table. Things are laid out on the machine to be "
		"looked "
		"for: a process, files, a socket, shared memory, a queue, a key, a variable. A "
		"name is "
		"private inside when nothing of what a plain process outside lists is seen there, "
		"shared when all of it is.",
	.question = "Natively all names are those of the machine. Which of these does a container "
		    "still share with it?",
	.choices = choices,
	.claim = "The container has a table of its own for every name that was looked for, and "
		 "shares one thing with the machine: the kernel.",
	.discuss = "For three of the names say which namespace makes them private, and show by "
		   "'tare exec -e container,NAMESPACE=host -- ...' what happens without it.",
	.carry_out = carry_out,
	.judge = judge,
	.show = lab_show_isolation,
};
