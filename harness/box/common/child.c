/* SPDX-License-Identifier: MIT */
#include "box/common/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel/cgroup.h"

#define ABOVE_STDIO 10
#define PROGRAM_MAX 4096

/* The parent may have died before the prctl. getppid() is 0 in a pid namespace whoever lives,
 * so its end of the socket is asked instead. */
static int die_with_parent(int sock, struct tare_err *err)
{
	struct pollfd p = {.fd = sock, .events = POLLRDHUP};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, "step 'die with the parent'");
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP)))
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
		(void)sigaction(signal, &by_default, NULL); /* EINVAL for KILL and STOP */
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
	if (exec->terminal && (setsid() < 0 || ioctl(0, TIOCSCTTY, 0) < 0))
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

static const char *find_path(char *const *envp)
{
	for (; envp && *envp; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	}
	return SPAWN_PATH;
}

/* errno after a failed execve of path, in words. */
static int exec_failed(const char *path, struct tare_err *err)
{
	int code = errno;

	if (code == ENOENT && faccessat(AT_FDCWD, path, F_OK, 0) == 0)
		return err_set(err, ENOENT, "'%s' needs an interpreter or loader that is not here",
			       path);
	if (code == EACCES)
		return err_set(err, EACCES, "'%s' is not executable", path);
	errno = code;
	return err_errno(err, "run '%s'", path);
}

/* As execvpe(3), but by the PATH of the new environment and without memory. */
static int exec_program(char *const *argv, char *const *envp, struct tare_err *err)
{
	const char *path = find_path(envp);
	char program[PROGRAM_MAX];
	bool denied = false;

	if (strchr(argv[0], '/')) {
		(void)execve(argv[0], argv, envp);
		return exec_failed(argv[0], err);
	}
	for (const char *next; path; path = next) {
		size_t length = strcspn(path, ":");

		next = path[length] ? path + length + 1 : NULL;
		if (snprintf(program, sizeof(program), "%.*s/%s", (int)length, path, argv[0]) >=
		    (int)sizeof(program))
			continue;
		(void)execve(program, argv, envp);
		if (errno == EACCES)
			denied = true;
		else if (errno != ENOENT && errno != ENOTDIR)
			return exec_failed(program, err);
	}
	if (denied)
		return err_set(err, EACCES, "'%.100s' is not executable", argv[0]);
	return err_set(err, ENOENT, "no program '%.100s' in the PATH", argv[0]);
}

static void tell(int sock, const struct child_report *report)
{
	(void)send(sock, report, sizeof(*report), MSG_NOSIGNAL);
}

static int child_steps(const struct spawn *spawn, const struct box_exec *exec, int sock,
		       struct tare_err *err)
{
	struct child_report up = {0};
	char go;
	int r = die_with_parent(sock, err);

	if (r < 0)
		return r;
	reset_signals();
	/* Until we are journaled and mapped. */
	if (recv(sock, &go, 1, 0) != 1)
		_exit(127); /* the parent is gone, or reports its own failure */
	if (spawn->inside)
		r = spawn->inside(spawn->context, err);
	if (r == 0 && exec)
		r = join_cgroups(exec->cgroup, err);
	if (r == 0 && exec)
		r = set_affinity(exec->cpus, err);
	if (r == 0 && exec)
		r = enter_folder(exec->cwd, err);
	if (r == 0 && exec)
		r = set_stdio(exec, err);
	/* Again: a change of identity forgets it (commit_creds, kernel/cred.c). */
	if (r == 0)
		r = die_with_parent(sock, err);
	if (r == 0 && spawn->lock)
		r = spawn->lock(spawn->context, err);
	if (r < 0)
		return r;

	up.up_ns = clock_now_ns();
	tell(sock, &up);
	if (!exec)
		_exit(0);
	return exec_program(exec->argv, exec->envp, err);
}

_Noreturn void child_run(const struct spawn *spawn, const struct box_exec *exec, int sock,
			 int parents_sock)
{
	struct child_report report = {0};
	int high;

	(void)close(parents_sock);
	/* Out of the way of the three that the program gets. */
	high = fcntl(sock, F_DUPFD_CLOEXEC, ABOVE_STDIO);
	if (high < 0)
		_exit(127);
	(void)close(sock);
	if (child_steps(spawn, exec, high, &report.err) < 0)
		tell(high, &report);
	_exit(127);
}
