/* SPDX-License-Identifier: MIT */
/* What every box promises, and what bare and chroot are. */
#include "box_run.h"

#include <stdbool.h>

#include "base/json.h"
#include "box/common/controllers.h"
#include "kernel/cgroup.h"

static const char *const boxes[] = {"bare", "chroot", "container"};
#define N_BOXES (sizeof(boxes) / sizeof(boxes[0]))

static void a_misspelt_box_is_answered_with_the_nearest(void **state)
{
	const struct box_ops *ops = NULL;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(box_find("contaner", &ops, &err), -ENOENT);
	assert_null(ops);
	assert_string_equal(err.msg, "no box 'contaner', did you mean 'container'?");
	assert_int_equal(box_find("container", &ops, NULL), 0);
	assert_string_equal(ops->name, "container");
}

static int check(const char *box, const char *json, struct tare_err *err)
{
	json_t *options = json_loads(json, 0, NULL);
	int r;

	assert_non_null(options);
	memset(err, 0, sizeof(*err));
	r = box_check_options(box_named(box), options, err);
	json_decref(options);
	return r;
}

static void options_are_checked_by_name_and_value(void **state)
{
	struct tare_err err;

	(void)state;
	assert_int_equal(check("container", "{\"seccomp\": \"off\", \"net\": \"host\"}", &err), 0);
	assert_int_equal(check("bare", "{}", &err), 0);
	assert_int_equal(check("container", "{\"secomp\": \"off\"}", &err), -EINVAL);
	assert_string_equal(err.msg,
			    "box 'container' has no option 'secomp', did you mean 'seccomp'?");
	assert_int_equal(check("container", "{\"seccomp\": \"of\"}", &err), -EINVAL);
	assert_string_equal(err.msg, "box 'container': seccomp=of is not one of on|off");
	assert_int_equal(check("container", "{\"seccomp\": \"on|off\"}", &err), -EINVAL);
	assert_int_equal(check("container", "{\"seccomp\": \"\"}", &err), -EINVAL);
	assert_int_equal(check("container", "{\"seccomp\": 1}", &err), -EINVAL);
	assert_int_equal(check("bare", "{\"seccomp\": \"on\"}", &err), -EINVAL);
	assert_string_equal(err.msg, "box 'bare' has no option 'seccomp'");
}

static void controllers_are_chosen_by_name(void **state)
{
	cleanup_json json_t *two = json_pack("{s:s}", "controllers", "cpu+memory");
	cleanup_json json_t *none = json_pack("{s:s}", "controllers", "none");
	cleanup_json json_t *wrong = json_pack("{s:s}", "controllers", "cpu+memry");
	unsigned int bits = 0;
	struct tare_err err = {0};
	bool named = false;

	(void)state;
	assert_int_equal(controllers_choose(box_named("bare"), two, &bits, &named, &err), 0);
	assert_int_equal(bits, CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_MEMORY));
	assert_true(named);
	assert_int_equal(controllers_choose(box_named("container"), none, &bits, &named, &err), 0);
	assert_int_equal(bits, 0);
	assert_int_equal(controllers_choose(box_named("container"), NULL, &bits, &named, &err), 0);
	assert_int_equal(bits, CONTROLLERS_ALL);
	assert_false(named);
	assert_int_equal(controllers_choose(box_named("bare"), NULL, &bits, &named, &err), 0);
	assert_int_equal(bits, 0);
	assert_int_equal(box_check_options(box_named("bare"), wrong, &err), -EINVAL);
	assert_string_equal(err.msg, "controllers: 'memry' is no cgroup controller, did you mean "
				     "'memory'?");
}

static void an_option_that_is_not_given_has_its_fallback(void **state)
{
	const struct box_ops *ops = box_named("container");
	json_t *options = json_pack("{s:s}", "net", "host");

	(void)state;
	assert_string_equal(box_option(ops, options, "net"), "host");
	assert_string_equal(box_option(ops, options, "seccomp"), "on");
	assert_string_equal(box_option(ops, NULL, "rootfs"), "overlay");
	assert_null(box_option(ops, options, "nosuch"));
	json_decref(options);
}

