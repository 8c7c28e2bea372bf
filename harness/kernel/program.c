/* SPDX-License-Identifier: MIT */
#include "kernel/program.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"

#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct child_pipes {
	int go;  /* one byte: it is journaled */
	int why; /* a struct tare_err, or its end when execve has succeeded */
};

/* Where they are wanted may be where another one is: out of the way first. */
static int place_fds(const struct program *program, struct child_pipes *pipes, struct tare_err *err)
{
	int high[PROGRAM_FDS];

	pipes->why = fcntl(pipes->why, F_DUPFD_CLOEXEC, PROGRAM_FDS);
	if (pipes->why < 0)
		return err_errno(err, "dup the pipe");
	for (size_t i = 0; i < program->n_fds; i++) {
		int from = program->fds[i] >= 0 ? program->fds[i]
						: open("/dev/null", O_RDWR | O_CLOEXEC);

		high[i] = fcntl(from, F_DUPFD_CLOEXEC, PROGRAM_FDS);
		if (high[i] < 0)
			return err_errno(err, "dup descriptor %zu", i);
	}
	for (size_t i = 0; i < program->n_fds; i++)
		if (dup2(high[i], (int)i) < 0)
			return err_errno(err, "dup2 descriptor %zu", i);
	return 0;
}

static int pin(uint64_t cpus, struct tare_err *err)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (size_t i = 0; i < 64; i++)
		if (cpus >> i & 1)
			CPU_SET(i, &set);
	return sched_setaffinity(0, sizeof(set), &set) < 0 ? err_errno(err, "pin it") : 0;
}

/* Takes the signal of the parent's death away (commit_creds), so it comes before that. */
static int change_user(uid_t user, struct tare_err *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
	    setresuid(user, user, user) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "become user %u", user);
	return 0;
}

static int die_with(const struct program *program, pid_t parent, struct tare_err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, "prctl");
	/* From a PID namespace of its own it does not see its parent: the pipe's end tells. */
	if (!program->own_pids && getppid() != parent)
		return err_set(err, ESRCH, "its parent has died");
	return 0;
}

/* The namespace's process 1: it has nothing open and lives as long as the program, its child. */
static _Noreturn void be_first(pid_t child)
{
	siginfo_t info = {0};

	(void)close_range(0, ~0U, 0);
	(void)prctl(PR_SET_NAME, "tare-first");
	/* What it inherits it reaps, too. */
	do
		(void)waitid(P_ALL, 0, &info, WEXITED);
	while (info.si_pid != child);
	_exit(info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
}

/* Not fork(3): what other threads of tare had locked stays locked here. */
static int leave_first_behind(struct tare_err *err)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);

	if (child < 0)
		return err_errno(err, "fork in its PID namespace");
	if (child > 0)
		be_first(child);
	return 0;
}

static int become(const struct program *program, struct child_pipes *pipes, pid_t parent,
		  struct tare_err *err)
{
	sigset_t none;
	char go;
	int r = program->cgroup ? cgroup_join_v1_self(program->cgroup) : 0;

	if (r < 0) {
		errno = -r;
		return err_errno(err, "join the cgroup");
	}
	if ((program->cpus && (r = pin(program->cpus, err)) < 0) ||
	    (program->user && (r = change_user(program->user, err)) < 0) ||
	    (r = die_with(program, parent, err)) < 0)
		return r;
	if (read(pipes->go, &go, 1) != 1)
		return err_set(err, ESRCH, "its parent gave it up");
	r = place_fds(program, pipes, err);
	if (r < 0)
		return r;
	if (program->cwd && chdir(program->cwd) < 0)
		return err_errno(err, "enter '%s'", program->cwd);
	(void)setsid();
	if (program->own_pids) {
		r = leave_first_behind(err);
		if (r < 0)
			return r;
		(void)setsid();
	}
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	if (program->program_fd)
		(void)execveat(program->program_fd, "", program->argv, program->envp,
			       AT_EMPTY_PATH);
	else
		(void)execve(program->argv[0], program->argv, program->envp);
	return err_errno(err, "execute '%s'", program->argv[0]);
}

