/* SPDX-License-Identifier: MIT */
/* filter: write the container's seccomp filter as a C header, at build time.
 *
 * What is on the list is allowed, every other call that libseccomp knows is refused with EPERM,
 * and what is newer than it gets ENOSYS, on which a libc falls back to what it used before.
 * Calls by another architecture's table or x32 kill the process: they would go around the list. */

#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shrink.h"

/* Call numbers end below this in every kernel so far: 471 in Linux 6.18. */
#define NUMBERS 1024

/* Namespaces are not for the inside: each opens kernel code to whoever is root in it. */
#define CLONE_NAMESPACES                                                                           \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

static const char *const allowed[] = {
	/* files */
	"access",
	"chdir",
	"chmod",
	"chown",
	"close",
	"close_range",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchdir",
	"fchmod",
	"fchmodat",
	"fchown",
	"fchownat",
	"fcntl",
	"fdatasync",
	"fgetxattr",
	"flistxattr",
	"flock",
	"fremovexattr",
	"fsetxattr",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"futimesat",
	"getcwd",
	"getdents",
	"getdents64",
	"getxattr",
	"inotify_add_watch",
	"inotify_init",
	"inotify_init1",
	"inotify_rm_watch",
	"lchown",
	"lgetxattr",
	"link",
	"linkat",
	"listxattr",
	"llistxattr",
	"lremovexattr",
	"lseek",
	"lsetxattr",
	"lstat",
	"mkdir",
	"mkdirat",
	"mknod",
	"mknodat",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pipe",
	"pipe2",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readlink",
	"readlinkat",
	"readv",
	"removexattr",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"sendfile",
	"setxattr",
	"splice",
	"stat",
	"statfs",
	"statx",
	"symlink",
	"symlinkat",
	"sync",
	"sync_file_range",
	"syncfs",
	"tee",
	"truncate",
	"umask",
	"unlink",
	"unlinkat",
	"utime",
	"utimensat",
	"utimes",
	"vmsplice",
	"write",
	"writev",
	"chroot",
	/* asynchronous files and waiting */
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_ctl_old",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"epoll_wait_old",
	"eventfd",
	"eventfd2",
	"io_cancel",
	"io_destroy",
	"io_getevents",
	"io_pgetevents",
	"io_setup",
	"io_submit",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"signalfd",
	"signalfd4",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	/* memory */
	"brk",
	"madvise",
	"membarrier",
	"memfd_create",
	"memfd_secret",
	"mincore",
	"mlock",
	"mlock2",
	"mlockall",
	"mmap",
	"mprotect",
	"mremap",
	"msync",
	"munlock",
	"munlockall",
	"munmap",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"process_mrelease",
	"remap_file_pages",
	/* processes and threads */
	"arch_prctl",
	"execve",
	"execveat",
	"exit",
	"exit_group",
	"fork",
	"futex",
	"futex_waitv",
	"get_robust_list",
	"get_thread_area",
	"getcpu",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrlimit",
	"getrusage",
	"getsid",
	"gettid",
	"ioprio_get",
	"ioprio_set",
	"kill",
	"pidfd_open",
	"pidfd_send_signal",
	"prctl",
	"prlimit64",
	"restart_syscall",
	"rseq",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"sched_yield",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"setpgid",
	"setpriority",
	"setrlimit",
	"setsid",
	"tgkill",
	"tkill",
	"vfork",
	"wait4",
	"waitid",
	/* identity, as far as it is left */
	"capget",
	"capset",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getresgid",
	"getresuid",
	"getuid",
	"setfsgid",
	"setfsuid",
	"setgid",
	"setgroups",
	"setregid",
	"setresgid",
	"setresuid",
	"setreuid",
	"setuid",
	"seccomp",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	/* signals and time */
	"alarm",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"getitimer",
	"gettimeofday",
	"nanosleep",
	"pause",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigqueueinfo",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_tgsigqueueinfo",
	"setitimer",
	"sigaltstack",
	"time",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_settime",
	"times",
	/* network */
	"accept",
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"socketpair",
	/* System V and POSIX messages: their namespace is our own */
	"mq_getsetattr",
	"mq_notify",
	"mq_open",
	"mq_timedreceive",
	"mq_timedsend",
	"mq_unlink",
	"msgctl",
	"msgget",
	"msgrcv",
	"msgsnd",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"shmat",
	"shmctl",
	"shmdt",
	"shmget",
	/* the system, to look at */
	"getrandom",
	"sysinfo",
	"syslog",
	"uname",
};
#define N_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

