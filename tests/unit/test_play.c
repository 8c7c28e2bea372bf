/* SPDX-License-Identifier: MIT */
/* tare-load as a conductor sees it: every load that `describe` lists is played. */
#include <math.h>

#include "conductor.h"

static void finish(struct player *p, struct answer *a)
{
	ask(p, &(struct play_request){.magic = PLAY_MAGIC, .kind = PLAY_FINISH}, a);
	assert_int_equal(a->reply.kind, PLAY_FINISH);
	assert_int_equal(a->reply.status, 0);
	assert_int_equal(a->reply.payload, sizeof(struct play_result));
	assert_true(a->payload.result.clock_ns_x1000 > 0);
	assert_int_equal(end(p), 0);
}

static void slice(const struct player *p, uint64_t lead_in, uint64_t iters, struct answer *a)
{
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SLICE, .lead_in = lead_in, .iters = iters};

	ask(p, &request, a);
	if (a->reply.status < 0)
		fail_msg("%.*s", (int)a->reply.payload, a->payload.why);
	assert_int_equal(a->reply.kind, PLAY_SLICE);
	assert_int_equal(a->reply.payload, 0);
	assert_int_equal(a->reply.ops, iters);
	assert_int_equal(a->reply.lead_in, lead_in);
	assert_true(a->reply.ns > 0);
}

static bool is_solo(const json_t *load)
{
	return json_is_true(json_object_get(load, "solo"));
}

/* Loads that a machine may lack, or that root alone may play, or whose program is not installed. */
static bool may_be_unsupported(const char *name)
{
	static const char *const names[] = {"cgops",  "nsops",  "redis", "sem",
					    "sqlite", "unpack", "uring"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* False: it is none for this machine, has said why, and has ended. */
static bool is_ready(struct player *p, const char *name)
{
	struct answer a;

	hear(p, &a);
	assert_int_equal(a.reply.kind, PLAY_READY);
	if (a.reply.status == -ENOTSUP && may_be_unsupported(name)) {
		print_message("%s: %.*s\n", name, (int)a.reply.payload, a.payload.why);
		assert_true(a.reply.payload > 0);
		assert_int_equal(end(p), 1);
		return false;
	}
	if (a.reply.status < 0)
		fail_msg("%s: %.*s", name, (int)a.reply.payload, a.payload.why);
	return true;
}

static void every_load_takes_turns_in_batch_mode(void **state)
{
	const json_t *load;
	size_t i;

	(void)state;
	json_array_foreach(loads, i, load)
	{
		struct player p;
		struct answer a;

		if (is_solo(load))
			continue;
		p = play(name_of(load), "batch", NULL);
		if (!is_ready(&p, name_of(load)))
			continue;
		slice(&p, 2, 3, &a);
		slice(&p, 0, 4, &a);
		finish(&p, &a);
		assert_int_equal(a.payload.result.has_latency, 0);
	}
}

static void latency_mode_counts_each_operation_of_every_load(void **state)
{
	const json_t *load;
	size_t i;

	(void)state;
	json_array_foreach(loads, i, load)
	{
		uint64_t count = 0, ns;
		struct player p;
		struct answer a;

		if (is_solo(load))
			continue;
		p = play(name_of(load), "latency", NULL);
		if (!is_ready(&p, name_of(load)))
			continue;
		slice(&p, 1, 5, &a);
		ns = a.reply.ns;
		slice(&p, 0, 2, &a);
		ns += a.reply.ns;
		finish(&p, &a);
		assert_int_equal(a.payload.result.has_latency, 1);
		for (int bucket = 0; bucket < LOGLIN_BUCKETS; bucket++)
			count += a.payload.result.latency[bucket];
		assert_int_equal(count, 7);
		assert_in_range(a.payload.result.latency_max_ns, 1, ns);
		assert_true(a.payload.result.latency_max_ns * 7 >= ns);
	}
}

static void play_solo(const char *load, const char *param, uint64_t duration_ns, struct answer *a)
{
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SOLO, .duration_ns = duration_ns};
	struct player p = play(load, "solo", param);

	if (!is_ready(&p, load))
		return;
	ask(&p, &request, a);
	if (a->reply.status < 0)
		fail_msg("%s: %.*s", load, (int)a->reply.payload, a->payload.why);
	assert_int_equal(a->reply.kind, PLAY_SOLO);
	assert_true(a->reply.ns >= duration_ns);
	assert_true(a->reply.ops >= 1);
	finish(&p, a);
}

/* Alone each operation begins where the one before it ended: nothing of the time is left out. */
static void latency_is_of_all_the_time_alone(void **state)
{
	static const char *const names[] = {"cpu-burn", "getppid"};
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SOLO, .duration_ns = 5000000};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct player p = play(names[i], "latency", NULL);
		uint64_t count = 0, least = 0, ops, ns;
		struct answer a;

		hear_ready(&p);
		ask(&p, &request, &a);
		assert_int_equal(a.reply.status, 0);
		ops = a.reply.ops;
		ns = a.reply.ns;
		assert_true(ns >= request.duration_ns);
		finish(&p, &a);
		assert_int_equal(a.payload.result.has_latency, 1);
		for (unsigned int b = 0; b < LOGLIN_BUCKETS; b++) {
			count += a.payload.result.latency[b];
			least += a.payload.result.latency[b] * loglin_lower(b);
		}
		assert_int_equal(count, ops);
		/* A bucket is an eighth of its value wide at most. */
		assert_true(least <= ns && (double)least > 0.85 * (double)ns);
	}
}

