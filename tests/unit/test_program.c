/* SPDX-License-Identifier: MIT */
/* A helper program: its end, its user, and that what it makes in a PID namespace dies with it. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/program.h"

#define WAIT_MS 20000
#define USER    0x74617265u

static char shell[] = "/bin/sh", c_flag[] = "-c";
static char *environment[] = {NULL};

/* Its stdout is fd 1 of the pipe; all of it until the end. */
static void start(struct program *program, char *script, struct program_process *ret, int *ret_out)
{
	char *argv[] = {shell, c_flag, script, NULL};
	struct tare_err err = {0};
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	program->argv = argv;
	program->envp = environment;
	program->fds[0] = -1;
	program->fds[1] = ends[1];
	program->fds[2] = -1;
	program->n_fds = program->n_fds > 3 ? program->n_fds : 3;
	program->name = "sh";
	if (program_start(program, ret, &err) < 0)
		fail_msg("%s", err.msg);
	program->argv = NULL;
	(void)close(ends[1]);
	*ret_out = ends[0];
}

static void read_text(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	(void)close(fd);
}

static void a_status_comes_through_process_1(void **state)
{
	static char leave[] = "exit 7", die[] = "kill -ABRT $$", first[] = "echo $PPID";
	struct program program = {.own_pids = true};
	struct program_process process;
	char text[64];
	int out, status;

	(void)state;
	start(&program, leave, &process, &out);
	assert_int_equal(program_wait(&process, WAIT_MS, &status, NULL), 0);
	assert_int_equal(WEXITSTATUS(status), 7);
	(void)close(out);
	start(&program, die, &process, &out);
	assert_int_equal(program_wait(&process, WAIT_MS, &status, NULL), 0);
	assert_int_equal(WEXITSTATUS(status), 128 + SIGABRT);
	(void)close(out);
	start(&program, first, &process, &out);
	read_text(out, text, sizeof(text));
	assert_string_equal(text, "1\n");
	assert_int_equal(program_wait(&process, WAIT_MS, NULL, NULL), 0);
}

/* The pipe ends when the last that has it is gone: also what left the session. */
static void what_it_made_dies_with_it(void **state)
{
	static char script[] = "(trap '' TERM HUP; echo up; sleep 1000) & kill -KILL $$";
	struct program program = {.own_pids = true};
	struct program_process process;
	char text[64];
	int out, status;

	(void)state;
	start(&program, script, &process, &out);
	assert_int_equal(program_wait(&process, WAIT_MS, &status, NULL), 0);
	assert_int_equal(WEXITSTATUS(status), 128 + SIGKILL);
	assert_int_equal(fd_wait_readable(out, WAIT_MS, NULL), 1);
	read_text(out, text, sizeof(text)); /* comes to an end */
}

static void another_user_holds_no_rights(void **state)
{
	static char script[] = "grep -E '^(Uid|Gid|Groups|CapPrm|NoNewPrivs):' /proc/self/status";
	struct program program = {.user = USER, .own_pids = true};
	struct program_process process;
	char text[512];
	int out;

	(void)state;
	start(&program, script, &process, &out);
	read_text(out, text, sizeof(text));
	assert_int_equal(program_wait(&process, WAIT_MS, NULL, NULL), 0);
	assert_string_equal(text, "Uid:\t1952543333\t1952543333\t1952543333\t1952543333\n"
				  "Gid:\t1952543333\t1952543333\t1952543333\t1952543333\n"
				  "Groups:\t \n"
				  "CapPrm:\t0000000000000000\n"
				  "NoNewPrivs:\t1\n");
}

static void it_is_executed_by_its_descriptor_and_pinned(void **state)
{
	static char script[] = "grep -E '^Cpus_allowed_list' /proc/self/status";
	struct program program = {.n_fds = 4, .program_fd = 3, .cpus = 1};
	struct program_process process;
	char text[128];
	int out, fd = open(shell, O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	program.fds[3] = fd;
	start(&program, script, &process, &out);
	read_text(out, text, sizeof(text));
	assert_int_equal(program_wait(&process, WAIT_MS, NULL, NULL), 0);
	assert_string_equal(text, "Cpus_allowed_list:\t0\n");
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_comes_through_process_1),
		cmocka_unit_test(what_it_made_dies_with_it),
		cmocka_unit_test(another_user_holds_no_rights),
		cmocka_unit_test(it_is_executed_by_its_descriptor_and_pinned),
	};

	if (geteuid() != 0) {
		(void)fprintf(stderr, "skipped: PID namespaces and other users need root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
