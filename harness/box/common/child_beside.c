/* SPDX-License-Identifier: MIT */
/* The child's second thread. Namespaces and mounts are the two long parts of putting up a
 * container, and neither needs the other. */
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>

#include "box/common/child.h"
#include "box/common/direct.h"
#include "kernel/cgroup.h"

static _Noreturn void run(void *context)
{
	struct child_beside *beside = context;

	child_wait_for_go(beside->link);
	if (atomic_exchange(&beside->taken, 1) == 0) {
		/* The folder and the root are for both, descriptors are not. */
		beside->r = (int)direct_call(SYS_unshare, CLONE_FILES, 0, 0, 0);
		beside->r = beside->r < 0
				    ? err_code(&beside->err, -beside->r,
					       "step 'have file descriptors of its own'")
				    : beside->spawn->inside(beside->spawn->context, &beside->err);
	}
	for (;;)
		(void)direct_call(SYS_exit, 0, 0, 0, 0);
}

/* On v2 the child is in its group from the start, and a second thread would be counted there; v1's
 * are joined when it is gone. */
static bool is_counted(const struct box_exec *exec)
{
	int version = 0;

	return exec && exec->cgroup &&
	       cgroup_controller_fd(exec->cgroup, CGROUP_PIDS, &version) >= 0 && version == 2;
}

enum where { ELSEWHERE, HERE, ANYWHERE };

/* Neither of the two sleeps in what it does, so that one behind the other on a CPU would wait for
 * long, and the scheduler is slow to see that. Where it cannot be done nothing is lost. */
static void send(long tid, enum where where)
{
	cpu_set_t cpus;
	unsigned int here = 0;

	CPU_ZERO(&cpus);
	if (direct_call(SYS_getcpu, (long)&here, 0, 0, 0) < 0 ||
	    direct_call(SYS_sched_getaffinity, 0, sizeof(cpus), (long)&cpus, 0) < 0)
		return;
	if (where == HERE)
		CPU_ZERO(&cpus);
	if (where == ELSEWHERE)
		CPU_CLR(here, &cpus);
	else
		CPU_SET(here, &cpus);
	(void)direct_call(SYS_sched_setaffinity, tid, sizeof(cpus), (long)&cpus, 0);
}

bool child_beside_start(const struct spawn *spawn, const struct box_exec *exec,
			const struct child_link *link)
{
	struct child_beside *beside = link->shared ? &link->shared->beside : NULL;

	if (!beside || !spawn->early || !spawn->inside || is_counted(exec))
		return false;
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			 CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
		.child_tid = (uint64_t)(uintptr_t)&beside->tid,
		.stack = (uint64_t)(uintptr_t)beside->stack,
		.stack_size = sizeof(beside->stack),
	};
	beside->spawn = spawn;
	beside->link = link;
	atomic_store(&beside->tid, 1);
	beside->id = together_clone(&args, run, beside);
	if (beside->id > 0)
		send(beside->id, ELSEWHERE);
	return beside->id > 0;
}

int child_beside_join(struct child_beside *beside, struct tare_err *err)
{
	/* Where the other CPUs are busy it has not even begun: then its part is ours, and it comes
	 * here to end. */
	bool ours = atomic_exchange(&beside->taken, 1) == 0;

	send(beside->id, ours ? HERE : ANYWHERE);
	for (int tid; (tid = atomic_load(&beside->tid)) != 0;)
		(void)direct_call(SYS_futex, (long)&beside->tid, FUTEX_WAIT, tid, 0);
	if (ours)
		return CHILD_BESIDE_NOT_BEGUN;
	if (beside->r < 0)
		*err = beside->err;
	return beside->r;
}