/* A network device of its own, which only a box has: tests/e2e/limits.t. */
static bool needs_device(const char *load)
{
	return strncmp(load, "net-", 4) == 0;
}

static void every_load_plays_solo_until_its_time_is_up(void **state)
{
	const json_t *load;
	struct answer a;
	size_t i;

	(void)state;
	json_array_foreach(loads, i, load)
	{
		const char *name = name_of(load), *param = NULL;

		if (needs_device(name))
			continue;
		/* Small ones: this runs without limits. */
		if (strcmp(name, "mem-fill") == 0)
			param = "size=1M";
		else if (strcmp(name, "fork-many") == 0)
			param = "n=2";
		else if (strcmp(name, "io-stream") == 0)
			param = "size=256K";
		play_solo(name, param, 5000000, &a);
	}
}

static double figure(const struct answer *a, const char *name)
{
	const struct play_result *result = &a->payload.result;

	for (uint32_t i = 0; i < result->n_figures; i++)
		if (strcmp(result->figures[i].name, name) == 0)
			return result->figures[i].value;
	fail_msg("no figure '%s'", name);
	return 0;
}

static void burners_tell_how_far_they_came(void **state)
{
	struct answer a;

	(void)state;
	play_solo("mem-fill", "size=2M", 300000000, &a);
	assert_true(figure(&a, "reached") == 2 * 1048576.0);
	play_solo("fork-many", "n=3", 300000000, &a);
	assert_true(figure(&a, "children") == 3);
	assert_true(figure(&a, "refused") == 0);
	play_solo("cpu-burn", "threads=2", 5000000, &a);
	assert_true(figure(&a, "chunks_per_s") > 0);
	play_solo("io-stream", "rw=read", 5000000, &a);
	assert_true(figure(&a, "bytes_per_s") > 0);
}

static void end_of_file_ends_every_player_at_once(void **state)
{
	const json_t *load;
	size_t i;

	(void)state;
	json_array_foreach(loads, i, load)
	{
		struct player p;

		if (needs_device(name_of(load)))
			continue;
		p = play(name_of(load), is_solo(load) ? "solo" : "batch", NULL);
		if (!is_ready(&p, name_of(load)))
			continue;
		assert_int_equal(end(&p), 0);
	}
}

/* SIGKILL lets no teardown run: partners end by themselves. */
static void partners_die_with_a_killed_player(void **state)
{
	static const struct {
		const char *load, *param;
	} cases[] = {
		{"pingpong", NULL},        {"tcprr", NULL},          {"tcpcrr", NULL},
		{"udprr", NULL},           {"unixrt", NULL},         {"hackbench", NULL},
		{"futex", "with=partner"}, {"signal", "to=partner"},
	};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct player p = play(cases[i].load, "batch", cases[i].param);

		hear_ready(&p);
		assert_int_equal(kill(p.pid, SIGKILL), 0);
		assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
		assert_int_equal(WTERMSIG(status), SIGKILL);
		while (waitpid(-1, NULL, 0) > 0) /* we are their subreaper */
			;
		assert_int_equal(errno, ECHILD);
		(void)close(p.to);
		(void)close(p.from);
		(void)close(p.err);
	}
}

