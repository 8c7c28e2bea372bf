/* SPDX-License-Identifier: MIT */
/* The host as a machine: players in turn, commands, signals, and how it is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/places.h"
#include "machine/machine.h"
#include "trial/exec.h"

static struct places places;
static struct machine *host;

static void need(int r, const struct tare_err *err)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s (%d)\n", err->msg, r);
	fail();
}

static int open_host(void **state)
{
	const struct machine_ops *ops;
	struct tare_err err = {0};

	(void)state;
	(void)setenv("TARE_LIBEXEC", TARE_BINARY_DIR, 1); /* NOLINT(concurrency-mt-unsafe) */
	need(places_find(&places, &err), &err);
	need(places_open(&places, true, &err), &err);
	const struct machine_config config = {
		.place = &places.trial, .name = places.group_prefix, .journal = places.journal};

	need(machine_find("host", &ops, &err), &err);
	need(ops->open(&config, &host, &err), &err);
	return 0;
}

static int close_host(void **state)
{
	struct tare_err err = {0};

	(void)state;
	need(host->ops->close(host, &err), &err);
	need(places_close(&places, &err), &err);
	return 0;
}

static int run_with(const char *script, const struct machine_stdio *stdio, int *ret_status,
		    struct tare_err *err)
{
	const struct trial_spec spec = {
		.env = "x", .machine = "host", .box = "bare", .load = "exec"};
	char sh[] = "/bin/sh", c[] = "-c", text[600];
	char *argv[] = {sh, c, text, NULL}, *envp[] = {NULL};

	(void)snprintf(text, sizeof(text), "%s", script);
	return host->ops->exec(host, &spec, argv, envp, NULL, stdio, ret_status, err);
}

static int run(const char *script, int *ret_status, struct tare_err *err)
{
	return run_with(script, NULL, ret_status, err);
}

/* On a machine of its own: its command sees the new filesystem, and afterwards there is none. */
static void a_work_disk_of_its_own_is_new_and_gone_with_it(void **state)
{
	char name[96];
	json_t *options = json_pack("{s:s, s:s}", "work", "loop", "disk", "64M"), *described, *disk;
	const struct machine_config config = {.place = &places.trial,
					      .options = options,
					      .name = name,
					      .journal = places.journal};
	struct machine *shared = host;
	struct tare_err err = {0};
	struct stat st;
	char folder[300], script[600];
	int status = -1;

	(void)state;
	if (geteuid() != 0 || access("/dev/loop-control", R_OK) < 0) {
		json_decref(options);
		skip();
	}
	(void)snprintf(name, sizeof(name), "%.80s-loop", places.group_prefix);
	need(shared->ops->open(&config, &host, &err), &err);
	described = host->ops->describe(host);
	disk = json_object_get(described, "work_disk");
	assert_string_equal(json_string_or(disk, "kind", ""), "loop");
	assert_int_equal(json_u64_or(disk, "bytes", 0), 64 << 20);
	assert_true(json_is_boolean(json_object_get(disk, "direct")));
	(void)snprintf(folder, sizeof(folder), "%.200s/.%.90s.work", places.work_dir, name);
	(void)snprintf(script, sizeof(script),
		       "cd '%s' && grep -q \"^%.20s $PWD ext4\" /proc/self/mounts && echo x >mine",
		       folder, json_string_or(disk, "device", "?"));
	need(run(script, &status, &err), &err);
	need(host->ops->close(host, &err), &err);
	host = shared;
	assert_int_equal(status, 0);
	assert_int_equal(stat(folder, &st), -1);
	json_decref(described);
	json_decref(options);
}

static void a_misspelt_machine_is_answered_with_the_nearest(void **state)
{
	const struct machine_ops *ops;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(machine_find("hots", &ops, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "did you mean 'host'"));
}

static void it_says_which_kernel_and_clock_it_has(void **state)
{
	json_t *d = host->ops->describe(host);

	(void)state;
	assert_string_equal(json_string_or(d, "machine", ""), "host");
	assert_string_not_equal(json_string_or(d, "kernel", ""), "");
	assert_string_equal(json_string_or(d, "id", ""), places.group_prefix);
	json_decref(d);
}

static void a_player_that_is_not_there_is_refused(void **state)
{
	const struct play_request request = {.magic = PLAY_MAGIC, .kind = PLAY_SLICE, .iters = 1};
	struct trial_slice slice;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(host->ops->slice(host, 7, &request, &slice, &err), -EINVAL);
	assert_int_equal(host->ops->abort(host, 1U << 30, NULL), -EINVAL);
}

