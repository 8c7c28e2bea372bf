/* SPDX-License-Identifier: MIT */
/* The collector `syscalls` where the beginning and the end of a call are easily paired wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mman.h>

#include "syscalls_scene.h"

#define SIGNALS 5

static volatile sig_atomic_t *handled; /* in memory of parent and child */

static void on_signal(int number)
{
	(void)number;
	(*handled)++;
}

/* The parent waits for a child that interrupts it, each time when it waits again. */
static void part_restart(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	pid_t parent = getpid(), child;

	(void)sigaction(SIGUSR1, &action, NULL);
	*handled = 0;
	child = fork();
	if (child == 0) {
		for (int i = 0; i < SIGNALS; i++) {
			scene_await_sleep(parent);
			(void)kill(parent, SIGUSR1);
			while (*handled == i)
				(void)usleep(1000);
		}
		scene_await_sleep(parent);
		_exit(0);
	}
	(void)waitpid(child, NULL, 0);
}

static void a_call_that_the_kernel_restarts_is_a_call_each_time(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_restart, NULL);

	(void)state;
	assert_int_equal(count_of(seen, "wait4"), SIGNALS + 1);
	assert_int_equal(returns_of(seen, "wait4"), SIGNALS + 1);
	assert_int_equal(errors_of(seen, "wait4", "ERESTARTSYS"), SIGNALS);
	assert_int_equal(count_of(seen, "rt_sigreturn"), SIGNALS);
	assert_nothing_lost(seen);
	json_decref(seen);
}

/* A sleep that is stopped goes on by another call. */
static void part_stop(void)
{
	const struct timespec second = {.tv_sec = 1};
	pid_t child = fork();

	if (child == 0) {
		(void)syscall(SYS_nanosleep, &second, NULL);
		_exit(0);
	}
	scene_await_sleep(child);
	(void)kill(child, SIGSTOP);
	(void)waitpid(child, NULL, WUNTRACED);
	(void)kill(child, SIGCONT);
	(void)waitpid(child, NULL, 0);
}

static void the_rest_of_a_stopped_sleep_is_restart_syscall(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_stop, NULL);

	(void)state;
	assert_int_equal(count_of(seen, "nanosleep"), 1);
	assert_int_equal(errors_of(seen, "nanosleep", "ERESTART_RESTARTBLOCK"), 1);
	assert_int_equal(count_of(seen, "restart_syscall"), 1);
	assert_int_equal(returns_of(seen, "restart_syscall"), 1);
	assert_true(json_u64_or(call_of(seen, "restart_syscall"), "sum_ns", 0) > 0);
	assert_nothing_lost(seen);
	json_decref(seen);
}

#define REUSES 5

/* Children of one process id, with a pause between them: who paired a child's first return with
 * what another task of that id had begun last would take the pause for the call. */
static void part_reuse(void)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	pid_t id = 0;

	for (int i = 0; i < REUSES; i++) {
		struct clone_args args = {.exit_signal = SIGCHLD};
		pid_t pid;

		if (id) {
			args.set_tid = (__u64)(uintptr_t)&id;
			args.set_tid_size = 1;
		}
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
		if (pid == 0)
			(void)syscall(SYS_exit_group, 0);
		if (pid < 0)
			return; /* somebody else has the id: too few are seen */
		id = pid;
		(void)waitpid(pid, NULL, 0);
		(void)syscall(SYS_nanosleep, &pause, NULL);
	}
}

static void a_process_id_that_is_used_again_is_another_task(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_reuse, NULL);
	const json_t *clone = call_of(seen, "clone3"), *sleep = call_of(seen, "nanosleep");

	(void)state;
	assert_int_equal(count_of(seen, "clone3"), REUSES);
	assert_int_equal(returns_of(seen, "clone3"), REUSES);
	assert_int_equal(count_of(seen, "exit_group"), REUSES);
	assert_true(json_u64_or(clone, "sum_ns", UINT64_MAX) < json_u64_or(sleep, "sum_ns", 0) / 2);
	assert_nothing_lost(seen);
	json_decref(seen);
}

static void part_move(void)
{
	cpu_set_t one;

	for (int i = 0; i < 100; i++) {
		CPU_ZERO(&one);
		CPU_SET(i % 2, &one);
		(void)sched_setaffinity(0, sizeof(one), &one);
		for (int j = 0; j < 100; j++)
			(void)syscall(SYS_getppid);
	}
}

static void calls_of_a_task_that_moves_between_cpus_are_all_counted(void **state)
{
	json_t *seen;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	seen = scene_watch("syscalls", 0, NULL, part_move, NULL);
	assert_int_equal(count_of(seen, "getppid"), 10000);
	assert_int_equal(returns_of(seen, "getppid"), 10000);
	/* Its end is on the other CPU than its beginning. */
	assert_int_equal(count_of(seen, "sched_setaffinity"), 100);
	assert_int_equal(returns_of(seen, "sched_setaffinity"), 100);
	assert_nothing_lost(seen);
	json_decref(seen);
}

static int share_memory(void **state)
{
	void *p = mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	(void)state;
	handled = p;
	return p == MAP_FAILED;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_call_that_the_kernel_restarts_is_a_call_each_time,
					  scene_teardown),
		cmocka_unit_test_teardown(the_rest_of_a_stopped_sleep_is_restart_syscall,
					  scene_teardown),
		cmocka_unit_test_teardown(a_process_id_that_is_used_again_is_another_task,
					  scene_teardown),
		cmocka_unit_test_teardown(calls_of_a_task_that_moves_between_cpus_are_all_counted,
					  scene_teardown),
	};

	return geteuid() == 0 ? cmocka_run_group_tests(tests, share_memory, NULL) : 77;
}
