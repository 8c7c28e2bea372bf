/* SPDX-License-Identifier: MIT */
#pragma once
/* together: clone3 of a process that runs in our memory, on a stack of its own, beside us.
 *
 * libc has no such call: its clone() knows neither time namespaces nor cgroups, and its clone3()
 * is not exported. */

#include <linux/sched.h>
#include <sys/syscall.h>

/* Our deepest way is mount_overlay() with a page of names and one of words. */
#define TOGETHER_STACK 65536

#if defined(__has_feature) /* clang's way to say what gcc has macros for */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TOGETHER_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TOGETHER_SANITIZED 1
#endif

/* AddressSanitizer and ThreadSanitizer keep books of stacks, which a process that leaves its own
 * by execve upsets. */
#if defined(__x86_64__) && !defined(TOGETHER_SANITIZED)
#define TOGETHER_WORKS 1

/* The process's id, or -errno, which stays as it is. run(context) must not come back. */
static inline long together_clone(struct clone_args *args, void (*run)(void *), void *context)
{
	long r = SYS_clone3;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %[context], %%rdi\n\t"
			 "call *%[run]\n\t"
			 "hlt\n"
			 "1:"
			 : "+a"(r)
			 : "D"(args), "S"(sizeof(*args)), [run] "r"(run), [context] "r"(context)
			 : "rcx", "r11", "memory", "cc");
	return r;
}

#else
#define TOGETHER_WORKS 0

static inline long together_clone(struct clone_args *args, void (*run)(void *), void *context)
{
	(void)args;
	(void)run;
	(void)context;
	return -ENOSYS;
}
#endif
