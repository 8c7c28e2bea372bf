/* SPDX-License-Identifier: MIT */
/* Each system call that puts a container up is made to fail in turn: the error must come out as
 * one sentence that names the step, and nothing may be left. */
#include "box_run.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

/* An error that none of these calls gives by itself. */
#define INJECTED EL2HLT

static const struct fault {
	long number;
	const char *words;   /* of the error */
	const char *options; /* NULL: none */
} faults[] = {
	{SYS_clone3, "container: step 'clone3': ", NULL},
	{SYS_open_tree, "container: step 'bind ", NULL},
	{SYS_mount_setattr, "container: step '", NULL},
	{SYS_fsopen, "container: step 'mount tmpfs': ", NULL},
	{SYS_fsconfig, "container: step 'mount tmpfs': ", NULL},
	{SYS_fsmount, "container: step 'mount tmpfs': ", NULL},
	{SYS_mknodat, "container: step 'make /dev/null': ", NULL},
	{SYS_setgroups, "container: step 'leave all groups': ", NULL},
	{SYS_setresuid, "container: step 'become root inside': ", NULL},
	{SYS_mount, "container: step 'cover proc/", NULL},
	{SYS_move_mount, "container: step 'put a mount on ", NULL},
	{SYS_pivot_root, "container: step 'pivot_root': ", NULL},
	{SYS_umount2, "container: step 'leave the old root': ", NULL},
	{SYS_sethostname, "container: step 'set the host name': ", NULL},
	{SYS_socket, "container: step 'bring loopback up': ", NULL},
	{SYS_sched_setaffinity, "container: step 'run on CPUs 0x1': ", NULL},
	{SYS_getcwd, "container: step 'stay inside': ", NULL},
	{SYS_close_range, "container: step 'close all other file descriptors': ", NULL},
	{SYS_unshare, "container: step 'make a network namespace': ", NULL},
	{SYS_unshare, "container: step '", "{\"net\": \"host\"}"}, /* make a time namespace */
	{SYS_capset, "container: step 'set the capabilities': ", NULL},
	{SYS_execve, "container: run '/bin/busybox': ", NULL},
};

/* From here on the call fails in this process and those it makes. */
static int inject(long number)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | INJECTED),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = 4, .filter = filter};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static _Noreturn void start_with_fault(const struct bench *b, const struct fault *fault)
{
	char busybox[] = "busybox", applet[] = "true";
	char *argv[] = {busybox, applet, NULL}, dev[128];
	struct outcome o;

	/* The /dev that boxes share: this one has to make its own. */
	(void)snprintf(dev, sizeof(dev), "%s/dev", b->cache);
	if ((fault->number == SYS_mknodat && fd_remove_tree(dev, NULL) < 0) ||
	    inject(fault->number) < 0)
		_exit(1);
	run_program(b, "container", fault->options ? fault->options : "{}", argv, &o);
	if (o.r >= 0 || strncmp(o.err.msg, fault->words, strlen(fault->words)) != 0) {
		print_message("%ld: %d '%s'\n", fault->number, o.r, o.err.msg);
		_exit(2);
	}
	/* Nobody is left below us. */
	_exit(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD ? 0 : 3);
}

static void every_failing_step_is_named_and_leaves_nothing(void **state)
{
	struct outcome o;

	need_box("container");
	run_script(*state, "container", "{}", "true", &o); /* makes the tree */
	assert_out(&o, "");
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			start_with_fault(*state, &faults[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_failing_step_is_named_and_leaves_nothing,
						bench_make, bench_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
