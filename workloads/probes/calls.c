/* SPDX-License-Identifier: MIT */
/* calls: system calls that an inside must not have, and doors beside the filter. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/probe.h"
#include "probes/probe.h"

#define X32_BIT       0x40000000
#define I386_GETPID   20
#define FOREIGN_GROUP 70000 /* above the 65536 that a box maps */
#define SOMEBODY      1000

extern const struct probe_set probe_set_calls;

static void attack_i386(struct probe_result *ret)
{
	long r = I386_GETPID;

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	if (r == getpid())
		probe_say(ret, PROBE_SUCCEEDED, "int 0x80: getpid gives %ld", r);
	else
		probe_say(ret, PROBE_CONTAINED, "int 0x80: gives %ld", r);
}

static void attack_x32(struct probe_result *ret)
{
	long r = syscall(X32_BIT + SYS_getpid);

	if (r == getpid())
		probe_say(ret, PROBE_SUCCEEDED, "x32: getpid gives %ld", r);
	else if (r < 0 && errno == ENOSYS)
		probe_say(ret, PROBE_NOT_APPLICABLE, "this kernel has no x32");
	else
		probe_say(ret, PROBE_CONTAINED, "x32: %s", strerrorname_np(errno));
}

/* Let go of again by our end. */
static void attack_ptrace(struct probe_result *ret)
{
	static const char *const whom[] = {"runtime", "pid"};
	char what[64];

	for (size_t i = 0; i < sizeof(whom) / sizeof(whom[0]); i++) {
		pid_t pid = probe_bait_process(whom[i], ret);

		if (pid <= 0)
			return;
		(void)snprintf(what, sizeof(what), "ptrace %s of the host",
			       i == 0 ? "the runtime" : "a process");
		probe_say_call(ret, ptrace(PTRACE_SEIZE, pid, NULL, NULL), what);
		if (ret->outcome == PROBE_SUCCEEDED)
			return;
	}
}

static void attack_memory(struct probe_result *ret)
{
	pid_t pid = probe_bait_process("pid", ret);
	char buf[16];
	const struct iovec to = {buf, sizeof(buf)};
	/* An address of the other process. */
	const struct iovec from = {(void *)(uintptr_t)probe_bait_number("address", 0), /* NOLINT */
				   sizeof(buf)};

	if (pid > 0)
		probe_say_call(ret, process_vm_readv(pid, &to, 1, &from, 1, 0),
			       "read the memory of a process of the host");
}

static void attack_kill(struct probe_result *ret)
{
	pid_t pid = probe_bait_process("pid", ret);

	/* Ignored by default: the bait must live on. Never a group. */
	if (pid > 1)
		probe_say_call(ret, kill(pid, SIGWINCH), "send a signal to a process of the host");
}

/* What a program does shows in what it makes the machine do. */
static void attack_perf(struct probe_result *ret)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CONTEXT_SWITCHES};

	probe_say_call(ret, syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC),
		       "count the events of all processes of a CPU");
}

static void attack_tiocsti(struct probe_result *ret)
{
	int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), theirs;
	char name[64], c = 'x';

	(void)setsid();
	if (ours < 0 || unlockpt(ours) < 0 || ptsname_r(ours, name, sizeof(name)) != 0) {
		probe_say(ret, PROBE_NOT_APPLICABLE, "no terminal: %s", strerrorname_np(errno));
		return;
	}
	theirs = open(name, O_RDWR | O_CLOEXEC);
	if (theirs < 0 || ioctl(theirs, TIOCSCTTY, 0) < 0) {
		probe_say(ret, PROBE_NOT_APPLICABLE, "terminal: %s", strerrorname_np(errno));
		return;
	}
	probe_say_call(ret, ioctl(theirs, TIOCSTI, &c), "TIOCSTI: put a key into the terminal");
}

static void attack_setgroups(struct probe_result *ret)
{
	const gid_t group = FOREIGN_GROUP;

	probe_say_call(ret, setgroups(1, &group), "join a group that is none of the box's");
}

static void attack_userns(struct probe_result *ret)
{
	probe_say_call(ret, unshare(CLONE_NEWUSER), "make a user namespace");
}

static void attack_bpf(struct probe_result *ret)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	probe_say_call(ret, syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)),
		       "make a BPF map");
}

/* A setuid copy of ourselves, in a folder that is only ours until then. */
static int make_copy(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	struct stat st;
	int r = -1;

	if (from >= 0 && to >= 0 && fstat(from, &st) == 0 &&
	    sendfile(to, from, NULL, (size_t)st.st_size) == st.st_size)
		r = fchmod(to, 04755);
	if (from >= 0)
		(void)close(from);
	if (to >= 0)
		(void)close(to);
	return r;
}

static int run_as_somebody(char *path)
{
	char *const argv[] = {path, (char[]){"probe"}, (char[]){PROBE_AM_I_ROOT}, NULL};
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0 &&
		    setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0)
			(void)execv(path, argv);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status);
}

static void attack_setuid(struct probe_result *ret)
{
	char folder[] = "/tmp/tare-setuid-XXXXXX", path[64];
	int r;

	if (!mkdtemp(folder)) {
		probe_say(ret, PROBE_CONTAINED, "make a folder: %s", strerrorname_np(errno));
		return;
	}
	(void)chmod(folder, 0711);
	(void)snprintf(path, sizeof(path), "%s/copy", folder);
	if (make_copy(path) < 0) {
		probe_say(ret, PROBE_CONTAINED, "make a setuid file: %s", strerrorname_np(errno));
	} else {
		r = run_as_somebody(path);
		probe_say(ret, r == PROBE_IS_ROOT ? PROBE_SUCCEEDED : PROBE_CONTAINED,
			  "user %d runs a setuid file and is %sroot", SOMEBODY,
			  r == PROBE_IS_ROOT ? "" : "not ");
	}
	(void)unlink(path);
	(void)rmdir(folder);
}

static const struct probe probes[] = {
	{"i386-calls", "system calls by int 0x80, beside the filter", PROBE_ATTACK, false,
	 attack_i386},
	{"x32-calls", "system calls by the x32 table", PROBE_ATTACK, false, attack_x32},
	{"ptrace", "trace the runtime or another process of the host", PROBE_ATTACK, false,
	 attack_ptrace},
	{"memory-read", "read the memory of a process of the host", PROBE_ATTACK, false,
	 attack_memory},
	{"kill", "send a signal to a process of the host", PROBE_ATTACK, false, attack_kill},
	{"tiocsti", "type into the terminal by TIOCSTI", PROBE_ATTACK, false, attack_tiocsti},
	{"setgroups", "join a group outside of the map", PROBE_ATTACK, false, attack_setgroups},
	{"user-namespace", "be root in a namespace of one's own", PROBE_ATTACK, false,
	 attack_userns},
	{"bpf", "load things into the kernel by bpf(2)", PROBE_ATTACK, false, attack_bpf},
	{"perf-events", "watch the whole machine by perf_event_open(2)", PROBE_ATTACK, false,
	 attack_perf},
	{"setuid-file", "gain rights by a setuid file", PROBE_ATTACK, false, attack_setuid},
	{0},
};

const struct probe_set probe_set_calls = {probes};