/* The one child of a player: the program that it has started. */
static pid_t program_of(pid_t player)
{
	char path[64], text[64] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", player, player);
	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0);
	return (pid_t)strtol(text, NULL, 10);
}

static void a_whole_program_that_dies_fails_the_turn_and_leaves_nothing(void **state)
{
	const struct play_request turn = {.magic = PLAY_MAGIC, .kind = PLAY_SLICE, .iters = 1};
	struct player p = play("sqlite", "batch", "sync=off");
	struct answer a;

	(void)state;
	if (!is_ready(&p, "sqlite"))
		skip();
	slice(&p, 0, 20, &a);
	assert_int_equal(kill(program_of(p.pid), SIGKILL), 0);
	ask(&p, &turn, &a);
	assert_true(a.reply.status < 0);
	assert_non_null(strstr(a.payload.why, "'sqlite3' has ended"));
	assert_int_equal(end(&p), 1);
}

static void a_whole_program_tells_its_rate(void **state)
{
	struct player p = play("unpack", "batch", "files=7");
	struct answer a;
	double ns;

	(void)state;
	if (!is_ready(&p, "unpack"))
		skip();
	slice(&p, 1, 2, &a);
	ns = (double)a.reply.ns;
	finish(&p, &a);
	assert_true(fabs(figure(&a, "files_per_s") * ns / (14 * 1e9) - 1) < 1e-6);
}

static void expect_failure(struct player *p, const char *words)
{
	struct answer a;

	hear(p, &a);
	assert_true(a.reply.status < 0);
	assert_in_range(a.reply.payload, 1, PLAY_WHY_MAX);
	if (!strstr(a.payload.why, words))
		fail_msg("'%s' is not about '%s'", a.payload.why, words);
	assert_int_equal(end(p), 1);
}

static void what_is_no_request_is_refused(void **state)
{
	const struct play_request foreign = {.magic = 1, .kind = PLAY_SLICE, .iters = 1};
	const struct play_request unknown = {.magic = PLAY_MAGIC, .kind = 77};
	struct player p = play("getppid", "batch", NULL);

	(void)state;
	hear_ready(&p);
	assert_int_equal(fd_write_all(p.to, &foreign, sizeof(foreign), NULL), 0);
	expect_failure(&p, "no request");

	p = play("getppid", "batch", NULL);
	hear_ready(&p);
	assert_int_equal(fd_write_all(p.to, "short", 5, NULL), 0);
	expect_failure(&p, "5 bytes");

	p = play("getppid", "batch", NULL);
	hear_ready(&p);
	assert_int_equal(fd_write_all(p.to, &unknown, sizeof(unknown), NULL), 0);
	expect_failure(&p, "77");
}

