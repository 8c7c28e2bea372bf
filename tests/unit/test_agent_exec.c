/* SPDX-License-Identifier: MIT */
/* Commands in a guest: both ends of the second stream, the agent being a host process. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_scene.h"
#include "base/err.h"
#include "base/fd.h"
#include "machine/machine.h"
#include "machine/vm/console.h"
#include "machine/vm/exec.h"
#include "machine/vm/guest.h"
#include "trial/exec.h"

struct scene {
	struct agent agent;
	struct guest guest;
	int console_end;
	char in[64], out[64];
	pid_t user;      /* who sits at the terminal; 0: nobody */
	char seen[4096]; /* by them */
};

static int set_up(void **state)
{
	static struct scene scene;
	int r;

	scene = (struct scene){0};
	*state = &scene;
	r = agent_start(&scene.agent, true);
	if (r == 0)
		r = console_open(&scene.guest.qemu.console, &scene.console_end, NULL);
	scene.guest.channel = scene.agent.channel;
	scene.guest.qemu.stdio_fd = scene.agent.stdio_fd;
	(void)snprintf(scene.in, sizeof(scene.in), "%s/in", agent_folder);
	(void)snprintf(scene.out, sizeof(scene.out), "%s/out", agent_folder);
	return r;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	if (scene->user > 0) {
		(void)kill(scene->user, SIGKILL);
		(void)waitpid(scene->user, NULL, 0);
	}
	console_close(scene->guest.qemu.console);
	(void)close(scene->console_end);
	return agent_stop(&scene->agent);
}

static int run_shell(struct scene *scene, const char *script, struct tare_err *err)
{
	char text[512], shell[] = "/bin/sh", flag[] = "-c", path[] = "PATH=/usr/bin:/bin";
	char *const argv[] = {shell, flag, text, NULL}, *const envp[] = {path, NULL};
	struct trial_spec spec = agent_getppid_in("bare");
	int status = -1, r;

	(void)snprintf(text, sizeof(text), "%s", script);
	r = vm_exec(&scene->guest, &spec, argv, envp, NULL, NULL, &status, err);
	trial_spec_clear(&spec);
	return r < 0 ? r : status;
}

/* With our stdin from a file, and our stdout to one. */
static int run_with_files(struct scene *scene, const char *in, const char *script)
{
	int was[2] = {dup(0), dup(1)};
	int fds[2] = {open(in, O_RDONLY | O_CLOEXEC),
		      open(scene->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
	struct tare_err err = {0};
	int status;

	(void)fflush(stdout);
	for (int i = 0; i < 2; i++)
		assert_true(fds[i] >= 0 && dup2(fds[i], i) == i);
	status = run_shell(scene, script, &err);
	for (int i = 0; i < 2; i++) {
		(void)dup2(was[i], i);
		(void)close(was[i]);
		(void)close(fds[i]);
	}
	if (err.code)
		(void)fprintf(stderr, "exec: %s\n", err.msg);
	return status;
}

static void write_file(const char *path, const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, size, NULL), 0);
	(void)close(fd);
}

static void assert_output(const struct scene *scene, const char *text)
{
	char buf[4096];

	assert_true(fd_read_file(AT_FDCWD, scene->out, buf, sizeof(buf), NULL) >= 0);
	assert_string_equal(buf, text);
}

/* Far more than all pipes and sockets between hold: both directions have to flow at once. */
static void more_than_the_pipes_hold_goes_through_both_ways(void **state)
{
	const size_t size = 3000000;
	struct scene *scene = *state;
	char *sent = malloc(size), *got = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		sent[i] = (char)(i * 31 >> 3);
	write_file(scene->in, sent, size);
	assert_int_equal(run_with_files(scene, scene->in, "cat"), 0);
	assert_int_equal(fd_read_file(AT_FDCWD, scene->out, got, size + 1, NULL), (int)size);
	assert_memory_equal(got, sent, size);
	free(sent);
	free(got);
}

static void what_one_command_leaves_unread_never_reaches_the_next(void **state)
{
	struct scene *scene = *state;

	write_file(scene->in, "mine\n", 5);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run_with_files(scene, "/dev/zero", "head -c 5 >/dev/null"), 0);
		assert_int_equal(run_with_files(scene, scene->in, "cat"), 0);
		assert_output(scene, "mine\n");
	}
}

static void a_failed_start_leaves_no_input_behind(void **state)
{
	char program[] = "/no/such/program", *const argv[] = {program, NULL};
	struct scene *scene = *state;
	struct trial_spec spec = agent_getppid_in("bare");
	int status;

	assert_int_equal(vm_exec(&scene->guest, &spec, argv, NULL, NULL, NULL, &status, NULL),
			 -ENOENT);
	trial_spec_clear(&spec);
	write_file(scene->in, "mine\n", 5);
	assert_int_equal(run_with_files(scene, scene->in, "cat"), 0);
	assert_output(scene, "mine\n");
}

