/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <time.h>

#include "syscalls_scene.h"

static void every_call_of_every_thread_is_counted(void **state)
{
	(void)state;
	for (n_threads = 1; n_threads <= 4; n_threads++) {
		json_t *seen = scene_watch("syscalls", 0, NULL, part_threads, NULL);

		assert_int_equal(count_of(seen, "getppid"), n_threads * CALLS);
		assert_int_equal(returns_of(seen, "getppid"), n_threads * CALLS);
		assert_int_equal(count_of(seen, "exit"), n_threads);
		assert_int_equal(count_of(seen, "write"), 1);
		assert_int_equal(count_of(seen, "read"), 1);
		assert_true(json_double_or(seen, "bias_ns", 0) > 0);
		assert_nothing_lost(seen);
		json_decref(seen);
	}
}

static void part_nothing(void)
{
}

static void calls_of_others_are_not_counted(void **state)
{
	struct scene scene;
	struct collector *collector;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	collector = scene_attach(&scene, "syscalls");
	scene_start(&scene, part_nothing);
	scene_snapshot(&scene, COLLECTOR_BEGIN);
	(void)call_getppid(NULL);
	scene_play(&scene);
	(void)call_getppid(NULL);
	seen = scene_read(collector);
	assert_int_equal(count_of(seen, "getppid"), 0);
	assert_int_equal(count_of(seen, "write"), 1);
	assert_nothing_lost(seen);
	json_decref(seen);
	scene_close(&scene);
}

static void two_groups_are_told_apart(void **state)
{
	struct scene a, b;
	struct collector *of_a, *of_b;
	json_t *seen_a, *seen_b;

	(void)state;
	n_threads = 1;
	scene_open(&a, 0, NULL);
	scene_open(&b, 0, NULL);
	of_a = scene_attach(&a, "syscalls");
	of_b = scene_attach(&b, "syscalls");
	scene_start(&a, part_threads);
	scene_start(&b, part_nothing);
	scene_snapshot(&b, COLLECTOR_BEGIN);
	scene_play(&a);
	scene_play(&b);
	seen_a = scene_read(of_a);
	seen_b = scene_read(of_b);
	assert_int_equal(count_of(seen_a, "getppid"), CALLS);
	assert_int_equal(count_of(seen_b, "getppid"), 0);
	assert_int_equal(count_of(seen_b, "write"), 1);
	assert_nothing_lost(seen_a);
	assert_nothing_lost(seen_b);
	json_decref(seen_a);
	json_decref(seen_b);
	scene_close(&a);
	scene_close(&b);
}

static void part_sleep(void)
{
	const struct timespec t = {.tv_nsec = 2000000};

	for (int i = 0; i < 5; i++)
		(void)syscall(SYS_nanosleep, &t, NULL);
}

static void a_sleep_takes_at_least_its_time(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_sleep, NULL);
	const json_t *call = call_of(seen, "nanosleep");

	(void)state;
	assert_int_equal(count_of(seen, "nanosleep"), 5);
	assert_int_equal(returns_of(seen, "nanosleep"), 5);
	assert_true(json_u64_or(call, "sum_ns", 0) >= 10000000UL);
	assert_true(json_u64_or(call, "max_ns", 0) >= 2000000);
	json_decref(seen);
}

static void *exec_self(void *unused)
{
	static char name[] = "test_syscalls", what[] = "answer";
	char *const argv[] = {name, what, NULL};

	(void)unused;
	(void)execv("/proc/self/exe", argv);
	return NULL;
}

static void part_exec_in_thread(void)
{
	pthread_t thread;

	(void)pthread_create(&thread, NULL, exec_self, NULL);
	(void)pthread_join(thread, NULL);
}

static void an_execve_that_changes_the_threads_id_is_paired(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_exec_in_thread, NULL);

	(void)state;
	assert_int_equal(count_of(seen, "execve"), 1);
	assert_int_equal(returns_of(seen, "execve"), 1);
	/* The leader's join ends when it is killed for the execve. */
	assert_nothing_lost(seen);
	json_decref(seen);
}

static void part_32_bit(void)
{
	for (int i = 0; i < 10; i++) {
		long number = 20; /* getpid by the 32-bit table, writev by the 64-bit one */

		__asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
	}
}

static void calls_by_the_32_bit_table_are_kept_apart(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_32_bit, NULL);

	(void)state;
	assert_int_equal(lost_of(seen, "compat"), 10);
	assert_int_equal(lost_of(seen, "exit_without_enter"), 0);
	assert_int_equal(count_of(seen, "writev"), 0);
	json_decref(seen);
}

static void part_errors(void)
{
	for (int i = 0; i < 7; i++)
		(void)syscall(SYS_openat, AT_FDCWD, "/absent/absent", O_RDONLY, 0);
	for (int i = 0; i < 3; i++)
		(void)syscall(SYS_close, -1);
	for (int i = 0; i < 3; i++)
		(void)syscall(499);
	for (int i = 0; i < 2; i++)
		(void)syscall(600);
}