static void a_turn_of_another_mode_is_refused(void **state)
{
	static const struct {
		const char *load, *mode;
		uint32_t kind;
	} cases[] = {
		{"getppid", "batch", PLAY_SOLO},
		{"getppid", "solo", PLAY_SLICE},
		{"cpu-burn", "latency", PLAY_SLICE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct play_request request = {.magic = PLAY_MAGIC, .kind = cases[i].kind};
		struct player p = play(cases[i].load, cases[i].mode, NULL);

		hear_ready(&p);
		assert_int_equal(fd_write_all(p.to, &request, sizeof(request), NULL), 0);
		expect_failure(&p, "another mode");
	}
}

static void what_setup_cannot_do_is_told_with_its_reason(void **state)
{
	static const struct {
		const char *load, *mode, *param, *words;
	} cases[] = {
		{"pread", "batch", "size=4096", "lacks a unit"},
		{"pread", "batch", "size=1G", "not within"},
		{"mmap", "batch", "size=5000B", "multiple"},
		{"openclose", "batch", "depth=33", "depth"},
		{"pingpong", "batch", "cpu=third", "same|other"},
		{"clock", "batch", "via=", "vdso|syscall"},
		{"fault", "batch", "pages=-1", "whole number"},
		{"fork-many", "solo", "n=0", "not within"},
		{"io-stream", "solo", "block=1000B", "block"},
		{"getdents", "batch", "entries=0", "entries"},
		{"pwrite", "batch", "blocks=5000", "blocks"},
		{"unpack", "batch", "size=1M", "128 MiB"},
		{"pipebw", "batch", "size=1M", "not within"},
		{"uring", "batch", "depth=129", "depth"},
		{"uring", "batch", "direct=no", "off|on"},
		{"hackbench", "batch", "loops=0", "loops"},
		{"sleepjit", "batch", "time=50", "lacks a unit"},
		{"sleepjit", "batch", "time=2s", "more than 1s"},
		{"dup", "batch", "delay=5", "lacks a unit"},
		{"dup", "batch", "delay=2s", "more than 1s"},
		{"dup", "batch", "delay=-1ns", "delay"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct player p = play(cases[i].load, cases[i].mode, cases[i].param);

		expect_failure(&p, cases[i].words);
	}
}

/* The fastest of a few turns: what disturbs makes them longer. */
static double fastest(const char *delay)
{
	struct player p = play("getppid", "batch", delay);
	uint64_t best = UINT64_MAX;
	struct answer a;

	hear_ready(&p);
	for (int i = 0; i < 30; i++) {
		slice(&p, 1, 50, &a);
		if (a.reply.ns < best)
			best = a.reply.ns;
	}
	finish(&p, &a);
	return (double)best;
}

static void a_delay_adds_what_it_says_to_each_operation(void **state)
{
	double none = fastest(NULL), single = fastest("delay=20us"), twice = fastest("delay=40us");

	(void)state;
	if (single / none < 5 || (twice - none) / (single - none) < 1.8 ||
	    (twice - none) / (single - none) > 2.2)
		fail_msg("%.0f, %.0f and %.0f ns", none, single, twice);
}

static void a_delay_counts_in_every_mode(void **state)
{
	const struct play_request solo = {
		.magic = PLAY_MAGIC, .kind = PLAY_SOLO, .duration_ns = 5000000};
	struct player p = play("getppid", "latency", "delay=100us");
	struct answer a;

	(void)state;
	hear_ready(&p);
	slice(&p, 1, 20, &a);
	assert_true((double)a.reply.ns > 0.9 * 20 * 100e3);
	finish(&p, &a);
	p = play("cpu-burn", "solo", "delay=1ms");
	hear_ready(&p);
	ask(&p, &solo, &a);
	assert_int_equal(a.reply.status, 0);
	assert_true((double)a.reply.ns > 0.9 * (double)a.reply.ops * 1e6);
	finish(&p, &a);
}

static void a_missing_work_folder_is_named(void **state)
{
	struct player p;

	(void)state;
	assert_int_equal(set_work("/nowhere/at/all"), 0);
	p = play("create", "batch", NULL);
	assert_int_equal(set_work(work), 0);
	expect_failure(&p, "/nowhere/at/all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_load_takes_turns_in_batch_mode),
		cmocka_unit_test(latency_mode_counts_each_operation_of_every_load),
		cmocka_unit_test(latency_is_of_all_the_time_alone),
		cmocka_unit_test(every_load_plays_solo_until_its_time_is_up),
		cmocka_unit_test(burners_tell_how_far_they_came),
		cmocka_unit_test(end_of_file_ends_every_player_at_once),
		cmocka_unit_test(partners_die_with_a_killed_player),
		cmocka_unit_test(a_whole_program_that_dies_fails_the_turn_and_leaves_nothing),
		cmocka_unit_test(a_whole_program_tells_its_rate),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(a_turn_of_another_mode_is_refused),
		cmocka_unit_test(what_setup_cannot_do_is_told_with_its_reason),
		cmocka_unit_test(a_delay_adds_what_it_says_to_each_operation),
		cmocka_unit_test(a_delay_counts_in_every_mode),
		cmocka_unit_test(a_missing_work_folder_is_named),
	};

	return cmocka_run_group_tests_name("play", tests, conductor_begin, conductor_end);
}