static void the_status_tells_exits_from_signals(void **state)
{
	struct scene *scene = *state;
	int status = run_with_files(scene, "/dev/null", "exit 42");

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	status = run_with_files(scene, "/dev/null", "kill -KILL $$");
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The command signals us, and we hand it on to the command. */
static void signals_are_passed_on(void **state)
{
	char script[128];
	int status;

	(void)snprintf(script, sizeof(script), "kill -TERM %d; sleep 1000", getpid());
	status = run_with_files(*state, "/dev/null", script);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* Nothing of it comes to us, though it writes more than all pipes hold and reads. */
static void a_command_of_no_streams_is_accounted_for(void **state)
{
	char script[] = "cat && head -c 3000000 /dev/zero && "
			"(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done)";
	char shell[] = "/bin/sh", flag[] = "-c", path[] = "PATH=/usr/bin:/bin";
	char *const argv[] = {shell, flag, script, NULL}, *const envp[] = {path, NULL};
	struct trial_spec spec = agent_getppid_in("bare");
	struct trial_account account = {0};
	const struct machine_stdio stdio = {.fds = {-1, -1, -1}, .none = true, .account = &account};
	struct scene *scene = *state;
	struct tare_err err = {0};
	int status = -1;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			vm_exec(&scene->guest, &spec, argv, envp, NULL, &stdio, &status, &err), 0);
		assert_int_equal(status, 0);
	}
	trial_spec_clear(&spec);
	assert_true(account.up_ns > 0 && account.up_ns < account.end_ns);
	assert_true(account.user_us > 0 && account.epoch_ns != 0);
	/* The end of its input, which was never sent, does not stand in the way of the next. */
	write_file(scene->in, "mine\n", 5);
	assert_int_equal(run_with_files(scene, scene->in, "cat"), 0);
	assert_output(scene, "mine\n");
}

static void a_child_that_keeps_the_pipes_open_does_not_keep_us(void **state)
{
	struct scene *scene = *state;

	if (geteuid() != 0)
		skip(); /* without a cgroup the sleeping child would be left behind */
	assert_int_equal(run_with_files(scene, "/dev/null", "sleep 1000 & echo done"), 0);
	assert_output(scene, "done\n");
	/* One that never stops writing does not either. */
	assert_int_equal(run_with_files(scene, "/dev/null", "yes & sleep 0.1"), 0);
}

/* Read what comes until it contains text; what follows is left for the next time. */
static void expect(struct scene *scene, int fd, const char *text)
{
	const char *found;

	while (!(found = strstr(scene->seen, text))) {
		size_t used = strlen(scene->seen);
		ssize_t n = 0;

		if (fd_wait_readable(fd, 20000, NULL) == 1)
			n = read(fd, scene->seen + used, sizeof(scene->seen) - 1 - used);
		if (n <= 0) {
			(void)fprintf(stderr, "waited for '%s', saw '%s'\n", text, scene->seen);
			fail();
		}
		scene->seen[used + (size_t)n] = '\0';
	}
	found += strlen(text);
	memmove(scene->seen, found, strlen(found) + 1);
}

static void type(int fd, const char *keys)
{
	assert_int_equal(fd_write_all(fd, keys, strlen(keys), NULL), 0);
}

static void a_terminal_reaches_into_the_guest(void **state)
{
	struct winsize size = {.ws_row = 50, .ws_col = 132};
	struct scene *scene = *state;
	int terminal, status = SIGKILL;
	pid_t pid = forkpty(&terminal, NULL, NULL, &size);

	assert_true(pid >= 0);
	if (pid == 0) {
		struct tare_err err = {0};

		status = run_shell(scene,
				   "stty size; read x; echo \"got $x\"; "
				   "trap 'stty size; echo now' WINCH; echo on; "
				   "while :; do sleep 0.05; done",
				   &err);
		_exit(WIFSIGNALED(status) ? 100 + WTERMSIG(status) : 1);
	}
	scene->user = pid;
	expect(scene, terminal, "50 132");
	type(terminal, "hello\r");
	expect(scene, terminal, "got hello");
	expect(scene, terminal, "on\r\n");
	size.ws_row = 20;
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
	expect(scene, terminal, "now");
	/* Ctrl-C: the terminal in the guest makes the signal. A shell that is just going through
	 * its trap may swallow one, so it is pressed as a person would: until it helps. */
	for (int i = 0; i < 100 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		type(terminal, "\003");
		(void)usleep(100000);
	}
	assert_true(WIFEXITED(status));
	scene->user = 0;
	assert_int_equal(WEXITSTATUS(status), 100 + SIGINT);
	(void)close(terminal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_than_the_pipes_hold_goes_through_both_ways,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_one_command_leaves_unread_never_reaches_the_next, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_start_leaves_no_input_behind, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_status_tells_exits_from_signals, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(signals_are_passed_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_command_of_no_streams_is_accounted_for, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_child_that_keeps_the_pipes_open_does_not_keep_us,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_terminal_reaches_into_the_guest, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("agent exec", tests, agent_make_folder,
					   agent_remove_folder);
}
