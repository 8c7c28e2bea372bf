/* SPDX-License-Identifier: MIT */
#include "box/common/spawn.h"

#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "box/common/child.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"

static pid_t spawn_clone(const struct spawn *spawn, const struct box_exec *exec, int *ret_pidfd)
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
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
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

/* Hear what the child says until it has called execve or failed. */
static int follow(int sock, int pidfd, struct box_process *ret, struct tare_err *err)
{
	struct child_report report;
	bool up = false;

	for (;;) {
		ssize_t n = recv(sock, &report, sizeof(report), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ECONNRESET)
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
		ret->up_ns = report.up_ns;
		up = true;
	}
}

static int accompany(const struct spawn *spawn, const struct box_exec *exec, int sock, pid_t pid,
		     int pidfd, struct box_process *ret, struct tare_err *err)
{
	int r = 0;

	if (exec)
		r = journal_note_process(spawn->journal, pid, exec->argv[0], err);
	if (r == 0 && spawn->outside)
		r = spawn->outside(spawn->context, pid, err);
	if (r < 0)
		return spawn_not_execve(r, err);
	/* Go. A failed send is a dead child, which follow() tells about. */
	(void)send(sock, "", 1, MSG_NOSIGNAL);
	return follow(sock, pidfd, ret, err);
}

static void reap(int pidfd, bool kill_it)
{
	siginfo_t info;

	if (kill_it)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

int spawn_start(const struct spawn *spawn, const struct box_exec *exec, struct box_process *ret,
		struct tare_err *err)
{
	struct box_process process = {.pidfd = -1};
	int pair[2], pidfd = -1, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, "%s: make a socket pair", spawn->box);
	cleanup_close int ours = pair[0];
	cleanup_close int theirs = pair[1];

	pid = spawn_clone(spawn, exec, &pidfd);
	if (pid < 0)
		return err_wrap(err, clone_failed(spawn, err), "%s", spawn->box);
	if (pid == 0)
		child_run(spawn, exec, theirs, ours);

	cleanup_close int held_pidfd = pidfd;
	(void)close(take_fd(&theirs));
	r = accompany(spawn, exec, ours, pid, pidfd, &process, err);
	if (r < 0 || !exec) {
		reap(pidfd, r < 0);
		return err_wrap(err, r, "%s", spawn->box);
	}
	process.pid = pid;
	process.pidfd = take_fd(&held_pidfd);
	*ret = process;
	return 0;
}
