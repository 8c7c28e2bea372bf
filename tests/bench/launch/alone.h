/* SPDX-License-Identifier: MIT */
#pragma once
/* alone: the least that a launch into all namespaces costs: one clone3, an identity map, execve,
 * exit. The same lines are timed inside the benchmark and as a static program of their own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALONE_NAMESPACES                                                                           \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

/* "/proc/PID/uid_map", without stdio, which the static program does without. */
static void alone_name_map(char *path, const char *map, pid_t pid)
{
	char digits[16];
	size_t n = sizeof(digits);

	for (; pid > 0 && n > 0; pid /= 10)
		digits[--n] = (char)('0' + pid % 10);
	path = mempcpy(path, "/proc/", 6);
	path = mempcpy(path, digits + n, sizeof(digits) - n);
	memcpy(path, map, strlen(map) + 1);
}

static int alone_map(pid_t pid, const char *map)
{
	static const char line[] = "0 2055077888 65536";
	char path[48];
	int fd, r;

	alone_name_map(path, map, pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, line, sizeof(line) - 1) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

/* The program's wait status, or -errno. */
static int alone_run(char *const *argv, char *const *envp)
{
	struct clone_args args = {.flags = ALONE_NAMESPACES, .exit_signal = SIGCHLD};
	int go[2], r, status = 0;
	char byte;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		if (read(go[0], &byte, 1) == 1)
			(void)execve(argv[0], argv, envp);
		_exit(127);
	}
	r = pid < 0 ? -errno : alone_map(pid, "/uid_map");
	if (r == 0)
		r = alone_map(pid, "/gid_map");
	if (r == 0 && write(go[1], "", 1) != 1)
		r = -errno;
	(void)close(go[0]);
	(void)close(go[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return r < 0 ? r : status;
}
