/* SPDX-License-Identifier: MIT */
#include "common/names.h"

#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* include/linux/errno.h: never seen by user space, but by a program at the exit of a call. */
static const char *const kernel_errnos[] = {
	[0] = "ERESTARTSYS",
	[1] = "ERESTARTNOINTR",
	[2] = "ERESTARTNOHAND",
	[3] = "ENOIOCTLCMD",
	[4] = "ERESTART_RESTARTBLOCK",
	[5] = "EPROBE_DEFER",
	[6] = "EOPENSTALE",
	[7] = "ENOPARAM",
};
#define KERNEL_ERRNO_FIRST 512
#define KERNEL_ERRNO_COUNT (sizeof(kernel_errnos) / sizeof(kernel_errnos[0]))

const char *names_syscall(unsigned int number, char *buf, size_t size)
{
	cleanup_free char *name =
		seccomp_syscall_resolve_num_arch(seccomp_arch_native(), (int)number);

	if (name)
		(void)snprintf(buf, size, "%s", name);
	else
		(void)snprintf(buf, size, "syscall_%u", number);
	return buf;
}

const char *names_errno(unsigned int code, char *buf, size_t size)
{
	const char *name = strerrorname_np((int)code);

	if (code >= KERNEL_ERRNO_FIRST && code < KERNEL_ERRNO_FIRST + KERNEL_ERRNO_COUNT)
		name = kernel_errnos[code - KERNEL_ERRNO_FIRST];
	if (name)
		(void)snprintf(buf, size, "%s", name);
	else
		(void)snprintf(buf, size, "errno_%u", code);
	return buf;
}