static void exit_status_and_signals_pass_through(void **state)
{
	struct outcome o;

	for (size_t i = 0; i < N_BOXES; i++) {
		need_box(boxes[i]);
		run_script(*state, boxes[i], "{}", "exit 42", &o);
		assert_int_equal(o.code, CLD_EXITED);
		assert_int_equal(o.status, 42);
		/* Not the program itself: number 1 of a pid namespace ignores what it does not
		 * handle. */
		run_script(*state, boxes[i], "{}", "sh -c 'kill -TERM $$'; echo $?", &o);
		assert_non_null(strstr(o.out, "143\n"));
	}
}

static void a_signal_from_outside_ends_the_program(void **state)
{
	char cat[] = "busybox", name[] = "cat";
	char *argv[] = {cat, name, NULL};
	struct outcome o;

	for (size_t i = 0; i < N_BOXES; i++) {
		struct inside in;

		need_box(boxes[i]);
		memset(&o, 0, sizeof(o));
		assert_int_equal(inside_start(*state, boxes[i], "{}", argv, NULL, &in, NULL), 0);
		assert_true(in.process.up_ns > 0 && in.process.exec_ns >= in.process.up_ns);
		assert_int_equal(syscall(SYS_pidfd_send_signal, in.process.pidfd, SIGKILL, NULL, 0),
				 0);
		inside_finish(&in, &o);
		assert_int_equal(o.code, CLD_KILLED);
		assert_int_equal(o.status, SIGKILL);
	}
}

static void a_missing_program_is_enoent_and_one_sentence(void **state)
{
	char missing[] = "nosuchprogram", absolute[] = "/bin/nosuchprogram";
	char *argv[] = {missing, NULL}, *by_path[] = {absolute, NULL};
	struct outcome o;
	char expected[128];

	for (size_t i = 0; i < N_BOXES; i++) {
		need_box(boxes[i]);
		run_program(*state, boxes[i], "{}", argv, &o);
		assert_int_equal(o.r, -ENOENT);
		(void)snprintf(expected, sizeof(expected),
			       "%s: no program 'nosuchprogram' in the PATH", boxes[i]);
		assert_string_equal(o.err.msg, expected);
		run_program(*state, boxes[i], "{}", by_path, &o);
		assert_int_equal(o.r, -ENOENT);
		assert_int_equal(o.err.code, ENOENT);
		assert_non_null(strstr(o.err.msg, "run '/bin/nosuchprogram'"));
	}
}

static void a_file_that_is_no_program_is_eacces(void **state)
{
	char passwd[] = "/etc/passwd";
	char *argv[] = {passwd, NULL};
	struct outcome o;

	for (size_t i = 0; i < N_BOXES; i++) {
		need_box(boxes[i]);
		run_program(*state, boxes[i], "{}", argv, &o);
		assert_int_equal(o.r, -EACCES);
		assert_non_null(strstr(o.err.msg, "'/etc/passwd' is not executable"));
	}
}

