/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "box/common/child.h"

#define PROGRAM_MAX 4096

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

int child_exec(char *const *argv, char *const *envp, struct tare_err *err)
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
