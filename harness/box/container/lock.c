/* SPDX-License-Identifier: MIT */
#include "box/container/lock.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "seccomp_filter.h"

#define CAP(name) (1ULL << CAP_##name)

/* Docker's list without what no load and no shell needs: AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP,
 * SETPCAP. */
const unsigned long long lock_capabilities = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) |
					     CAP(FSETID) | CAP(KILL) | CAP(NET_BIND_SERVICE) |
					     CAP(SETGID) | CAP(SETUID) | CAP(SYS_CHROOT);

int lock_bound_capabilities(unsigned long long keep, struct tare_err *err)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep & (1ULL << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* past the last one of this kernel */
			break;
		return err_errno(err, "step 'drop capability %lu'", cap);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_errno(err, "step 'clear the ambient capabilities'");
	return 0;
}

int lock_hold_capabilities(unsigned long long keep, struct tare_err *err)
{
	/* By the plain call: libcap allocates, which a child of clone3 must not. */
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	/* Some of the list may not be ours to begin with, or not known to this kernel. */
	if (syscall(SYS_capget, &header, data) < 0)
		return err_errno(err, "step 'read the capabilities'");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_errno(err, "step 'set the capabilities'");
	return 0;
}

int lock_no_new_privileges(struct tare_err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "step 'no new privileges'");
	return 0;
}

int lock_filter_calls(const struct sock_fprog *given, struct tare_err *err)
{
	/* The kernel only reads it; its type lacks the const. */
	struct sock_fprog program = {
		.len = sizeof(container_filter) / sizeof(container_filter[0]),
		.filter = (struct sock_filter *)(uintptr_t) /* NOLINT(performance-no-int-to-ptr) */
		container_filter,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, given ? given : &program) < 0)
		return err_errno(err, "step 'load the seccomp filter'");
	return 0;
}
