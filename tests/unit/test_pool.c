/* SPDX-License-Identifier: MIT */
/* Containers that were made beforehand, and what they leave. */
#include "box_run.h"

#include "base/json.h"
#include "box/common/pool.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"

#define CONTROLLERS                                                                                \
	(CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT) | CGROUP_BIT(CGROUP_PIDS) |           \
	 CGROUP_BIT(CGROUP_MEMORY))

struct scene {
	struct bench *bench;
	struct journal *journal;
	struct cgroup_layout layout;
	struct box_pool *pool;
	char name[64];
};

static void scene_open(struct scene *s, void **state, const char *box, size_t size)
{
	struct box_pool_config config = {.controllers = CONTROLLERS, .size = size};
	struct tare_err err = {0};

	s->bench = *state;
	s->pool = NULL;
	assert_int_equal(journal_open(&s->journal, NULL), 0);
	s->bench->place.journal = s->journal;
	assert_int_equal(cgroup_layout_read(&s->layout, NULL), 0);
	config.ops = box_named(box);
	config.layout = &s->layout;
	config.box.place = &s->bench->place;
	(void)snprintf(s->name, sizeof(s->name), "tare-%s", journal_name(s->journal));
	config.box.name = s->name;
	if (box_pool_open(&config, &s->pool, &err) < 0)
		print_message("%s\n", err.msg);
}

