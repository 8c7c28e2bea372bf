/* SPDX-License-Identifier: MIT */
#include "trial/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "box/common/controllers.h"
#include "trial/trial.h"

#define KILL_TIMEOUT_MS 10000
#define US_PER_S        1000000ULL

struct trial_exec {
	char name[64];
	struct box *box;
	struct cgroup *cgroup;
	struct limits safety, limits;
	struct box_process process;
	struct trial_account *account;
	uint64_t end_ns; /* 0: not seen yet */
};

/* Where nothing has to be limited, a group only serves to end what the process leaves behind:
 * who may not make one goes without. */
static int make_cgroup(const struct trial_place *place, const struct trial_spec *spec,
		       const struct box_ops *ops, struct trial_exec *exec, struct tare_err *err)
{
	const struct limits none = {0};
	const struct limits limits = ops->limits_itself ? none : spec->limits;
	bool needed = limits_any(&limits) || limits_any(&spec->safety);
	unsigned int controllers = limits_controllers(&limits) | limits_controllers(&spec->safety);
	int r;

	if (controllers_no_group(ops, spec->options))
		return limits_any(&limits)
			       ? err_set(err, EINVAL,
					 "cgroup=off: there is no group to put the limits on")
			       : 0;
	if (!needed && place->layout.unified.version == 0)
		return 0;
	r = cgroup_begin(&place->layout, exec->name, controllers, place->box.journal, &exec->cgroup,
			 needed ? err : NULL);
	exec->safety = spec->safety;
	exec->limits = limits;
	exec->limits.work_dir = place->box.work_dir;
	return r < 0 && needed ? r : 0;
}

/* While the box is being put up. */
static int finish_cgroup(void *context, struct tare_err *err)
{
	const struct trial_exec *exec = context;
	int r;

	if (!exec->cgroup)
		return 0;
	r = cgroup_complete(exec->cgroup, err);
	if (r == 0)
		r = limits_apply(&exec->safety, exec->cgroup, err);
	return r == 0 ? limits_apply(&exec->limits, exec->cgroup, err) : r;
}

static int start_in_box(const struct trial_place *place, const struct trial_exec_config *config,
			const struct box_ops *ops, struct trial_exec *exec, struct tare_err *err)
{
	cleanup_json json_t *limits = limits_to_json(&config->spec->limits);
	const struct box_config box = {.place = &place->box,
				       .options = config->spec->options,
				       .extras = config->spec->extras,
				       .name = exec->name,
				       .limits = limits};
	const struct box_exec start = {
		.argv = config->argv,
		.envp = config->envp,
		.stdio = {config->stdio[0], config->stdio[1], config->stdio[2]},
		.cgroup = exec->cgroup,
		.ulimits = &config->spec->limits.ulimits,
		.cpus = config->spec->cpus,
		.cwd = config->cwd,
		.terminal = config->terminal,
		.devpts_fd = config->devpts_fd,
		.meanwhile = finish_cgroup,
		.context = exec};
	int r;

	if (box.extras && !ops->takes_extras)
		return err_set(err, EINVAL, "box '%s' takes no volumes, users and the like",
			       ops->name);
	r = box_check_limits(ops, limits, err);
	if (r < 0)
		return r;
	r = ops->open(&box, &exec->box, err);
	return r == 0 ? ops->start(exec->box, &start, &exec->process, err) : r;
}

/* Everything but the process's status; the first failure is told, the rest goes on. */
static int take_down(struct trial_exec *exec, struct tare_err *err)
{
	int first = 0, r;

	if (exec->cgroup) {
		r = cgroup_kill(exec->cgroup, KILL_TIMEOUT_MS, err);
		first = first ? first : r;
	}
	if (exec->process.pidfd >= 0)
		(void)close(exec->process.pidfd);
	if (exec->box) {
		r = exec->box->ops->close(exec->box, err);
		first = first ? first : r;
	}
	r = cgroup_destroy(exec->cgroup, err);
	first = first ? first : r;
	free(exec);
	return first;
}

