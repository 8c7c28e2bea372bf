/* SPDX-License-Identifier: MIT */
#pragma once
/* direct: system calls that give -errno back, without the variable: a process that runs in its
 * parent's memory shares that one too, and each would spoil the other's. */

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long direct_call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return r;
#else
	/* No such process is made here: see together.h. */
	long r = syscall(number, a, b, c, d);

	return r < 0 ? -errno : r;
#endif
}