static void a_missing_interpreter_is_told_from_a_missing_program(void **state)
{
	const struct bench *b = *state;
	char script[] = "/work/script";
	char *argv[] = {script, NULL};
	char path[96];
	struct outcome o;
	FILE *f;

	need_box("container");
	(void)snprintf(path, sizeof(path), "%s/script", b->work);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs("#!/no/such/shell\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	run_program(b, "container", "{}", argv, &o);
	assert_int_equal(o.r, -ENOENT);
	assert_string_equal(o.err.msg, "container: '/work/script' needs an interpreter or loader "
				       "that is not here");
}

static void a_broken_step_is_named_and_not_taken_for_a_missing_program(void **state)
{
	struct bench *b = *state;
	struct outcome o;

	need_box("container");
	b->place.work_dir = "/nonexistent/work";
	for (size_t i = 1; i < N_BOXES; i++) {
		char expected[128];

		run_script(b, boxes[i], "{}", "true", &o);
		assert_int_equal(o.r, -EIO);
		assert_int_equal(o.err.code, EIO);
		(void)snprintf(expected, sizeof(expected),
			       "%s: step 'bind /nonexistent/work': No such file or directory",
			       boxes[i]);
		assert_string_equal(o.err.msg, expected);
	}
}

static void only_the_three_streams_are_open_inside(void **state)
{
	struct outcome o;
	int leak = dup(STDOUT_FILENO); /* not close-on-exec */

	for (size_t i = 0; i < N_BOXES; i++) {
		need_box(boxes[i]);
		/* A built-in of the shell: 3 is the folder that it reads. */
		run_script(*state, boxes[i], "{}", "echo /proc/self/fd/*", &o);
		assert_out(&o, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 "
			       "/proc/self/fd/3\n");
	}
	(void)close(leak);
}

static void the_program_runs_where_and_as_it_was_asked(void **state)
{
	char busybox[] = "busybox", cat[] = "cat", file[] = "/proc/self/status";
	char *argv[] = {busybox, cat, file, NULL};
	struct outcome o;

	(void)signal(SIGPIPE, SIG_IGN); /* must not be inherited */
	for (size_t i = 0; i < N_BOXES; i++) {
		need_box(boxes[i]);
		run_program(*state, boxes[i], "{}", argv, &o); /* a shell has its own signals */
		assert_non_null(strstr(o.out, "SigBlk:\t0000000000000000\n"));
		assert_non_null(strstr(o.out, "SigIgn:\t0000000000000000\n"));
		assert_true(strstr(o.out, "Cpus_allowed:\t1\n") || strstr(o.out, "00,00000001\n"));
	}
	(void)signal(SIGPIPE, SIG_DFL);
}

/* A process that starts a box and is killed: the program must go with it. */
static _Noreturn void start_and_wait(const struct bench *b, const char *box, int tell)
{
	char busybox[] = "busybox", sleep[] = "sleep", time[] = "60";
	char *argv[] = {busybox, sleep, time, NULL};
	struct inside in;

	if (inside_start(b, box, "{}", argv, NULL, &in, NULL) < 0)
		_exit(1);
	if (write(tell, &in.process.pid, sizeof(pid_t)) != sizeof(pid_t))
		_exit(1);
	(void)pause();
	_exit(0);
}

static void the_program_dies_with_who_started_it(void **state)
{
	for (size_t i = 0; i < N_BOXES; i++) {
		int tell[2], pidfd;
		pid_t starter, program = 0;
		struct pollfd end = {.events = POLLIN};

		need_box(boxes[i]);
		assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
		starter = fork();
		if (starter == 0)
			start_and_wait(*state, boxes[i], tell[1]);
		assert_int_equal(read(tell[0], &program, sizeof(program)), sizeof(program));
		pidfd = (int)syscall(SYS_pidfd_open, program, 0);
		assert_true(pidfd >= 0);
		assert_int_equal(kill(starter, SIGKILL), 0);
		end.fd = pidfd;
		assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
		assert_int_equal(waitpid(starter, NULL, 0), starter);
		(void)close(pidfd);
		(void)close(tell[0]);
		(void)close(tell[1]);
	}
}

/* Whether the line of that hierarchy in /proc/PID/cgroup names the group. */
static bool in_group(const char *text, const char *hierarchy, const char *name)
{
	const char *line = strstr(text, hierarchy), *at = line ? strstr(line, name) : NULL;

	return at && at < line + strcspn(line, "\n");
}

/* Inside a made group, in each of its hierarchies, from before the program's first instruction. */
static void the_program_is_born_in_its_cgroup(void **state)
{
	char busybox[] = "busybox", cat[] = "cat", file[] = "/proc/self/cgroup";
	char *argv[] = {busybox, cat, file, NULL}, *wait[] = {busybox, cat, NULL};
	struct cgroup_layout layout;
	struct cgroup *group = NULL;
	char path[64], text[4096], name[64];

	need_box("container");
	assert_int_equal(cgroup_layout_read(&layout, NULL), 0);
	if (cgroup_layout_mode(&layout)[0] == 'n')
		skip();
	(void)snprintf(name, sizeof(name), "tare-test-%d", getpid());
	assert_int_equal(cgroup_create(&layout, name,
				       CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_PIDS), NULL,
				       &group, NULL),
			 0);
	for (size_t i = 0; i < N_BOXES; i++) {
		struct outcome o = {0};
		struct inside in;

		assert_int_equal(inside_start(*state, boxes[i], "{}", wait, group, &in, NULL), 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", in.process.pid);
		assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0);
		assert_true(in_group(text, "0::", name) || layout.unified.version == 0);
		assert_true(in_group(text, ":pids:", name) ||
			    layout.controllers[CGROUP_PIDS].version == 2);
		assert_true(in_group(text, ":cpu:", name) || in_group(text, ":cpu,", name) ||
			    layout.controllers[CGROUP_CPU].version == 2);
		inside_finish(&in, &o);
	}
	/* The namespace's root is the group: its name is not seen. */
	struct outcome o = {0};
	struct inside in;

	assert_int_equal(inside_start(*state, "container", "{}", argv, group, &in, NULL), 0);
	inside_finish(&in, &o);
	assert_non_null(strstr(o.out, "0::/\n"));
	assert_null(strstr(o.out, name));
	assert_int_equal(cgroup_destroy(group, NULL), 0);
}

