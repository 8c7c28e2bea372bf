/* SPDX-License-Identifier: MIT */
#include "box/common/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "box/common/direct.h"
#include "kernel/cgroup.h"
#include "kernel/ulimit.h"

#define ABOVE_STDIO 10
#define PROGRAM_MAX 4096
#define US_PER_S    1000000ULL

/* The parent may have died before the prctl. getppid() is 0 in a pid namespace whoever lives,
 * so its end of the socket is asked instead, or its pidfd. */
static int die_with_parent(const struct child_link *link, struct tare_err *err)
{
	struct pollfd p = {.fd = link->shared ? link->parent_fd : link->sock,
			   .events = link->shared ? POLLIN : POLLRDHUP};
	short gone = link->shared ? POLLIN : POLLHUP | POLLRDHUP;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, "step 'die with the parent'");
	if (poll(&p, 1, 0) > 0 && (p.revents & gone))
		_exit(127);
	return 0;
}

/* What the parent ignores or blocks must not reach the program: it would not be the same
 * program in all environments. CLONE_CLEAR_SIGHAND leaves ignored signals ignored. */
static void reset_signals(void)
{
	const struct sigaction by_default = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int signal = 1; signal < SIGSYS + 1; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			(void)sigaction(signal, &by_default, NULL);
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int set_affinity(uint64_t cpus, struct tare_err *err)
{
	/* Not cpu_set_t: the mask is one word, as in struct box_exec. */
	if (cpus && syscall(SYS_sched_setaffinity, 0, sizeof(cpus), &cpus) < 0)
		return err_errno(err, "step 'run on CPUs 0x%llx'", (unsigned long long)cpus);
	return 0;
}

static int join_cgroups(const struct cgroup *cgroup, struct tare_err *err)
{
	int r = cgroup ? cgroup_join_v1_self(cgroup) : 0;

	if (r == 0)
		return 0;
	errno = -r;
	return err_errno(err, "step 'join the cgroup %s'", cgroup_name(cgroup));
}

/* The given fds may be 0 to 2 themselves, in any order: up first, then down. */
static int set_stdio(const struct box_exec *exec, struct tare_err *err)
{
	int up[3];

	for (int i = 0; i < 3; i++) {
		up[i] = fcntl(exec->stdio[i], F_DUPFD_CLOEXEC, ABOVE_STDIO);
		if (up[i] < 0)
			return err_errno(err, "step 'set file descriptor %d'", i);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(up[i], i) < 0)
			return err_errno(err, "step 'set file descriptor %d'", i);
	}
	/* A box may have made the session already. */
	if (exec->terminal && ((void)setsid(), ioctl(0, TIOCSCTTY, 0) < 0))
		return err_errno(err, "step 'take the terminal'");
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_errno(err, "step 'close all other file descriptors'");
	return 0;
}

static int enter_folder(const char *cwd, struct tare_err *err)
{
	char at[PROGRAM_MAX];

	if (cwd && chdir(cwd) < 0)
		return err_errno(err, "step 'change to folder %s'", cwd);
	/* A folder outside of the root would be a way out (CVE-2024-21626): getcwd then gives
	 * "(unreachable)...". */
	if (syscall(SYS_getcwd, at, sizeof(at)) < 0 || at[0] != '/')
		return err_set(err, EPERM, "step 'stay inside': the working folder is outside");
	return 0;
}

/* Where and how the program is to run. */
static int settle(const struct box_exec *exec, struct tare_err *err)
{
	int r = set_affinity(exec->cpus, err);

	if (r == 0)
		r = enter_folder(exec->cwd, err);
	if (r == 0)
		r = set_stdio(exec, err);
	/* After all that opens files, which may need more than the program is to have. */
	return r == 0 && exec->ulimits ? ulimits_set(exec->ulimits, err) : r;
}

static void tell(const struct child_link *link, const struct child_report *report)
{
	if (link->shared)
		link->shared->report = *report;
	else
		(void)send(link->sock, report, sizeof(*report), MSG_NOSIGNAL);
}