/* No group of the pool may be left in any hierarchy. */
static void scene_close(struct scene *s)
{
	struct tare_err err = {0};

	assert_int_equal(box_pool_close(s->pool, &err), 0);
	s->bench->place.journal = NULL;
	assert_int_equal(journal_close(s->journal, &err), 0);
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++) {
		char path[200];

		(void)snprintf(path, sizeof(path), "%s/%s-p0", s->layout.controllers[i].mount,
			       s->name);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static int start(struct scene *s, const char *script, struct inside *in, struct box_pooled **used,
		 struct tare_err *err)
{
	char sh[] = "busybox", ash[] = "sh", c[] = "-c", path[] = "PATH=/bin", mark[] = "A=b";
	char *copy = strdup(script);
	char *argv[] = {sh, ash, c, copy, NULL}, *envp[] = {path, mark, NULL};
	int to[2], from[2], r;

	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	const struct box_exec exec = {.argv = argv,
				      .envp = envp,
				      .stdio = {to[0], from[1], from[1]},
				      .cpus = 1,
				      .cwd = "/etc"};
	r = box_pool_start(s->pool, &exec, &in->process, used, err);
	free(copy);
	(void)close(to[0]);
	(void)close(from[1]);
	in->to = to[1];
	in->from = from[0];
	if (r < 0) {
		(void)close(in->to);
		(void)close(in->from);
	}
	return r;
}

/* As inside_finish(), but the box is the pool's. */
static void finish(struct inside *in, struct outcome *ret)
{
	siginfo_t info = {0};
	size_t used = 0;
	ssize_t n;

	(void)close(in->to);
	while ((n = read(in->from, ret->out + used, sizeof(ret->out) - 1 - used)) > 0)
		used += (size_t)n;
	ret->out[used] = '\0';
	(void)close(in->from);
	assert_int_equal(waitid(P_PIDFD, (id_t)in->process.pidfd, &info, WEXITED), 0);
	ret->code = info.si_code;
	ret->status = info.si_status;
	(void)close(in->process.pidfd);
}

static void run(struct scene *s, const char *script, struct outcome *ret, uint64_t *ret_cpu_ns)
{
	struct box_pooled *used = NULL;
	struct tare_err err = {0};
	struct inside in;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(box_pool_fill(s->pool, &err), 0);
	assert_int_equal(start(s, script, &in, &used, &err), 0);
	finish(&in, ret);
	if (ret_cpu_ns)
		assert_int_equal(box_pooled_cpu_ns(used, ret_cpu_ns, NULL), 0);
	box_pool_give_back(used);
}

static void a_pooled_container_is_a_container(void **state)
{
	struct scene s;
	struct outcome o;

	need_box("container");
	scene_open(&s, state, "container", 2);
	run(&s,
	    "echo $$ $A; pwd; id -u; ls /sys/class/net; echo /proc/[0-9]*; ls /proc/self/fd | wc "
	    "-l;"
	    "grep -E '^(CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status; touch /new; exit 3",
	    &o, NULL);
	assert_string_equal(o.out, "1 b\n/etc\n0\nlo\n/proc/1\n4\nCapBnd:\t00000000000404fb\n"
				   "NoNewPrivs:\t1\nSeccomp:\t2\n");
	assert_int_equal(o.status, 3);
	scene_close(&s);
}

static void each_is_used_once_and_an_empty_pool_says_so(void **state)
{
	struct box_pooled *used = NULL;
	struct tare_err err = {0};
	struct outcome o = {0};
	struct inside in, none;
	struct scene s;

	need_box("container");
	scene_open(&s, state, "container", 1);
	run(&s, "touch /new", &o, NULL);
	run(&s, "ls /new 2>&1", &o, NULL);
	assert_string_equal(o.out, "ls: /new: No such file or directory\n");
	assert_int_equal(box_pool_fill(s.pool, NULL), 0);
	assert_int_equal(start(&s, "true", &in, &used, &err), 0);
	assert_int_equal(start(&s, "true", &none, &used, &err), -EAGAIN);
	assert_string_equal(err.msg, "the pool is empty");
	finish(&in, &o);
	box_pool_give_back(used);
	scene_close(&s);
}

static void a_used_groups_counters_are_differences(void **state)
{
	static const char burn[] = "i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done";
	uint64_t long_ns = 0, short_ns = 0;
	struct outcome o;
	struct scene s;

	need_box("container");
	scene_open(&s, state, "container", 1);
	run(&s, burn, &o, &long_ns);
	assert_int_equal(o.status, 0);
	/* In the same place, hence the same group, whose counter goes on. */
	run(&s, "true", &o, &short_ns);
	assert_true(short_ns > 0);
	assert_true(short_ns < long_ns / 2);
	scene_close(&s);
}

static void what_cannot_be_run_is_said_and_the_rest_still_works(void **state)
{
	char nothing[] = "/no/such", *argv[] = {nothing, NULL}, *envp[] = {NULL};
	const struct box_exec exec = {.argv = argv, .envp = envp, .stdio = {0, 1, 2}};
	struct box_pooled *used = NULL;
	struct box_process process;
	struct tare_err err = {0};
	struct outcome o;
	struct scene s;

	need_box("container");
	scene_open(&s, state, "container", 1);
	assert_int_equal(box_pool_fill(s.pool, NULL), 0);
	assert_int_equal(box_pool_start(s.pool, &exec, &process, &used, &err), -ENOENT);
	assert_string_equal(err.msg, "container: run '/no/such': No such file or directory");
	run(&s, "echo fine", &o, NULL);
	assert_out(&o, "fine\n");
	scene_close(&s);
}

static void waiting_containers_end_with_their_pool_or_their_maker(void **state)
{
	siginfo_t info = {0};
	struct scene s;
	pid_t pid;

	need_box("container");
	scene_open(&s, state, "container", 2);
	assert_int_equal(box_pool_fill(s.pool, NULL), 0);
	scene_close(&s);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);

	/* Killed with a full pool: `tare clean` is what takes the groups down. */
	scene_open(&s, state, "container", 1);
	pid = fork();
	if (pid == 0) {
		(void)box_pool_fill(s.pool, NULL);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	assert_int_equal(info.si_status, SIGKILL);
	scene_close(&s);
}

static void a_pool_is_described_and_not_every_box_has_one(void **state)
{
	struct scene s;

	need_box("container");
	scene_open(&s, state, "bare", 1);
	assert_null(s.pool);
	scene_close(&s);
	scene_open(&s, state, "container", 3);
	cleanup_json json_t *about = box_pool_describe(s.pool);

	assert_int_equal(json_integer_value(json_object_get(about, "size")), 3);
	assert_int_equal(json_array_size(json_object_get(about, "pooled")), 4);
	scene_close(&s);
}

/* One that is born, set up and only then joins its groups, those of version 1, leaves in them what
 * the program did. */
static void setting_up_is_not_charged_to_the_program(void **state)
{
	uint64_t pooled_ns = 0, fresh_ns = 0;
	char name[64];
	struct cgroup *group = NULL;
	char busybox[] = "busybox", applet[] = "true", *argv[] = {busybox, applet, NULL};
	struct outcome o = {0};
	struct inside in;
	struct scene s;

	need_box("container");
	scene_open(&s, state, "container", 1);
	if (s.layout.controllers[CGROUP_CPUACCT].version == 2) {
		scene_close(&s);
		print_message("skipped: in version 2 it is born in its group\n");
		skip();
	}
	run_script(s.bench, "container", "{}", "true", &o); /* makes the tree */
	run(&s, "true", &o, &pooled_ns);
	(void)snprintf(name, sizeof(name), "%.60s-x", s.name);
	assert_int_equal(cgroup_create(&s.layout, name, CONTROLLERS, s.journal, &group, NULL), 0);
	assert_int_equal(inside_start(s.bench, "container", "{}", argv, group, &in, NULL), 0);
	inside_finish(&in, &o);
	assert_int_equal(cgfile_read_u64(cgroup_controller_fd(group, CGROUP_CPUACCT, NULL),
					 "cpuacct.usage", &fresh_ns, NULL),
			 0);
	assert_int_equal(cgroup_destroy(group, NULL), 0);
	/* Setting up takes more CPU time than a program that does nothing: were it charged, this
	 * would be several times as much. */
	assert_true(fresh_ns < 3 * pooled_ns);
	scene_close(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_make, bench_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pooled_container_is_a_container),
		TEST(each_is_used_once_and_an_empty_pool_says_so),
		TEST(a_used_groups_counters_are_differences),
		TEST(what_cannot_be_run_is_said_and_the_rest_still_works),
		TEST(waiting_containers_end_with_their_pool_or_their_maker),
		TEST(a_pool_is_described_and_not_every_box_has_one),
		TEST(setting_up_is_not_charged_to_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