static void bare_is_where_we_are(void **state)
{
	struct outcome o;
	char expected[256], cwd[200];

	need_box("bare");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	(void)snprintf(expected, sizeof(expected), "%s %d\n", cwd, getpid());
	run_script(*state, "bare", "{}", "echo $(pwd) $PPID", &o);
	assert_out(&o, expected);
}

static void chroot_shows_the_tree_and_keeps_it_unchanged(void **state)
{
	struct outcome o;

	need_box("chroot");
	run_script(*state, "chroot", "{}", "pwd; echo /*; touch /x 2>/dev/null || echo read-only",
		   &o);
	assert_out(&o, "/\n/bin /dev /etc /proc /root /run /sys /tmp /work\nread-only\n");
	run_script(*state, "chroot", "{}", "touch /tmp/a /run/b /work/c && ls /tmp /run /work", &o);
	assert_out(&o, "/run:\nb\n\n/tmp:\na\n\n/work:\nc\n");
	run_script(*state, "chroot", "{}", "ls /tmp /run; ls /work; rm /work/c", &o);
	assert_out(&o, "/run:\n\n/tmp:\nc\n");
}

static void a_terminal_becomes_the_programs_own(void **state)
{
	char sh[] = "busybox", ash[] = "sh", c[] = "-c";
	char script[] = "test -t 0 && echo yes >/dev/tty";
	char *argv[] = {sh, ash, c, script, NULL}, *envp[] = {NULL};
	const struct bench *b = *state;

	for (size_t i = 0; i < N_BOXES; i++) {
		struct box_config config = {.place = &b->place, .name = "tare-test-1"};
		int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
		struct box_process process;
		struct box *box;
		char out[16] = "", path[64];

		need_box(boxes[i]);
		assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
		assert_int_equal(ptsname_r(terminal, path, sizeof(path)), 0);
		slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(slave >= 0);
		assert_int_equal(box_named(boxes[i])->open(&config, &box, NULL), 0);
		const struct box_exec exec = {.argv = argv,
					      .envp = envp,
					      .stdio = {slave, slave, slave},
					      .terminal = true};
		assert_int_equal(box->ops->start(box, &exec, &process, NULL), 0);
		assert_int_equal(waitid(P_PIDFD, (id_t)process.pidfd, &(siginfo_t){0}, WEXITED), 0);
		assert_true(read(terminal, out, sizeof(out) - 1) > 0);
		assert_string_equal(out, "yes\r\n");
		(void)close(process.pidfd);
		(void)close(slave);
		(void)close(terminal);
		assert_int_equal(box->ops->close(box, NULL), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_make, bench_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_misspelt_box_is_answered_with_the_nearest),
		TEST(options_are_checked_by_name_and_value),
		TEST(controllers_are_chosen_by_name),
		TEST(an_option_that_is_not_given_has_its_fallback),
		TEST(exit_status_and_signals_pass_through),
		TEST(a_signal_from_outside_ends_the_program),
		TEST(a_missing_program_is_enoent_and_one_sentence),
		TEST(a_file_that_is_no_program_is_eacces),
		TEST(a_missing_interpreter_is_told_from_a_missing_program),
		TEST(a_broken_step_is_named_and_not_taken_for_a_missing_program),
		TEST(only_the_three_streams_are_open_inside),
		TEST(the_program_runs_where_and_as_it_was_asked),
		TEST(the_program_dies_with_who_started_it),
		TEST(the_program_is_born_in_its_cgroup),
		TEST(bare_is_where_we_are),
		TEST(chroot_shows_the_tree_and_keeps_it_unchanged),
		TEST(a_terminal_becomes_the_programs_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
