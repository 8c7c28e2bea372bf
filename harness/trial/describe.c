/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "trial/trial.h"

static int spawn_describe(const char *load_path, int out_fd, pid_t *ret, struct tare_err *err)
{
	char path[512], describe[] = "describe";
	char *argv[] = {path, describe, NULL};
	char *envp[] = {NULL};
	posix_spawn_file_actions_t actions;
	int r;

	(void)snprintf(path, sizeof(path), "%s", load_path);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	r = posix_spawn(ret, path, &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	errno = r;
	return r ? err_errno(err, "start '%s describe'", load_path) : 0;
}

int trial_describe_loads(const char *load_path, json_t **ret, struct tare_err *err)
{
	json_error_t why;
	int fds[2], status;
	pid_t pid;
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	cleanup_close int read_fd = fds[0];
	cleanup_close int write_fd = fds[1];
	r = spawn_describe(load_path, write_fd, &pid, err);
	if (r < 0)
		return r;
	(void)close(take_fd(&write_fd));
	cleanup_json json_t *loads = json_loadfd(read_fd, JSON_REJECT_DUPLICATES, &why);
	if (waitpid(pid, &status, 0) < 0)
		return err_errno(err, "wait for '%s describe'", load_path);
	if (!loads || status)
		return err_set(err, EBADMSG, "'%s describe': %s", load_path,
			       loads ? "it failed" : why.text);
	*ret = json_incref(loads);
	return 0;
}
