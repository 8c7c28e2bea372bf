/* SPDX-License-Identifier: MIT */
#include "report/tool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Nothing can be read or made in a home that is no folder: LaTeX, for root, would make another. */
static int start(const struct tool *tool, const char *dir, char *const *argv, int said_fd,
		 pid_t *ret, struct tare_err *err)
{
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", home[] = "HOME=/dev/null",
	     locale[] = "LC_ALL=C.UTF-8";
	char *envp[] = {path, home, locale, NULL};
	posix_spawn_file_actions_t actions;
	int r;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, said_fd, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, said_fd, STDERR_FILENO);
	if (dir)
		(void)posix_spawn_file_actions_addchdir_np(&actions, dir);
	r = posix_spawnp(ret, argv[0], &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	errno = r;
	if (r == ENOENT)
		return err_set(err, ENOTSUP, "%s", tool->missing);
	return r ? err_errno(err, "start %s", argv[0]) : 0;
}

static int wait_for(const struct tool *tool, const char *name, pid_t pid, int *ret_status,
		    struct tare_err *err)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_for = {.fd = pidfd, .events = POLLIN};
	bool late = pidfd >= 0 && poll(&poll_for, 1, tool->timeout_ms) == 0;

	if (late)
		(void)kill(pid, SIGKILL);
	if (waitpid(pid, ret_status, 0) < 0)
		return err_errno(err, "wait for %s", name);
	return late ? err_set(err, ETIMEDOUT, "%s took longer than %d s and was ended", name,
			      tool->timeout_ms / 1000)
		    : 0;
}

int tool_run(const struct tool *tool, const char *dir, char *const *argv, struct tare_err *err)
{
	cleanup_fclose FILE *said = tmpfile();
	char text[160] = "";
	pid_t pid;
	int status, r;

	if (!said)
		return err_errno(err, "make a temporary file");
	r = start(tool, dir, argv, fileno(said), &pid, err);
	if (r == 0)
		r = wait_for(tool, argv[0], pid, &status, err);
	if (r < 0)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	rewind(said);
	while (fgets(text, sizeof(text), said)) {
		if (strstr(text, tool->complaint) && !strstr(text, "warning"))
			break;
	}
	text[strcspn(text, "\n")] = '\0';
	return err_set(err, EIO, "%s failed: %s", argv[0], text);
}
