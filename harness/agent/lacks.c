/* SPDX-License-Identifier: MIT */
#include "agent/lacks.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"

#define CONTROLLERS "/sys/fs/cgroup/cgroup.controllers"

static const struct {
	const char *path, *what;
} signs[] = {
	{"/sys/kernel/btf/vmlinux", "BTF"},
	{"/sys/kernel/tracing/events/raw_syscalls", "tracepoints of system calls"},
	{"/proc/pressure", "pressure stall information"},
	{"/proc/self/ns/time", "time namespaces"},
	{"/proc/self/ns/user", "user namespaces"},
	{"/proc/self/ns/cgroup", "cgroup namespaces"},
	{"/proc/sys/kernel/seccomp", "seccomp"},
	{"/proc/sys/kernel/perf_event_paranoid", "perf events"},
};

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || at[-1] == ' ') && strchr(" \n", at[n]))
			return true;
	return false;
}

json_t *lacks_list(void)
{
	static const char *const controllers[] = {"cpuset", "cpu", "memory", "io", "pids"};
	json_t *list = json_array();
	char text[256];

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (access(signs[i].path, F_OK) < 0)
			(void)json_array_append_new(list, json_string(signs[i].what));
	if (fd_read_file_quiet(AT_FDCWD, CONTROLLERS, text, sizeof(text)) < 0)
		return list; /* version 1: each has a hierarchy of its own */
	for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++)
		if (!has_word(text, controllers[i]))
			(void)json_array_append_new(
				list, json_sprintf("cgroup controller %s", controllers[i]));
	return list;
}
