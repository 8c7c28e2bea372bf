/* SPDX-License-Identifier: MIT */
#include "box/common/spawn.h"

#include <limits.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "box/common/child.h"
#include "box/common/direct.h"
#include "box/common/together.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"
#include "kernel/ulimit.h"

#define TOGETHER_NS (60 * NS_PER_S)

static struct clone_args plan_clone(const struct spawn *spawn, const struct box_exec *exec,
				    int *ret_pidfd)
{
	int cgroup_fd = exec && exec->cgroup ? cgroup_v2_fd(exec->cgroup) : -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | spawn->clone_flags,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	return args;
}

static int clone_failed(const struct spawn *spawn, struct tare_err *err)
{
	int code = errno;

	if (code == EPERM && (spawn->clone_flags & CLONE_NEWUSER))
		return err_set(err, code,
			       "step 'clone3': making user namespaces is not permitted here");
	if (code == ENOSPC)
		return err_set(err, code,
			       "step 'clone3': too many namespaces of a kind "
			       "(/proc/sys/user/max_*_namespaces)");
	if (code == EINVAL && (spawn->clone_flags & CLONE_NEWTIME))
		return err_set(err, code,
			       "step 'clone3': this kernel cannot make the namespaces; "
			       "a time namespace needs Linux 6.4 (option time=host)");
	errno = code;
	return err_errno(err, "step 'clone3'");
}

/* The child is gone before it told anything: say how. */
static int died_early(int pidfd, struct tare_err *err)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT) == 0 &&
	    info.si_code != CLD_EXITED)
		return err_set(err, EIO,
			       "the process was killed by signal %d before it ran the program: its "
			       "memory limit is too small, or its cgroup was killed before",
			       info.si_status);
	return err_set(err, EIO, "the process ended before it ran the program");
}

int spawn_not_execve(int r, struct tare_err *err)
{
	if (r != -ENOENT && r != -EACCES)
		return r;
	if (err)
		err->code = EIO;
	return -EIO;
}

static void take_up(struct box_process *ret, const struct child_report *report)
{
	ret->up_ns = report->up_ns;
	ret->up_user_us = report->up_user_us;
	ret->up_system_us = report->up_system_us;
}

