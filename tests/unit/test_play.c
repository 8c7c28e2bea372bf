/* SPDX-License-Identifier: MIT */
/* tare-load as a conductor sees it: every load that `describe` lists is played. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/play.h"

#define TARE_LOAD   TARE_BINARY_DIR "/tare-load"
#define PATIENCE_MS 30000
#define WORDS_MAX   4096

extern char **environ;

static json_t *loads; /* what describe prints */
static char work[] = TARE_BINARY_DIR "/test_play-XXXXXX";

struct player {
	pid_t pid;
	int to, from, err; /* its stdin, stdout, stderr */
};

struct answer {
	struct play_reply reply;
	union {
		char why[PLAY_PAYLOAD_MAX];
		struct play_result result;
	} payload;
};

static void open_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* args: up to six, NULL-ended. */
static struct player start(const char *const *args)
{
	char name[] = "tare-load", *argv[8] = {name};
	int in[2], out[2], err[2];
	posix_spawn_file_actions_t actions;
	struct player p;

	for (int i = 0; args[i]; i++)
		assert_non_null(argv[i + 1] = strdup(args[i]));
	open_pipe(in);
	open_pipe(out);
	open_pipe(err);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], 0), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, err[1], 2), 0);
	assert_int_equal(posix_spawn(&p.pid, TARE_LOAD, &actions, NULL, argv, environ), 0);
	for (int i = 1; argv[i]; i++)
		free(argv[i]);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	p.to = in[1];
	p.from = out[0];
	p.err = err[0];
	return p;
}

static struct player play(const char *load, const char *mode, const char *param)
{
	return start((const char *const[]){"play", load, mode, param, NULL});
}

static void hear(const struct player *p, struct answer *a)
{
	struct tare_err err = {0};

	memset(a, 0, sizeof(*a));
	assert_int_equal(fd_wait_readable(p->from, PATIENCE_MS, &err), 1);
	if (fd_read_all(p->from, &a->reply, sizeof(a->reply), &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(a->reply.magic, PLAY_MAGIC);
	assert_in_range(a->reply.payload, 0, PLAY_PAYLOAD_MAX);
	assert_int_equal(fd_read_all(p->from, &a->payload, a->reply.payload, &err), 0);
}

static void ask(const struct player *p, const struct play_request *request, struct answer *a)
{
	assert_int_equal(fd_write_all(p->to, request, sizeof(*request), NULL), 0);
	hear(p, a);
}

static void hear_ready(const struct player *p)
{
	struct answer a;

	hear(p, &a);
	assert_int_equal(a.reply.kind, PLAY_READY);
	if (a.reply.status < 0)
		fail_msg("%.*s", (int)a.reply.payload, a.payload.why);
	assert_int_equal(a.reply.payload, 0);
}

/* What is left to read of a stream, as text. */
static void read_words(int fd, char *words)
{
	size_t used = 0;
	ssize_t n;

	while (used < WORDS_MAX - 1 && (n = read(fd, words + used, WORDS_MAX - 1 - used)) > 0)
		used += (size_t)n;
	words[used] = '\0';
}

/* Its exit status; every process that it made is gone, and every file. */
static int end(struct player *p)
{
	struct dirent *entry;
	DIR *dir;
	int status;

	(void)close(p->to);
	(void)close(p->from);
	(void)close(p->err);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	dir = opendir(work);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): one thread */
		if (entry->d_name[0] != '.')
			fail_msg("'%s' was left behind", entry->d_name);
	(void)closedir(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

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

static const char *name_of(const json_t *load)
{
	return json_string_value(json_object_get(load, "name"));
}

static bool is_solo(const json_t *load)
{
	return json_is_true(json_object_get(load, "solo"));
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
		hear_ready(&p);
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
		hear_ready(&p);
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

	hear_ready(&p);
	ask(&p, &request, a);
	if (a->reply.status < 0)
		fail_msg("%s: %.*s", load, (int)a->reply.payload, a->payload.why);
	assert_int_equal(a->reply.kind, PLAY_SOLO);
	assert_true(a->reply.ns >= duration_ns);
	assert_true(a->reply.ops >= 1);
	finish(&p, a);
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
	play_solo("mem-fill", "size=2M", 20000000, &a);
	assert_true(figure(&a, "reached") == 2 * 1048576.0);
	play_solo("fork-many", "n=3", 20000000, &a);
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
		struct player p = play(name_of(load), is_solo(load) ? "solo" : "batch", NULL);

		hear_ready(&p);
		assert_int_equal(end(&p), 0);
	}
}

/* SIGKILL lets no teardown run: partners end by themselves. */
static void partners_die_with_a_killed_player(void **state)
{
	static const char *const names[] = {"pingpong", "tcprr"};
	int status;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct player p = play(names[i], "batch", NULL);

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
	const struct play_request solo = {.magic = PLAY_MAGIC, .kind = PLAY_SOLO};
	struct player p = play("getppid", "latency", NULL);

	(void)state;
	hear_ready(&p);
	assert_int_equal(fd_write_all(p.to, &solo, sizeof(solo), NULL), 0);
	expect_failure(&p, "another mode");
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
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct player p = play(cases[i].load, cases[i].mode, cases[i].param);

		expect_failure(&p, cases[i].words);
	}
}

static void a_missing_work_folder_is_named(void **state)
{
	struct player p;

	(void)state;
	assert_int_equal(setenv("TARE_WORK", "/nowhere/at/all", 1), 0);
	p = play("create", "batch", NULL);
	assert_int_equal(setenv("TARE_WORK", work, 1), 0);
	expect_failure(&p, "/nowhere/at/all");
}

static void wrong_command_lines_exit_with_2_and_a_hint(void **state)
{
	static const struct {
		const char *args[6], *words;
	} cases[] = {
		{{"play", "getpid", "batch", NULL}, "did you mean 'getppid'?"},
		{{"play", "getppid", "batsh", NULL}, "did you mean 'batch'?"},
		{{"play", "pread", "batch", "sise=4K", NULL}, "did you mean 'size'?"},
		{{"play", "pread", "batch", "size=4K", "size=8K"}, "twice"},
		{{"play", "pread", "batch", "4K", NULL}, "NAME=VALUE"},
		{{"play", "cpu-burn", "batch", NULL}, "solo"},
		{{"play", "getppid", NULL}, "batch, latency or solo"},
		{{"descripe", NULL}, "did you mean 'describe'?"},
		{{"describe", "getpid", NULL}, "did you mean 'getppid'?"},
		{{NULL}, "--help"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[WORDS_MAX];
		struct player p = start(cases[i].args);

		read_words(p.err, words);
		if (!strstr(words, cases[i].words))
			fail_msg("'%s' lacks '%s'", words, cases[i].words);
		read_words(p.from, words);
		assert_string_equal(words, "");
		assert_int_equal(end(&p), 2);
	}
}

static void help_and_version_are_printed_on_stdout(void **state)
{
	char words[WORDS_MAX];
	struct player p = start((const char *const[]){"--help", NULL});

	(void)state;
	read_words(p.from, words);
	assert_non_null(strstr(words, "Usage: tare-load"));
	assert_int_equal(end(&p), 0);
	p = start((const char *const[]){"--version", NULL});
	read_words(p.from, words);
	assert_non_null(strstr(words, TARE_VERSION));
	assert_int_equal(end(&p), 0);
}

static void a_full_disk_fails_describe(void **state)
{
	char command[] = TARE_LOAD " describe >/dev/full 2>/dev/null";
	int status = system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe): fixed text */

	(void)state;
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void expect_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	assert_true(*text);
	assert_null(strchr(text, '\n'));
	assert_int_not_equal(text[strlen(text) - 1], '.');
}

static void loads_are_described_in_full_and_by_name(void **state)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *before = "", *call;
	const json_t *load, *per_op, *group;
	size_t i, k;

	(void)state;
	assert_true(json_array_size(loads) >= 17);
	json_array_foreach(loads, i, load)
	{
		const char *name = name_of(load);

		assert_int_equal(strspn(name, allowed), strlen(name));
		assert_true(strcmp(before, name) < 0);
		before = name;
		expect_text(load, "summary");
		expect_text(load, "op");
		assert_true(json_array_size(json_object_get(load, "groups")) > 0);
		json_array_foreach(json_object_get(load, "groups"), k, group) assert_non_null(
			strstr("syscall io sched net memory limits", json_string_value(group)));
		json_object_foreach(json_object_get(load, "syscalls"), call, per_op)
		{
			assert_string_not_equal(call, "readv");
			assert_string_not_equal(call, "writev");
			assert_true(json_integer_value(per_op) > 0);
		}
		assert_true(json_is_array(json_object_get(load, "params")));
		assert_true(json_is_object(json_object_get(load, "safety")));
		assert_true(json_is_boolean(json_object_get(load, "may_be_oom_killed")));
	}
}