void child_wait_for_go(const struct child_link *link)
{
	char go;

	if (!link->shared) {
		if (recv(link->sock, &go, 1, 0) != 1)
			_exit(127); /* the parent is gone, or reports its own failure */
		return;
	}
	while (atomic_load(&link->shared->go) == 0)
		(void)direct_call(SYS_futex, (long)&link->shared->go, FUTEX_WAIT_PRIVATE, 0, 0);
}

/* From here on the parent's descriptors are its own again, and this one is out of the way of the
 * three that the program gets. */
static int part(struct child_link *link, struct tare_err *err)
{
	int *fd = link->shared ? &link->parent_fd : &link->sock;

	if (link->shared && unshare(CLONE_FILES) < 0)
		return err_errno(err, "step 'have file descriptors of its own'");
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, ABOVE_STDIO);
	return *fd < 0 ? err_errno(err, "step 'keep a file descriptor'") : 0;
}

static int set_up(const struct spawn *spawn, const struct box_exec *exec, struct child_link *link,
		  struct tare_err *err)
{
	int r = die_with_parent(link, err);
	bool beside = r == 0 && child_beside_start(spawn, exec, link);
	int done;

	if (r < 0)
		return r;
	reset_signals();
	if (spawn->early)
		r = spawn->early(spawn->context, err);
	if (r < 0)
		return r;
	child_wait_for_go(link);
	done = beside ? child_beside_join(&link->shared->beside, err) : CHILD_BESIDE_NOT_BEGUN;
	r = done < 0 ? done : part(link, err);
	if (r == 0 && spawn->inside && done == CHILD_BESIDE_NOT_BEGUN)
		r = spawn->inside(spawn->context, err);
	if (r == 0 && spawn->finish)
		r = spawn->finish(spawn->context, err);
	if (r == 0 && exec)
		r = join_cgroups(exec->cgroup, err);
	if (r == 0 && exec && !spawn->waits)
		r = settle(exec, err);
	/* Again: a change of identity forgets it (commit_creds, kernel/cred.c). */
	if (r == 0)
		r = die_with_parent(link, err);
	return r == 0 && spawn->lock ? spawn->lock(spawn->context, err) : r;
}

/* Out of child_steps(), whose stack is small where it is a parent's. */
static __attribute__((noinline)) _Noreturn void run_order(const struct child_link *link,
							  struct child_report *report)
{
	static struct child_order order;
	static char *words[CHILD_ORDER_WORDS];
	struct box_exec exec;
	int r;

	child_hear_order(link->sock, &order, words, &exec);
	r = settle(&exec, &report->err);
	if (r == 0)
		(void)child_exec(exec.argv, exec.envp, &report->err);
	tell(link, report);
	_exit(127);
}

/* The box stands: when, and what it took. */
static void note_up(struct child_report *up)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	up->up_user_us =
		(uint64_t)used.ru_utime.tv_sec * US_PER_S + (uint64_t)used.ru_utime.tv_usec;
	up->up_system_us =
		(uint64_t)used.ru_stime.tv_sec * US_PER_S + (uint64_t)used.ru_stime.tv_usec;
	up->up_ns = clock_now_ns();
}

static int child_steps(const struct spawn *spawn, const struct box_exec *exec,
		       struct child_link *link, struct child_report *report)
{
	struct child_report up = {0};
	int r = set_up(spawn, exec, link, &report->err);

	if (r < 0)
		return r;
	note_up(&up);
	*report = up;
	tell(link, &up);
	if (!exec)
		_exit(0);
	if (spawn->waits)
		run_order(link, report);
	if (spawn->init && (r = child_init(exec->terminal, &report->err)) < 0)
		return r;
	return child_exec(exec->argv, exec->envp, &report->err);
}

_Noreturn void child_run(const struct spawn *spawn, const struct box_exec *exec,
			 struct child_link link)
{
	struct child_report report = {0};

	if (child_steps(spawn, exec, &link, &report) < 0)
		tell(&link, &report);
	_exit(127);
}