/* Hear what the child says until it has called execve or failed. */
static int follow(int sock, int pidfd, bool until_up, struct box_process *ret, struct tare_err *err)
{
	struct child_report report;
	bool up = ret->up_ns != 0;

	for (;;) {
		ssize_t n = recv(sock, &report, sizeof(report), 0);

		/* A child that ends with our word unheard resets the connection, which is told once
		 * and before its own last word (__skb_try_recv_datagram, net/core/datagram.c). */
		if (n < 0 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (n < 0)
			return err_errno(err, "hear from the process");
		if (n <= 0) {
			ret->exec_ns = clock_now_ns();
			return up ? 0 : died_early(pidfd, err);
		}
		if (n != sizeof(report))
			return err_set(err, EBADMSG, "the process sent a torn report");
		if (report.err.code != 0) {
			report.err.msg[sizeof(report.err.msg) - 1] = '\0';
			int r = err_set(err, report.err.code, "%s", report.err.msg);

			return up ? r : spawn_not_execve(r, err);
		}
		take_up(ret, &report);
		up = true;
		if (until_up)
			return 0;
	}
}

static void reap(int pidfd, bool kill_it)
{
	siginfo_t info;

	if (kill_it)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

/* What follows a start by either way. */
static int conclude(int r, const struct box_exec *exec, struct box_process *process,
		    struct box_process *ret)
{
	cleanup_close int pidfd = process->pidfd;

	if (r < 0 || !exec) {
		reap(pidfd, r < 0);
		return r;
	}
	*ret = *process;
	(void)take_fd(&pidfd);
	return 0;
}

/* The parent's part that needs no process. */
static int prepare(const struct spawn *spawn, const struct box_exec *exec, struct tare_err *err)
{
	int r = spawn->prepare ? spawn->prepare(spawn->context, err) : 0;

	if (r == 0 && exec && exec->meanwhile)
		r = exec->meanwhile(exec->context, err);
	return spawn_not_execve(r, err);
}

/* What only the parent may do for the process. */
static int do_outside(const struct spawn *spawn, const struct box_exec *exec, pid_t pid,
		      struct tare_err *err)
{
	int r = exec && exec->ulimits ? ulimits_lift(exec->ulimits, pid, err) : 0;

	if (r == 0 && spawn->outside)
		r = spawn->outside(spawn->context, pid, err);
	if (r == 0 && exec && exec->born)
		exec->born(exec->context, pid);
	return spawn_not_execve(r, err);
}

static int accompany(const struct spawn *spawn, const struct box_exec *exec, int sock,
		     struct box_process *process, struct tare_err *err)
{
	int r = 0;

	if (exec)
		r = journal_note_process(spawn->journal, process->pid,
					 spawn->waits ? "waiting" : exec->argv[0], err);
	r = r < 0 ? spawn_not_execve(r, err) : do_outside(spawn, exec, process->pid, err);
	if (r < 0)
		return r;
	/* Go. A failed send is a dead child, which follow() tells about. */
	(void)send(sock, "", 1, MSG_NOSIGNAL);
	return follow(sock, process->pidfd, spawn->waits, process, err);
}

static int start_apart(const struct spawn *spawn, const struct box_exec *exec,
		       struct box_process *ret, int *ret_sock, struct tare_err *err)
{
	struct box_process process = {.pidfd = -1};
	struct clone_args args = plan_clone(spawn, exec, &process.pidfd);
	int pair[2], r = prepare(spawn, exec, err);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, "make a socket pair");
	cleanup_close int ours = pair[0];
	cleanup_close int theirs = pair[1];

	process.pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (process.pid < 0)
		return clone_failed(spawn, err);
	if (process.pid == 0) {
		(void)close(ours);
		child_run(spawn, exec,
			  (struct child_link){.sock = theirs, .parent_fd = -1, .shared = NULL});
	}
	(void)close(take_fd(&theirs));
	r = conclude(accompany(spawn, exec, ours, &process, err), exec, &process, ret);
	if (r == 0 && ret_sock)
		*ret_sock = take_fd(&ours);
	return r;
}

struct together {
	const struct spawn *spawn;
	const struct box_exec *exec;
	struct child_link link;
	struct child_shared shared;
	_Alignas(16) char stack[TOGETHER_STACK];
};

static _Noreturn void together_child(void *context)
{
	struct together *t = context;

	child_run(t->spawn, t->exec, t->link);
}

static bool has_ended(int pidfd)
{
	siginfo_t info = {0};

	return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid;
}

/* Until the child has left our memory. No signal reaches us meanwhile, so it may not take for
 * ever: from the deadline on the child is killed, which every wait of it but one for a dead disk
 * ends. A look now and then makes up for a wake that does not come. */
static int await_leave(struct child_shared *shared, int pidfd, struct tare_err *err)
{
	const struct timespec look = {.tv_nsec = 200 * NS_PER_MS};
	uint64_t deadline = clock_now_ns() + TOGETHER_NS;
	bool late = false;

	for (int tid; (tid = atomic_load(&shared->tid)) != 0 && !has_ended(pidfd);) {
		(void)direct_call(SYS_futex, (long)&shared->tid, FUTEX_WAIT, tid, (long)&look);
		if (!late && clock_now_ns() > deadline) {
			late = true;
			(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		}
	}
	return late ? err_set(err, ETIMEDOUT, "the process did not run the program within %d s",
			      (int)(TOGETHER_NS / NS_PER_S))
		    : 0;
}

/* The errno of this thread is the child's too as long as it runs. Until `go` the child leaves it
 * alone, from then on we do; no signal's handler runs meanwhile. */
static int accompany_together(struct together *t, struct box_process *process, struct tare_err *err)
{
	struct child_shared *shared = &t->shared;
	int r = prepare(t->spawn, t->exec, err);

	if (r == 0)
		r = do_outside(t->spawn, t->exec, process->pid, err);
	if (r < 0)
		return r;
	atomic_store(&shared->go, 1);
	(void)direct_call(SYS_futex, (long)&shared->go, FUTEX_WAKE_PRIVATE, INT_MAX, 0);
	r = await_leave(shared, process->pidfd, err);
	if (r < 0)
		return r;
	process->exec_ns = clock_now_ns();
	take_up(process, &shared->report);
	if (shared->report.err.code) {
		r = err_set(err, shared->report.err.code, "%s", shared->report.err.msg);
		return shared->report.up_ns ? r : spawn_not_execve(r, err);
	}
	if (!process->up_ns)
		return died_early(process->pidfd, err);
	/* Only now: until it is written down it dies with us. */
	return t->exec ? journal_note_process(t->spawn->journal, process->pid, t->exec->argv[0],
					      err)
		       : 0;
}

/* A change of identity, and the box itself, forbid dumps of the memory, which is ours too. */
static int we_are_dumpable(void)
{
	static atomic_int known = -1;
	int is = atomic_load(&known);

	if (is < 0) {
		is = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
		atomic_store(&known, is);
	}
	return is;
}

static int start_together(const struct spawn *spawn, const struct box_exec *exec,
			  struct box_process *ret, struct tare_err *err)
{
	struct box_process process = {.pidfd = -1};
	struct clone_args args = plan_clone(spawn, exec, &process.pidfd);
	cleanup_close int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int dumpable = we_are_dumpable(), r;
	sigset_t all, before;
	struct together t;

	if (self < 0)
		return err_errno(err, "open a pidfd of ourselves");
	t.spawn = spawn;
	t.exec = exec;
	t.link = (struct child_link){.sock = -1, .parent_fd = self, .shared = &t.shared};
	memset(&t.shared, 0, offsetof(struct child_shared, beside.stack));
	atomic_store(&t.shared.tid, 1);
	args.flags |= CLONE_VM | CLONE_FILES | CLONE_CHILD_CLEARTID;
	args.child_tid = (uint64_t)(uintptr_t)&t.shared.tid;
	args.stack = (uint64_t)(uintptr_t)t.stack;
	args.stack_size = sizeof(t.stack);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	process.pid = (pid_t)together_clone(&args, together_child, &t);
	if (process.pid < 0) {
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
		errno = -process.pid;
		return clone_failed(spawn, err);
	}
	r = accompany_together(&t, &process, err);
	r = conclude(r, exec, &process, ret);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
	return r;
}

int spawn_start(const struct spawn *spawn, const struct box_exec *exec, struct box_process *ret,
		struct tare_err *err)
{
	int r = TOGETHER_WORKS && !spawn->apart ? start_together(spawn, exec, ret, err)
						: start_apart(spawn, exec, ret, NULL, err);

	return err_wrap(err, r, "%s", spawn->box);
}

int spawn_prepare(const struct spawn *spawn, const struct box_exec *exec, struct box_process *ret,
		  int *ret_order_fd, struct tare_err *err)
{
	struct spawn waiting = *spawn;

	waiting.waits = true;
	return err_wrap(err, start_apart(&waiting, exec, ret, ret_order_fd, err), "%s", spawn->box);
}

static int put_text(struct child_order *order, size_t *used, const char *text, struct tare_err *err)
{
	size_t size = strlen(text) + 1;

	if (size > sizeof(order->texts) - *used)
		return err_set(err, E2BIG, "the command and its environment are longer than %d",
			       SPAWN_ORDER_MAX);
	memcpy(order->texts + *used, text, size);
	*used += size;
	return 0;
}

static int put_words(struct child_order *order, size_t *used, char *const *words, uint32_t *ret_n,
		     struct tare_err *err)
{
	int r = 0;

	for (; words && *words && r == 0; words++) {
		if (order->n_argv + order->n_envp + 4 > CHILD_ORDER_WORDS)
			return err_set(err, E2BIG, "the command has too many words");
		(*ret_n)++;
		r = put_text(order, used, *words, err);
	}
	return r;
}

static int send_order(int fd, struct child_order *order, size_t used, const int stdio[3],
		      struct tare_err *err)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(3 * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec whole = {.iov_base = order,
			      .iov_len = offsetof(struct child_order, texts) + used};
	const struct msghdr message = {.msg_iov = &whole,
				       .msg_iovlen = 1,
				       .msg_control = &control,
				       .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), stdio, 3 * sizeof(int));
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? err_errno(err, "tell the waiting process")
						       : 0;
}

int spawn_order(int order_fd, const struct box_exec *exec, struct box_process *process,
		struct tare_err *err)
{
	cleanup_free struct child_order *order = malloc(sizeof(*order));
	size_t used = 0;
	int r = exec->ulimits ? ulimits_lift(exec->ulimits, process->pid, err) : 0;

	if (r < 0)
		return r;
	if (!order)
		return err_set(err, ENOMEM, "out of memory");
	order->cpus = exec->cpus;
	order->ulimits = exec->ulimits ? *exec->ulimits : (struct ulimits){0};
	order->n_argv = order->n_envp = 0;
	order->terminal = exec->terminal;
	order->has_cwd = exec->cwd != NULL;
	r = put_words(order, &used, exec->argv, &order->n_argv, err);
	if (r == 0)
		r = put_words(order, &used, exec->envp, &order->n_envp, err);
	if (r == 0 && exec->cwd)
		r = put_text(order, &used, exec->cwd, err);
	if (r == 0)
		r = send_order(order_fd, order, used, exec->stdio, err);
	return r == 0 ? follow(order_fd, process->pidfd, false, process, err) : r;
}