static pid_t clone_child(const struct program *program, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | (program->own_pids ? CLONE_NEWPID : 0),
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	if (program->cgroup && cgroup_v2_fd(program->cgroup) >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_v2_fd(program->cgroup);
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int hear_of_child(const struct program *program, struct program_process *process, int go_fd,
			 int why_fd, struct tare_err *err)
{
	struct tare_err why = {0};
	int r = journal_note_process(program->journal, process->pid, program->name, err);

	if (r < 0)
		return r;
	r = fd_write_all(go_fd, "", 1, err);
	if (r < 0)
		return r;
	r = fd_read_all(why_fd, &why, sizeof(why), NULL);
	process->exec_ns = clock_now_ns();
	if (r == -ENODATA)
		return 0;
	if (r < 0 || why.code <= 0)
		return err_set(err, EIO, "start '%s': it died before it executed", program->name);
	return err_set(err, why.code, "start '%s': %.180s", program->name, why.msg);
}

static bool find_in(const char *path, const char *name, char *ret, size_t size)
{
	cleanup_free char *copy = strdup(path);
	char *save = NULL;

	for (char *dir = copy ? strtok_r(copy, ":", &save) : NULL; dir;
	     dir = strtok_r(NULL, ":", &save)) {
		if (snprintf(ret, size, "%s/%s", dir, name) < (int)size && access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

int program_find(const char *name, const char *package, char *ret, size_t size,
		 struct tare_err *err)
{
	const char *path = getenv("PATH"); // NOLINT(concurrency-mt-unsafe): nobody sets variables

	if ((path && find_in(path, name, ret, size)) || find_in(PROGRAM_PATH, name, ret, size))
		return 0;
	return err_set(err, ENOTSUP, "there is no %s: install the package %s", name, package);
}

int program_start(const struct program *program, struct program_process *ret, struct tare_err *err)
{
	struct program_process process = {.pidfd = -1, .asked_ns = clock_now_ns()};
	pid_t parent = getpid();
	int go[2], why[2];
	int r;

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	cleanup_close int go_in = go[0];
	cleanup_close int go_out = go[1];

	if (pipe2(why, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	cleanup_close int why_in = why[0];
	cleanup_close int why_out = why[1];

	process.pid = clone_child(program, &process.pidfd);
	if (process.pid < 0)
		return err_errno(err, "clone3 for '%s'", program->name);
	if (process.pid == 0) {
		struct child_pipes pipes = {.go = go_in, .why = why_out};
		struct tare_err failure = {0};

		(void)close(go_out); /* or it would never see the pipe's end */
		(void)become(program, &pipes, parent, &failure);
		(void)!write(pipes.why, &failure, sizeof(failure)); /* below PIPE_BUF: whole */
		_exit(127);
	}
	(void)close(take_fd(&go_in));
	(void)close(take_fd(&why_out));
	r = hear_of_child(program, &process, go_out, why_in, err);
	if (r < 0) {
		(void)program_kill(&process, 5000, NULL);
		return r;
	}
	*ret = process;
	return 0;
}

int program_wait(struct program_process *process, int timeout_ms, int *ret_status,
		 struct tare_err *err)
{
	siginfo_t info = {0};
	int r = fd_wait_readable(process->pidfd, timeout_ms, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ETIMEDOUT, "process %d still runs", process->pid);
	if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0)
		return err_errno(err, "wait for process %d", process->pid);
	(void)close(take_fd(&process->pidfd));
	if (ret_status && info.si_code == CLD_EXITED)
		*ret_status = (info.si_status & 0xff) << 8;
	else if (ret_status)
		*ret_status = info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	return 0;
}

bool program_cpu_ns(pid_t pid, uint64_t *ret)
{
	struct timespec t;
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return false;
	*ret = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	return true;
}

int program_kill(struct program_process *process, int timeout_ms, struct tare_err *err)
{
	if (process->pidfd < 0)
		return 0;
	if (syscall(SYS_pidfd_send_signal, process->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_errno(err, "kill process %d", process->pid);
	return program_wait(process, timeout_ms, NULL, err);
}