/* With a process 1 of ours before it, that is not what we are asked for. */
static int open_program(const struct trial_exec *exec, const struct trial_spec *spec)
{
	char path[64];

	if (json_object_get(spec->extras, "init") ||
	    strcmp(json_string_or(spec->options, "init", "off"), "off") != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", exec->process.pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int trial_exec_start(const struct trial_place *place, const struct trial_exec_config *config,
		     struct trial_exec **ret, struct tare_err *err)
{
	static atomic_uint number;
	struct trial_exec *exec = calloc(1, sizeof(*exec));
	const struct box_ops *ops;
	int r;

	if (!exec)
		return err_set(err, ENOMEM, "out of memory");
	exec->process.pidfd = -1;
	exec->account = config->account;
	(void)snprintf(exec->name, sizeof(exec->name), "%.50s-x%u", place->group_prefix,
		       atomic_fetch_add(&number, 1));
	r = box_find(config->spec->box, &ops, err);
	if (r == 0)
		r = make_cgroup(place, config->spec, ops, exec, err);
	if (r == 0)
		r = start_in_box(place, config, ops, exec, err);
	if (r < 0) {
		(void)take_down(exec, NULL);
		return r;
	}
	if (config->program_fd)
		*config->program_fd = open_program(exec, config->spec);
	*ret = exec;
	return 0;
}

pid_t trial_exec_pid(const struct trial_exec *exec)
{
	return exec->process.pid;
}

int trial_exec_pidfd(const struct trial_exec *exec)
{
	return exec->process.pidfd;
}

int trial_exec_signal(const struct trial_exec *exec, int signal, struct tare_err *err)
{
	if (syscall(SYS_pidfd_send_signal, exec->process.pidfd, signal, NULL, 0) < 0 &&
	    errno != ESRCH)
		return err_errno(err, "send signal %d to process %d", signal, exec->process.pid);
	return 0;
}

void trial_exec_note_end(struct trial_exec *exec)
{
	if (!exec->end_ns)
		exec->end_ns = clock_now_ns();
}

static uint64_t time_us(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * US_PER_S + (uint64_t)t->tv_usec;
}

static uint64_t less(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static void fill_account(const struct trial_exec *exec, const struct rusage *used)
{
	struct timespec real;
	uint64_t now = clock_now_ns();

	(void)clock_gettime(CLOCK_REALTIME, &real);
	*exec->account = (struct trial_account){
		.up_ns = exec->process.up_ns,
		.exec_ns = exec->process.exec_ns,
		.end_ns = exec->end_ns,
		.user_us = less(time_us(&used->ru_utime), exec->process.up_user_us),
		.system_us = less(time_us(&used->ru_stime), exec->process.up_system_us),
		.epoch_ns = (int64_t)real.tv_sec * (int64_t)NS_PER_S + real.tv_nsec - (int64_t)now,
	};
}

/* waitid(2) itself, whose last argument glibc leaves out. */
static int wait_for_end(struct trial_exec *exec, int *ret_status, struct tare_err *err)
{
	siginfo_t info = {0};
	struct rusage used = {0};

	while (syscall(SYS_waitid, P_PIDFD, exec->process.pidfd, &info, WEXITED, &used) < 0)
		if (errno != EINTR)
			return err_errno(err, "wait for process %d", exec->process.pid);
	trial_exec_note_end(exec);
	if (exec->account)
		fill_account(exec, &used);
	if (info.si_code == CLD_EXITED)
		*ret_status = (info.si_status & 0xff) << 8;
	else
		*ret_status = info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	return 0;
}

int trial_exec_finish(struct trial_exec *exec, int *ret_status, struct tare_err *err)
{
	int status = 0;
	int waited = wait_for_end(exec, &status, err);
	int r = take_down(exec, err);

	if (waited == 0)
		*ret_status = status;
	return waited < 0 ? waited : r;
}