/* clone3 hides its flags from a filter, and is left to the default, ENOSYS: a libc takes clone
 * instead. */

/* Pushes input into the terminal that we may share with the user's shell (CVE-2017-5226). */
#define FAKE_INPUT ((scmp_datum_t)TIOCSTI)

/* Execution domains without effect on safety; 0xffffffff asks for the current one. */
static const unsigned long domains[] = {PER_LINUX, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26,
					0xffffffffUL};

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "filter: %s: libseccomp gives %d\n", what, r);
	exit(1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* Calls that are allowed by what they are called with. */
static const char *const by_argument[] = {"clone", "ioctl", "personality", "socket"};

static int is_in(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i], name) == 0)
			return 1;
	}
	return 0;
}

static int is_forbidden(const char *name)
{
	return !is_in(name, allowed, N_ALLOWED) &&
	       !is_in(name, by_argument, sizeof(by_argument) / sizeof(by_argument[0])) &&
	       strcmp(name, "clone3") != 0;
}

static void add_clone(scmp_filter_ctx ctx)
{
	must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0)),
	     "clone");
	for (unsigned int bit = 1; bit < 1U << 31; bit <<= 1) {
		if (bit & CLONE_NAMESPACES)
			must(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					      SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)),
			     "clone");
	}
}

static void add_socket(scmp_filter_ctx ctx)
{
	const uint32_t refuse = SCMP_ACT_ERRNO(EAFNOSUPPORT);

	for (int family = 0; family < AF_MAX; family++) {
		int ours = family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
			   family == AF_NETLINK;

		must(seccomp_rule_add(ctx, ours ? SCMP_ACT_ALLOW : refuse, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0)),
		     "socket");
	}
}

/* The kernel looks at the lower half of the request, and libseccomp has no "not equal" under a
 * mask: allowed is what differs from FAKE_INPUT in some bit of that half. */
static void add_ioctl(scmp_filter_ctx ctx)
{
	for (unsigned int i = 0; i < 32; i++) {
		scmp_datum_t bit = 1UL << i;

		must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, bit, ~FAKE_INPUT & bit)),
		     "ioctl");
	}
	must(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
			      SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffUL, FAKE_INPUT)),
	     "ioctl");
}

static void add_by_argument(scmp_filter_ctx ctx)
{
	add_clone(ctx);
	add_socket(ctx);
	add_ioctl(ctx);
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
				      SCMP_A0(SCMP_CMP_EQ, domains[i], 0)),
		     "personality");
}

static void add_rules(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < N_ALLOWED; i++) {
		int number = seccomp_syscall_resolve_name(allowed[i]);

		must(number, allowed[i]);
		must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0), allowed[i]);
	}
	add_by_argument(ctx);
	for (int number = 0; number < NUMBERS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);

		if (name && is_forbidden(name))
			must(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0), name);
		free(name);
	}
}

static void read_filter(scmp_filter_ctx ctx, struct program *ret)
{
	FILE *file = tmpfile();
	size_t n;

	if (!file)
		must(-errno, "make a temporary file");
	must(seccomp_export_bpf(ctx, fileno(file)), "export");
	rewind(file);
	n = fread(ret->at, sizeof(ret->at[0]), PROGRAM_MAX, file);
	ret->n = (unsigned int)n;
	(void)fclose(file);
}

/* The bytes to load, one instruction a line. */
static void print_filter(const struct program *program)
{
	(void)printf("/* Made by scripts/seccomp/filter.c with libseccomp. */\n"
		     "static const struct sock_filter container_filter[] = {\n");
	for (unsigned int i = 0; i < program->n; i++)
		(void)printf("\t{0x%02x, %u, %u, 0x%08x},\n", program->at[i].code,
			     program->at[i].jt, program->at[i].jf, program->at[i].k);
	(void)printf("};\n");
}

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	static struct program made, small;

	if (!ctx)
		must(-ENOMEM, "begin");
	must(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "bad arch");
	/* 2: a binary tree by number, 8 compares a call instead of 300. */
	must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
	add_rules(ctx);
	read_filter(ctx, &made);
	if (shrink(&made, &small) < 0)
		must(-E2BIG, "shrink");
	if (shrink_check(&made, &small) < 0)
		must(-EBADMSG, "compare the small filter with the one it was made of");
	print_filter(&small);
	seccomp_release(ctx);
	return fflush(stdout) == 0 ? 0 : 1;
}
