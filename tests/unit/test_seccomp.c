/* SPDX-License-Identifier: MIT */
/* The container's filter, call by call, in a process that does nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box/container/lock.h"

#define X32_BIT 0x40000000

/* What the call gives under the filter: its errno, or 0; -1: it was killed by SIGSYS. */
static int filtered(long number, long a, long b, long c)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (lock_no_new_privileges(NULL) < 0 || lock_filter_calls(NULL, NULL) < 0)
			_exit(255);
		_exit(syscall(number, a, b, c, 0L, 0L, 0L) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return -1;
	}
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static void what_leads_out_of_the_box_is_refused(void **state)
{
	static const long forbidden[] = {
		SYS_unshare,
		SYS_setns,
		SYS_mount,
		SYS_umount2,
		SYS_pivot_root,
		SYS_open_tree,
		SYS_move_mount,
		SYS_fsopen,
		SYS_mount_setattr,
		SYS_bpf,
		SYS_perf_event_open,
		SYS_ptrace,
		SYS_keyctl,
		SYS_add_key,
		SYS_userfaultfd,
		SYS_io_uring_setup,
		SYS_kexec_load,
		SYS_reboot,
		SYS_init_module,
		SYS_finit_module,
		SYS_delete_module,
		SYS_swapon,
		SYS_settimeofday,
		SYS_clock_settime,
		SYS_sethostname,
		SYS_acct,
		SYS_process_vm_readv,
		SYS_open_by_handle_at,
		SYS_quotactl,
		SYS_iopl,
		SYS_modify_ldt,
		SYS_pidfd_getfd,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		assert_int_equal(filtered(forbidden[i], 0, 0, 0), EPERM);
}

static void clone_makes_processes_but_no_namespaces(void **state)
{
	static const unsigned int kinds[] = {CLONE_NEWUSER,  CLONE_NEWNS,  CLONE_NEWPID,
					     CLONE_NEWNET,   CLONE_NEWIPC, CLONE_NEWUTS,
					     CLONE_NEWCGROUP};

	(void)state;
	assert_int_equal(filtered(SYS_clone, SIGCHLD, 0, 0), 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_int_equal(filtered(SYS_clone, (long)kinds[i] | SIGCHLD, 0, 0), EPERM);
	assert_int_equal(filtered(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0), EPERM);
	/* So that a libc takes clone, whose flags can be seen. */
	assert_int_equal(filtered(SYS_clone3, 0, 0, 0), ENOSYS);
}

static void sockets_are_of_the_usual_families(void **state)
{
	(void)state;
	assert_int_equal(filtered(SYS_socket, AF_UNIX, SOCK_STREAM, 0), 0);
	assert_int_equal(filtered(SYS_socket, AF_INET, SOCK_STREAM, 0), 0);
	assert_int_equal(filtered(SYS_socket, AF_NETLINK, SOCK_RAW, 0), 0);
	assert_int_equal(filtered(SYS_socket, AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	assert_int_equal(filtered(SYS_socket, AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	assert_int_equal(filtered(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
}

static void input_cannot_be_pushed_into_a_terminal(void **state)
{
	int unused[2];

	(void)state;
	assert_int_equal(pipe(unused), 0);
	assert_int_equal(filtered(SYS_ioctl, unused[0], TIOCSTI, 0), EPERM);
	/* The kernel looks at the lower half alone: so must the filter (CVE-2019-10063). */
	assert_int_equal(filtered(SYS_ioctl, unused[0], TIOCSTI | (1L << 32), 0), EPERM);
	assert_int_equal(filtered(SYS_ioctl, unused[0], TCGETS, 0), ENOTTY);
	(void)close(unused[0]);
	(void)close(unused[1]);
}

static void newer_calls_are_absent_and_other_tables_kill(void **state)
{
	(void)state;
	assert_int_equal(filtered(1000, 0, 0, 0), ENOSYS);
	assert_int_equal(filtered(SYS_getpid | X32_BIT, 0, 0, 0), -1);
}

static void calls_of_the_32_bit_table_kill(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		long number = 20; /* getpid of the i386 table, writev of ours */

		if (lock_no_new_privileges(NULL) < 0 || lock_filter_calls(NULL, NULL) < 0)
			_exit(255);
		__asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* SIGSEGV where the kernel is built without the table. */
	assert_true(WIFSIGNALED(status) &&
		    (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV));
}

static void what_a_load_does_is_allowed(void **state)
{
	static const long allowed[] = {
		SYS_getppid,   SYS_readv,     SYS_writev,     SYS_clock_gettime,
		SYS_openat,    SYS_statx,     SYS_newfstatat, SYS_fdatasync,
		SYS_madvise,   SYS_mmap,      SYS_execve,     SYS_wait4,
		SYS_pipe2,     SYS_sendto,    SYS_recvfrom,   SYS_futex,
		SYS_pread64,   SYS_unlinkat,  SYS_fallocate,  SYS_sched_setaffinity,
		SYS_prctl,     SYS_getrandom, SYS_rseq,       SYS_membarrier,
		SYS_getrusage,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		int r = filtered(allowed[i], -1, 0, 0);

		assert_true(r != EPERM && r != ENOSYS && r != -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_leads_out_of_the_box_is_refused),
		cmocka_unit_test(clone_makes_processes_but_no_namespaces),
		cmocka_unit_test(sockets_are_of_the_usual_families),
		cmocka_unit_test(input_cannot_be_pushed_into_a_terminal),
		cmocka_unit_test(newer_calls_are_absent_and_other_tables_kill),
		cmocka_unit_test(calls_of_the_32_bit_table_kill),
		cmocka_unit_test(what_a_load_does_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