static void players_of_one_host_take_turns(void **state)
{
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SLICE, .lead_in = 5, .iters = 100};
	const struct trial_spec spec = {
		.env = "x", .machine = "host", .box = "bare", .load = "getppid"};
	struct trial_slice slice;
	struct tare_err err = {0};
	machine_player players[2];
	json_t *record;

	(void)state;
	for (int i = 0; i < 2; i++)
		need(host->ops->start(host, &spec, &players[i], &err), &err);
	assert_int_not_equal(players[0], players[1]);
	for (int i = 0; i < 4; i++) {
		need(host->ops->slice(host, players[i % 2], &request, &slice, &err), &err);
		assert_int_equal(slice.ops, 100);
	}
	need(host->ops->finish(host, players[0], &record, &err), &err);
	assert_string_equal(json_string_or(record, "status", ""), "ok");
	json_decref(record);
	need(host->ops->abort(host, players[1], &err), &err);
	assert_int_equal(host->ops->abort(host, players[1], NULL), -EINVAL);
}

static void a_commands_status_and_signal_come_back(void **state)
{
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	need(run("exit 42", &status, &err), &err);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	need(run("kill -USR1 $$", &status, &err), &err);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

static void a_signal_to_us_reaches_the_command(void **state)
{
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	/* The command itself sends it to its parent, which is us, and waits for it to come. */
	need(run("trap 'exit 7' TERM; kill -TERM $PPID; while :; do sleep 0.05; done", &status,
		 &err),
	     &err);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void what_a_command_leaves_behind_is_ended(void **state)
{
	struct tare_err err = {0};
	int status = -1, fds[2];
	char byte;

	(void)state;
	if (geteuid() != 0)
		skip(); /* without a cgroup nobody knows who is left */
	assert_int_equal(pipe(fds), 0);
	int was = dup(STDOUT_FILENO);

	(void)fflush(stdout);
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	int r = run("sleep 1000 & exit 0", &status, &err);

	(void)dup2(was, STDOUT_FILENO);
	(void)close(was);
	(void)close(fds[1]);
	need(r, &err);
	/* The pipe's last writer is gone, or this waits until the test's own deadline. */
	assert_int_equal(read(fds[0], &byte, 1), 0);
	(void)close(fds[0]);
}

/* CPU time of its children counts, and so does that of nobody else: not what we took meanwhile. */
static void a_command_is_accounted_for(void **state)
{
	struct trial_account idle = {0}, busy = {0};
	struct machine_stdio stdio = {.none = true, .account = &idle};
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	need(run_with("read x; sleep 0.2", &stdio, &status, &err), &err);
	assert_int_equal(status, 0);
	assert_true(idle.up_ns > 0 && idle.up_ns <= idle.exec_ns && idle.exec_ns <= idle.end_ns);
	assert_true(idle.end_ns - idle.up_ns >= 200000000);
	stdio.account = &busy;
	need(run_with("(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done)", &stdio, &status, &err),
	     &err);
	assert_true(busy.user_us > 4 * (idle.user_us + idle.system_us));
	assert_true((busy.user_us + busy.system_us) * 1000 < 2 * (busy.end_ns - busy.up_ns));
	assert_true(busy.ahead_ns == 0 && busy.uncertain_ns == 0);
}

static void a_signal_to_us_ends_what_is_measured(void **state)
{
	volatile sig_atomic_t stopped = 0;
	const struct machine_stdio stdio = {.none = true, .stopped = &stopped};
	struct tare_err err = {0};
	int status = -1;

	(void)state;
	need(run_with("trap 'exit 7' TERM; kill -TERM $PPID; while :; do sleep 0.05; done", &stdio,
		      &status, &err),
	     &err);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(stopped, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_work_disk_of_its_own_is_new_and_gone_with_it),
		cmocka_unit_test(a_misspelt_machine_is_answered_with_the_nearest),
		cmocka_unit_test(it_says_which_kernel_and_clock_it_has),
		cmocka_unit_test(a_player_that_is_not_there_is_refused),
		cmocka_unit_test(players_of_one_host_take_turns),
		cmocka_unit_test(a_commands_status_and_signal_come_back),
		cmocka_unit_test(a_signal_to_us_reaches_the_command),
		cmocka_unit_test(what_a_command_leaves_behind_is_ended),
		cmocka_unit_test(a_command_is_accounted_for),
		cmocka_unit_test(a_signal_to_us_ends_what_is_measured),
	};

	return cmocka_run_group_tests(tests, open_host, close_host);
}
