/* SPDX-License-Identifier: MIT */
/* Guests by User-Mode Linux: a kernel that is a program, and what it takes of this one. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "kernel/program.h"
#include "machine/machine.h"
#include "machine/uml/process.h"
#include "machine/vm/image.h"

#define PACKAGE "user-mode-linux"

static _Noreturn void be_traced(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
		_exit(1);
	(void)getppid();
	_exit(0);
}

/* The child's next system call is stopped, and not carried out. */
static bool stops_calls(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) &&
	       ptrace(PTRACE_SYSEMU, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid &&
	       WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

static void check_trap(struct doctor *doctor)
{
	pid_t pid = fork();
	bool stops;

	if (pid == 0)
		be_traced();
	stops = pid > 0 && stops_calls(pid);
	if (stops)
		doctor_say(doctor, DOCTOR_OK, "ptrace", NULL,
			   "system calls can be stopped and answered (PTRACE_SYSEMU)");
	else
		doctor_say(doctor, DOCTOR_BLOCKED, "ptrace",
			   "leave the container, or allow ptrace(2) in it",
			   "system calls cannot be stopped and answered (PTRACE_SYSEMU)");
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		(void)waitpid(pid, NULL, 0);
}

static void check_memory(struct doctor *doctor)
{
	bool swift;
	const char *folder = uml_memory_folder(&swift);
	cleanup_close int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	void *page = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, getpagesize()) == 0)
		page = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		doctor_say(doctor, DOCTOR_BLOCKED, "memory",
			   "mount -o remount,exec /dev/shm, or /tmp",
			   "the guest's memory is a file in '%s', which cannot be executed: %m",
			   folder);
	else if (swift)
		doctor_say(doctor, DOCTOR_OK, "memory", NULL,
			   "the guest's memory is a file in '%s'", folder);
	else
		doctor_say(doctor, DOCTOR_DEGRADED, "memory",
			   "mount a tmpfs at /dev/shm, without noexec",
			   "the guest's memory is a file in '%s', which is written to a disk",
			   folder);
	if (page != MAP_FAILED)
		(void)munmap(page, (size_t)getpagesize());
}

static const char *find_kernel(const json_t *all)
{
	const json_t *kernel;
	size_t i;

	json_array_foreach(json_object_get(all, "kernels"), i, kernel)
	{
		const json_t *source = json_object_get(kernel, "source");

		if (strcmp(json_string_or(source, "package", ""), PACKAGE) == 0)
			return json_string_or(kernel, "name", "?");
	}
	return NULL;
}

static void check_kernel(struct doctor *doctor)
{
	cleanup_json json_t *all = NULL;
	struct tare_err why = {0};
	const char *name;
	char path[256];

	if (image_list(doctor->places->cache_dir, &all, &why) < 0) {
		doctor_say(doctor, DOCTOR_DEGRADED, "kernel", NULL, "%s", why.msg);
		return;
	}
	name = find_kernel(all);
	if (name)
		doctor_say(doctor, DOCTOR_OK, "kernel", NULL, "%s in the cache", name);
	else if (program_find("apt-cache", "apt", path, sizeof(path), &why) < 0)
		doctor_say(doctor, DOCTOR_BLOCKED, "kernel", "use a machine with apt",
			   "none is there, and no apt to fetch Debian's " PACKAGE);
	else
		doctor_say(doctor, DOCTOR_DEGRADED, "kernel", "tare exec -e uml -- true",
			   "none is there yet: the first guest fetches Debian's " PACKAGE);
}

void doctor_uml(struct doctor *doctor)
{
	const struct machine_ops *ops;
	struct tare_err why = {0};

	check_trap(doctor);
	check_memory(doctor);
	check_kernel(doctor);
	if (machine_find("uml", &ops, &why) < 0 || ops->probe(&why) < 0) {
		doctor_say(doctor, DOCTOR_BLOCKED, "rights", "sudo tare doctor", "%s", why.msg);
		return;
	}
	if (doctor->deep)
		doctor_boot(doctor, "uml", NULL);
}