static void declared_calls_follow_the_parameters(void **state)
{
	char words[WORDS_MAX];
	struct player p = start((const char *const[]){"describe", "io-stream", "rw=read", NULL});

	(void)state;
	read_words(p.from, words);
	assert_int_equal(end(&p), 0);
	assert_non_null(strstr(words, "\"syscalls\":{\"pread64\":1}"));
	p = start((const char *const[]){"describe", "clock", NULL});
	read_words(p.from, words);
	assert_int_equal(end(&p), 0);
	assert_non_null(strstr(words, "\"syscalls\":{}"));
}

static int read_loads(void **state)
{
	struct player p;
	json_t *described;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || !mkdtemp(work) ||
	    setenv("TARE_WORK", work, 1) < 0)
		return -1;
	p = start((const char *const[]){"describe", NULL});
	described = json_loadfd(p.from, 0, NULL);
	loads = json_incref(json_object_get(described, "loads"));
	json_decref(described);
	return end(&p) == 0 && loads ? 0 : -1;
}

static int forget_loads(void **state)
{
	(void)state;
	json_decref(loads);
	return rmdir(work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_are_described_in_full_and_by_name),
		cmocka_unit_test(declared_calls_follow_the_parameters),
		cmocka_unit_test(every_load_takes_turns_in_batch_mode),
		cmocka_unit_test(latency_mode_counts_each_operation_of_every_load),
		cmocka_unit_test(every_load_plays_solo_until_its_time_is_up),
		cmocka_unit_test(burners_tell_how_far_they_came),
		cmocka_unit_test(end_of_file_ends_every_player_at_once),
		cmocka_unit_test(partners_die_with_a_killed_player),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(a_turn_of_another_mode_is_refused),
		cmocka_unit_test(what_setup_cannot_do_is_told_with_its_reason),
		cmocka_unit_test(a_missing_work_folder_is_named),
		cmocka_unit_test(wrong_command_lines_exit_with_2_and_a_hint),
		cmocka_unit_test(help_and_version_are_printed_on_stdout),
		cmocka_unit_test(a_full_disk_fails_describe),
	};

	return cmocka_run_group_tests_name("play", tests, read_loads, forget_loads);
}