static void errors_are_counted_by_name(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_errors, NULL);

	(void)state;
	assert_int_equal(json_u64_or(call_of(seen, "openat"), "errors", 0), 7);
	assert_int_equal(errors_of(seen, "openat", "ENOENT"), 7);
	assert_int_equal(errors_of(seen, "close", "EBADF"), 3);
	assert_int_equal(errors_of(seen, "syscall_499", "ENOSYS"), 3);
	assert_int_equal(lost_of(seen, "other"), 2);
	json_decref(seen);
}

static void part_storm(void)
{
	for (int i = 0; i < 200; i++) {
		pid_t pid = (pid_t)syscall(SYS_fork);

		if (pid == 0) {
			for (int j = 0; j < 3; j++)
				(void)syscall(SYS_getppid);
			(void)syscall(SYS_exit_group, 0);
		}
		(void)waitpid(pid, NULL, 0);
	}
}

static void short_lived_children_are_paired_right(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_storm, NULL);

	(void)state;
	assert_int_equal(count_of(seen, "fork"), 200);
	assert_int_equal(returns_of(seen, "fork"), 200);
	assert_int_equal(count_of(seen, "getppid"), 600);
	assert_int_equal(returns_of(seen, "getppid"), 600);
	assert_int_equal(count_of(seen, "exit_group"), 200);
	assert_nothing_lost(seen);
	json_decref(seen);
}

static void on_signal(int number)
{
	(void)number;
}

/* Each interrupted call ends with EINTR, which rt_sigreturn then brings back in the register
 * where a call's own error would be. */
static void part_signals(void)
{
	sigset_t set, none;

	(void)signal(SIGUSR1, on_signal);
	(void)sigemptyset(&none);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 4; i++) {
		(void)raise(SIGUSR1);
		(void)syscall(SYS_rt_sigsuspend, &none, 8);
	}
}

static void returns_from_signal_handlers_have_their_name(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_signals, NULL);

	(void)state;
	assert_int_equal(count_of(seen, "rt_sigreturn"), 4);
	assert_int_equal(returns_of(seen, "rt_sigreturn"), 4);
	assert_int_equal(json_u64_or(call_of(seen, "rt_sigreturn"), "errors", 99), 0);
	assert_int_equal(errors_of(seen, "rt_sigsuspend", "ERESTARTNOHAND"), 4);
	json_decref(seen);
}

static void part_killed_in_pause(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	scene_await_sleep(pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void a_call_that_is_killed_is_not_in_flight(void **state)
{
	json_t *seen = scene_watch("syscalls", 0, NULL, part_killed_in_pause, NULL);

	(void)state;
	assert_int_equal(count_of(seen, "pause"), 1);
	assert_int_equal(returns_of(seen, "pause"), 1);
	assert_nothing_lost(seen);
	json_decref(seen);
}

/* Ids of the BPF programs that this process holds, from its descriptors. */
static size_t own_programs(unsigned int *ids, size_t room)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) one thread */
		char path[300], line[128];
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (n < room && strncmp(line, "prog_id:", 8) == 0)
				ids[n++] = (unsigned int)strtoul(line + 8, NULL, 10);
		if (file)
			(void)fclose(file);
	}
	(void)closedir(dir);
	return n;
}

/* BPF_PROG_GET_FD_BY_ID, without a library. */
static bool program_exists(unsigned int id)
{
	unsigned int attr[32] = {id};
	int fd = (int)syscall(SYS_bpf, 13, attr, sizeof(attr));

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static void nothing_is_left_after_detaching(void **state)
{
	struct scene scene;
	unsigned int ids[16];
	size_t n;

	(void)state;
	scene_open(&scene, 0, NULL);
	(void)scene_attach(&scene, "syscalls");
	n = own_programs(ids, 16);
	assert_true(n >= 2);
	for (size_t i = 0; i < n; i++)
		assert_true(program_exists(ids[i]));
	scene_close(&scene);
	assert_int_equal(own_programs(ids + n, 16 - n), 0);
	for (size_t i = 0; i < n; i++) {
		/* The kernel lets go of them after a grace period. */
		for (int tries = 0; tries < 200 && program_exists(ids[i]); tries++)
			(void)usleep(10000);
		assert_false(program_exists(ids[i]));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_call_of_every_thread_is_counted, scene_teardown),
		cmocka_unit_test_teardown(calls_of_others_are_not_counted, scene_teardown),
		cmocka_unit_test_teardown(two_groups_are_told_apart, scene_teardown),
		cmocka_unit_test_teardown(a_sleep_takes_at_least_its_time, scene_teardown),
		cmocka_unit_test_teardown(an_execve_that_changes_the_threads_id_is_paired,
					  scene_teardown),
		cmocka_unit_test_teardown(calls_by_the_32_bit_table_are_kept_apart, scene_teardown),
		cmocka_unit_test_teardown(errors_are_counted_by_name, scene_teardown),
		cmocka_unit_test_teardown(short_lived_children_are_paired_right, scene_teardown),
		cmocka_unit_test_teardown(returns_from_signal_handlers_have_their_name,
					  scene_teardown),
		cmocka_unit_test_teardown(a_call_that_is_killed_is_not_in_flight, scene_teardown),
		cmocka_unit_test_teardown(nothing_is_left_after_detaching, scene_teardown),
	};
	char byte;

	if (argc == 2 && strcmp(argv[1], "answer") == 0)
		return write(101, "d", 1) == 1 && read(100, &byte, 1) == 1 ? 0 : 125;
	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
