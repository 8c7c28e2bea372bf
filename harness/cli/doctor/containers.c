/* SPDX-License-Identifier: MIT */
/* Boxes and limits: makes a group, limits it, reads the limits back; starts a program in each box.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "trial/exec.h"
#include "trial/preflight.h"

struct limit_try {
	const char *flag, *value;
};

static const struct limit_try limit_tries[] = {
	{"cpus", "0.5"},
	{"memory", "64M"},
	{"pids-limit", "100"},
	{NULL, NULL},
};

static void check_limits(struct doctor *doctor)
{
	for (const struct limit_try *l = limit_tries; l->flag; l++) {
		struct tare_err why = {0};
		struct limits limits = {0};
		char name[32];

		(void)snprintf(name, sizeof(name), "--%s", l->flag);
		if (limits_set(&limits, l->flag, l->value, &why) < 0 ||
		    trial_try_limits(&doctor->places->trial, &limits, &why) < 0)
			doctor_say(doctor, DOCTOR_BLOCKED, name,
				   "mount the controller, or boot without cgroup_disable= of it",
				   "%s", why.msg);
		else
			doctor_say(doctor, DOCTOR_OK, name, NULL, "set to %s and read back",
				   l->value);
	}
}

static int start_true(const struct doctor *doctor, const struct box_ops *ops, int null_fd,
		      int *ret_status, struct tare_err *err)
{
	char command[] = "true", path[] = "PATH=/usr/bin:/bin", *argv[] = {command, NULL},
	     *envp[] = {path, NULL};
	struct trial_spec spec = {.machine = "host"};
	struct trial_exec_config config = {.spec = &spec,
					   .argv = argv,
					   .envp = envp,
					   .cwd = "/",
					   .stdio = {null_fd, null_fd, null_fd}};
	struct trial_exec *exec;
	int r;

	(void)snprintf(spec.box, sizeof(spec.box), "%s", ops->name);
	spec.options = json_object();
	r = trial_exec_start(&doctor->places->trial, &config, &exec, err);
	if (r == 0)
		r = trial_exec_finish(exec, ret_status, err);
	json_decref(spec.options);
	return r;
}

static void check_boxes(struct doctor *doctor)
{
	cleanup_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (const struct box_ops *const *b = box_ops_table; *b; b++) {
		struct tare_err why = {0};
		uint64_t begun = clock_now_ns();
		int status = 0, r = start_true(doctor, *b, null_fd, &status, &why);
		double ms = (double)(clock_now_ns() - begun) / NS_PER_MS;

		if (r < 0)
			doctor_say(doctor, DOCTOR_BLOCKED, (*b)->name, NULL, "%s", why.msg);
		else if (status != 0)
			doctor_say(doctor, DOCTOR_BLOCKED, (*b)->name, NULL,
				   "'true' inside ends with wait status 0x%x", (unsigned)status);
		else
			doctor_say(doctor, DOCTOR_OK, (*b)->name, NULL,
				   "'true' started, ended and was cleared away in %.1f ms", ms);
	}
}

void doctor_containers(struct doctor *doctor)
{
	struct cgroup_layout layout;
	struct tare_err why = {0};

	if (cgroup_layout_read(&layout, &why) < 0) {
		doctor_say(doctor, DOCTOR_BLOCKED, "cgroups",
			   "mount -t cgroup2 none /sys/fs/cgroup", "%s", why.msg);
		return;
	}
	if (layout.unified.version == 0)
		doctor_say(doctor, DOCTOR_DEGRADED, "cgroups",
			   "mount -t cgroup2 none /sys/fs/cgroup/unified",
			   "%s: no cgroup2 is mounted, so what a container leaves is killed pid by "
			   "pid, and eBPF cannot tell it apart",
			   cgroup_layout_mode(&layout));
	else
		doctor_say(doctor, DOCTOR_OK, "cgroups", NULL, "%s", cgroup_layout_mode(&layout));
	if (!doctor->root) {
		doctor_say(doctor, DOCTOR_BLOCKED, "rights", "sudo tare doctor",
			   "boxes and limits need root");
		return;
	}
	check_limits(doctor);
	check_boxes(doctor);
}
