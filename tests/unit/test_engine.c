/* SPDX-License-Identifier: MIT */
/* In which order the engine opens, starts, plays, finishes and closes, when all goes well and when
 * something does not. The machines here only write down what they are asked for. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/store.h"
#include "engine/validity.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";
static char run_dir[64];
/* What was asked, a letter each: o(pen) s(tart) p(lay) f(inish) a(bort) c(lose); capital: vm. */
static char asked[4096];
/* The first call of this letter fails with this. */
static char fails;
static int fails_with;
static volatile sig_atomic_t interrupted;
static unsigned int wrong_clocks; /* so many trials in the guest find its clock wrong */
#define DRIFT "the guest's clock drifts by 200 ppm from the host's"
static int interrupt_after;   /* so many slices; 0: never */
static unsigned int slice_ms; /* that each takes */
static unsigned int boots;
/* Of the campaign. */
static uint64_t live, budget_ns;
static double precision_pct;
static char delays[256]; /* that players were started with, "-" for none */

static int note(const struct machine_ops *ops, char letter, struct tare_err *err)
{
	char said = ops->is_guest ? (char)(letter - 'a' + 'A') : letter;
	size_t n = strlen(asked);

	assert_true(n + 1 < sizeof(asked));
	asked[n] = said;
	asked[n + 1] = '\0';
	if (letter == 'p' && interrupt_after && --interrupt_after == 0)
		interrupted = 2;
	if (said != fails)
		return 0;
	fails = 0;
	return err_set(err, -fails_with, "as the test wants it");
}

static int fake_start(struct machine *m, const struct trial_spec *spec, machine_player *ret,
		      struct tare_err *err)
{
	(void)snprintf(delays + strlen(delays), sizeof(delays) - strlen(delays), "%s ",
		       json_string_or(spec->params, "delay", "-"));
	*ret = 0;
	return note(m->ops, 's', err);
}

static int fake_slice(struct machine *m, machine_player player, const struct play_request *request,
		      struct trial_slice *ret, struct tare_err *err)
{
	(void)player;
	(void)usleep(slice_ms * 1000);
	*ret = (struct trial_slice){.ops = request->iters, .ns = request->iters * 1000};
	return note(m->ops, 'p', err);
}

static int fake_finish(struct machine *m, machine_player player, json_t **ret, struct tare_err *err)
{
	int r = note(m->ops, 'f', err);

	(void)player;
	if (r == 0)
		*ret = json_pack("{s:s, s:{}, s:b}", "status", "ok", "load", "superseded", 1);
	if (r == 0 && m->ops->is_guest && wrong_clocks && wrong_clocks--)
		(void)json_object_set_new(*ret, "validity",
					  json_pack("{s:{}, s:[s], s:s}", "clock", "disturbed",
						    DRIFT, "void", DRIFT));
	return r;
}

static int fake_abort(struct machine *m, machine_player player, struct tare_err *err)
{
	(void)player;
	return note(m->ops, 'a', err);
}

static json_t *fake_describe(struct machine *m)
{
	return json_pack("{s:s, s:o}", "machine", m->ops->name, "id",
			 json_sprintf("%s-%u", m->ops->name, boots));
}

static int fake_close(struct machine *m, struct tare_err *err)
{
	int r = note(m->ops, 'c', err);

	free(m);
	return r;
}

static int fake_open(const struct machine_ops *ops, struct machine **ret, struct tare_err *err)
{
	int r = note(ops, 'o', err);

	if (r < 0)
		return r;
	*ret = calloc(1, sizeof(**ret));
	(*ret)->ops = ops;
	return 0;
}

static int open_host(const struct machine_config *config, struct machine **ret,
		     struct tare_err *err);
static int open_vm(const struct machine_config *config, struct machine **ret, struct tare_err *err);

static const struct machine_ops host = {
	.name = "host",
	.open = open_host,
	.describe = fake_describe,
	.start = fake_start,
	.slice = fake_slice,
	.finish = fake_finish,
	.abort = fake_abort,
	.close = fake_close,
};
static const struct machine_ops vm = {
	.name = "vm",
	.is_guest = true,
	.open = open_vm,
	.describe = fake_describe,
	.start = fake_start,
	.slice = fake_slice,
	.finish = fake_finish,
	.abort = fake_abort,
	.close = fake_close,
};
const struct machine_ops *const machine_ops_table[] = {&host, &vm, NULL};

static int open_host(const struct machine_config *config, struct machine **ret,
		     struct tare_err *err)
{
	(void)config;
	return fake_open(&host, ret, err);
}

static int open_vm(const struct machine_config *config, struct machine **ret, struct tare_err *err)
{
	(void)config;
	boots++;
	return fake_open(&vm, ret, err);
}

static bool self_test; /* native is there again, and slowed down by 10 % */
static enum trial_mode mode = TRIAL_BATCH;

static struct engine_result carry_out(uint64_t rounds, bool resume, bool one_after_the_other)
{
	static const struct trial_place place = {.box = {.load_path = TARE_BINARY_DIR "/tare-load"},
						 .group_prefix = "tare-unit"};
	cleanup_json json_t *none = json_object(), *no_collectors = json_array();
	cleanup_json json_t *described =
		json_pack("{s:[{s:s, s:b}]}", "loads", "name", "getppid", "solo", 0);
	struct env_choice envs[] = {
		{"native", "host", "bare", none, none, "", 0},
		{"vm", "vm", "bare", none, none, "", 0},
		{"again", "host", "bare", none, none, "native", 0},
		{"slow", "host", "bare", none, none, "native", 10},
	};
	struct load_choice load = {"getppid", none};
	struct campaign_group group = {
		.name = "g",
		.envs = {envs, self_test ? 4 : 2},
		.loads = {&load, 1},
		.collectors = no_collectors,
		.mode = (int)mode,
		.rounds = rounds,
	};
	struct campaign campaign = {&group,
				    1,
				    .slice_ns = 1000,
				    .passes = 3,
				    .seed = 1,
				    .rounds_per_instance = live,
				    .time_budget_ns = budget_ns,
				    .precision_pct = precision_pct};
	const struct engine_config config = {
		.campaign = &campaign,
		.described = described,
		.place = &place,
		.libexec_dir = TARE_BINARY_DIR,
		.run_dir = run_dir,
		.resume = resume,
		.solo_turns = one_after_the_other,
		.conductor_cpu = -1,
		.players_cpu = -1,
		.interrupted = &interrupted,
	};
	struct engine_result result = {0};
	struct tare_err err = {0};

	(void)strcpy(campaign.baseline, "native");
	asked[0] = '\0';
	delays[0] = '\0';
	if (engine_run(&config, &result, &err) < 0)
		fail_msg("%s", err.msg);
	return result;
}

/* The letters of s that are in set. */
static const char *only(const char *s, const char *set)
{
	static char kept[sizeof(asked)];
	size_t n = 0;

	for (; *s; s++) {
		if (strchr(set, *s))
			kept[n++] = *s;
	}
	kept[n] = '\0';
	return kept;
}

static size_t count(const char *s, char letter)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == letter;
	return n;
}

static void all_players_are_up_before_the_first_pass_and_end_after_the_last(void **state)
{
	struct engine_result r = carry_out(1, false, false);
	const char *last_start = strrchr(asked, 's'), *last_guest_start = strrchr(asked, 'S');
	const char *begun = last_start > last_guest_start ? last_start : last_guest_start;

	(void)state;
	assert_int_equal(r.trials, 2);
	assert_string_equal(r.end, "complete");
	/* One slice calibrates each, three passes follow, in which both play once. */
	assert_int_equal(count(asked, 'p'), 4);
	assert_int_equal(count(asked, 'P'), 4);
	assert_int_equal(strcspn(begun, "fF"), strlen(only(begun, "sSpP")));
	for (const char *pass = strpbrk(begun, "pP") + 1; pass < strpbrk(begun, "fF"); pass += 2)
		assert_true(pass[0] != pass[1]);
	assert_int_equal(count(asked, 'f') + count(asked, 'F'), 2);
	assert_int_equal(count(asked, 'c') + count(asked, 'C'), 2);
}

static void machines_are_renewed_every_round(void **state)
{
	(void)carry_out(3, false, false);
	(void)state;
	assert_int_equal(count(asked, 'O'), 3);
	assert_string_equal(only(asked, "OC"), "OCOCOC");
}

/* A hypervisor that takes the CPU away voids a set, which is then played again: r.voided. */
static void a_guest_lives_as_many_rounds_as_asked(void **state)
{
	struct engine_result r;

	(void)state;
	live = 2;
	r = carry_out(5, false, false);
	assert_int_equal(r.trials - r.voided, 10);
	assert_string_equal(only(asked, "OC"), "OCOCOC");
	assert_string_equal(only(asked, "oc"), "ocococococ");
}

/* All slices take the same here: the interval is a point from the first on. */
static void precision_is_looked_at_after_ten_rounds(void **state)
{
	struct engine_result r;

	(void)state;
	precision_pct = 1;
	r = carry_out(100, false, false);
	assert_string_equal(r.end, "precision");
	assert_int_equal(r.trials - r.voided, 20);
}

static void precision_counts_guests_not_their_rounds(void **state)
{
	struct engine_result r;

	(void)state;
	precision_pct = 1;
	live = 3;
	r = carry_out(100, false, false);
	assert_string_equal(r.end, "precision");
	assert_int_equal(r.trials - r.voided, 2 * 10 * 3);
	assert_int_equal(count(asked, 'O'), 10);
}

/* A set of eight slices of 50 ms is begun, since nobody knows yet how long it takes, and never ends
 * within 100 ms. */
static void what_takes_too_long_is_given_up_at_the_deadline(void **state)
{
	struct engine_result r;

	(void)state;
	slice_ms = 50;
	budget_ns = 100 * NS_PER_MS;
	r = carry_out(3, false, false);
	assert_string_equal(r.end, "time budget");
	assert_int_equal(r.trials, 0);
	assert_true(count(asked, 'p') + count(asked, 'P') < 8);
	assert_int_equal(count(asked, 'a') + count(asked, 'A'),
			 count(asked, 's') + count(asked, 'S'));
	assert_int_equal(count(asked, 'o') + count(asked, 'O'),
			 count(asked, 'c') + count(asked, 'C'));
	slice_ms = 0;
	budget_ns = 0;
	r = carry_out(3, true, false);
	assert_string_equal(r.end, "complete");
	assert_int_equal(r.trials - r.voided, 6);
}

static void one_after_the_other_never_overlaps(void **state)
{
	const char *starts;

	(void)carry_out(1, false, true);
	(void)state;
	starts = only(asked, "sSfF");
	assert_true(strcmp(starts, "sfSF") == 0 || strcmp(starts, "SFsf") == 0);
}

static void a_failed_start_fails_its_trial_alone(void **state)
{
	struct engine_result r;

	(void)state;
	fails = 'S';
	fails_with = -EIO;
	r = carry_out(1, false, false);
	assert_int_equal(r.failed, 1);
	assert_int_equal(r.trials, 2);
	assert_int_equal(count(asked, 'f'), 1);
	assert_int_equal(count(asked, 'F') + count(asked, 'A') + count(asked, 'P'), 0);
	assert_int_equal(count(asked, 'C'), 1);
}

static void a_machine_that_is_not_to_be_had_is_unsupported(void **state)
{
	struct engine_result r;

	(void)state;
	fails = 'O';
	fails_with = -ENOTSUP;
	r = carry_out(1, false, false);
	assert_int_equal(r.unsupported, 1);
	assert_int_equal(count(asked, 'C'), 0);
	assert_int_equal(count(asked, 'f'), 1);
}

/* A guest that died is closed at once, asked nothing more, and replaced in the next round. */
static void a_dead_guest_is_replaced(void **state)
{
	struct engine_result r;

	(void)state;
	fails = 'P';
	fails_with = -EPIPE;
	r = carry_out(2, false, false);
	assert_int_equal(r.failed, 1);
	assert_int_equal(r.trials, 4);
	assert_string_equal(only(asked, "OPFAC"), "OPCOPPPPFC");
}

/* The fake operation takes 1000 ns. */
static int check_self_test(const json_t *record, size_t line, void *context)
{
	const json_t *trial = json_object_get(record, "trial");
	const json_t *told = json_object_get(record, "self_test");
	const char *env = json_string_or(trial, "env", "");
	size_t *n = context;

	(void)line;
	/* To the statistics its parameters are those of all. */
	assert_int_equal(json_object_size(json_object_get(trial, "params")), 0);
	if (strcmp(env, "native") == 0 || strcmp(env, "vm") == 0) {
		assert_null(told);
		return 0;
	}
	assert_string_equal(json_string_or(told, "of", ""), "native");
	assert_true(fabs(json_double_or(told, "delay_ns", -1) - (strcmp(env, "slow") ? 0 : 100)) <
		    1e-9);
	++*n;
	return 0;
}

static void a_known_slowdown_is_a_share_of_what_an_operation_takes(void **state)
{
	struct engine_result r;
	size_t n = 0;

	(void)state;
	self_test = true;
	r = carry_out(2, false, false);
	assert_int_equal(r.trials, 8);
	assert_int_equal(r.failed, 0);
	/* Once more to find out how long it takes, but not in the round after. */
	assert_int_equal(count(asked, 's'), 7);
	assert_int_equal(count(asked, 's') + count(asked, 'S'),
			 count(asked, 'f') + count(asked, 'F'));
	assert_int_equal(count(delays, 'n'), 2);
	assert_non_null(strstr(delays, "100.000ns "));
	assert_int_equal(store_each(run_dir, check_self_test, &n, NULL, NULL), 0);
	assert_int_equal(n, 4);
}

static void a_slowdown_of_what_cannot_be_timed_is_not_claimed(void **state)
{
	struct engine_result r;

	(void)state;
	self_test = true;
	fails = 's'; /* the first to start is the one that is to tell */
	fails_with = -ENOTSUP;
	r = carry_out(1, false, false);
	assert_int_equal(r.trials, 4);
	assert_int_equal(r.unsupported, 1);
	assert_int_equal(count(delays, 'n'), 0);
}

static void a_self_test_has_no_part_in_what_takes_no_turns(void **state)
{
	(void)state;
	self_test = true;
	mode = TRIAL_SOLO;
	assert_int_equal(carry_out(1, false, false).trials, 2);
}

static int count_void(const json_t *record, size_t line, void *context)
{
	size_t *n = context;
	const char *why = json_string_or(json_object_get(record, "validity"), "void", NULL);

	(void)line;
	n[0]++;
	n[1] += strcmp(json_string_or(record, "status", ""), "void") == 0;
	n[2] += why && strcmp(why, DRIFT) == 0;
	return 0;
}

/* The whole set is void, and is played again in a new guest. */
static void a_guest_whose_clock_strays_voids_its_set(void **state)
{
	struct engine_result r;
	size_t n[3] = {0};

	(void)state;
	wrong_clocks = 1;
	r = carry_out(1, false, false);
	assert_int_equal(r.voided, 2);
	assert_int_equal(r.trials, 4);
	assert_string_equal(r.end, "complete");
	assert_string_equal(only(asked, "OFC"), "OFCOFC");
	assert_int_equal(store_each(run_dir, count_void, n, NULL, NULL), 0);
	assert_int_equal(n[0], 4);
	assert_int_equal(n[1], 2);
	assert_int_equal(n[2], 1);
}

static const char *void_of(const char *collectors)
{
	static char why[128];
	cleanup_json json_t *validity = json_pack("{s:[]}", "disturbed");
	cleanup_json json_t *seen = json_loads(collectors, 0, NULL);

	assert_non_null(seen);
	validity_add_losses(validity, seen);
	(void)snprintf(why, sizeof(why), "%s", json_string_or(validity, "void", ""));
	assert_int_equal(json_array_size(json_object_get(validity, "disturbed")), why[0] != 0);
	return why;
}

static void losses_beyond_a_percent_void_a_trial(void **state)
{
	(void)state;
	assert_string_equal(void_of("{\"syscalls\": {\"calls\": {\"read\": {\"count\": 60},"
				    "\"write\": {\"count\": 38}}, \"lost\": {\"drops\": 1,"
				    "\"recursion_misses\": 1, \"in_flight\": 0}}}"),
			    "collector syscalls may have lost 2.0 % of what it follows");
	assert_string_equal(void_of("{\"syscalls\": {\"calls\": {\"read\": {\"count\": 99}},"
				    "\"lost\": {\"drops\": 1, \"in_flight\": 50}}}"),
			    "");
	assert_string_equal(void_of("{\"sched\": {\"switches\": 10, \"lost\":"
				    "{\"create_failed\": 1}}}"),
			    "collector sched may have lost 9.1 % of what it follows");
	assert_string_equal(void_of("{\"kvm\": {\"n_exits\": 50, \"n_user\": 40, \"emulated\": 6,"
				    "\"lost\": {\"no_room\": 4, \"in_flight\": 9}}}"),
			    "collector kvm may have lost 4.0 % of what it follows");
	/* A series' points are no events. */
	assert_string_equal(void_of("{\"cpu\": {\"lost\": {\"points\": 7}}}"), "");
	/* A guest's words may be anything. */
	assert_string_equal(void_of("{\"sched\": {\"switches\": \"x\", \"lost\": [1]}, \"a\": 3}"),
			    "");
}

static void a_guest_that_was_told_of_steal_says_so(void **state)
{
	cleanup_json json_t *validity = json_pack("{s:[]}", "disturbed");
	cleanup_json json_t *little = json_pack("{s:i, s:i}", "steal_us", 5, "wall_ns", 1000000);
	cleanup_json json_t *much = json_pack("{s:i, s:i}", "steal_us", 30, "wall_ns", 1000000);
	const json_t *said = json_object_get(validity, "disturbed");

	(void)state;
	validity_add_stolen(validity, NULL);
	validity_add_stolen(validity, little);
	assert_int_equal(json_array_size(said), 0);
	validity_add_stolen(validity, much);
	assert_string_equal(json_string_value(json_array_get(said, 0)),
			    "the guest's kernel was told of 3.0 % steal");
	assert_null(json_object_get(validity, "void"));
}

static void put_number(int dir_fd, const char *name, const char *number)
{
	cleanup_close int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, number, strlen(number)), strlen(number));
}

/* This machine may know neither. */
static void what_the_kernel_knows_of_a_cpus_speed_is_read(void **state)
{
	cleanup_close int cpu_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cpu_speed speed;

	(void)state;
	cpu_speed_read(-1, &speed);
	assert_false(speed.knows_khz || speed.knows_throttled);
	cpu_speed_read(cpu_fd, &speed);
	assert_false(speed.knows_khz || speed.knows_throttled);
	assert_int_equal(mkdirat(cpu_fd, "cpufreq", 0700), 0);
	assert_int_equal(mkdirat(cpu_fd, "thermal_throttle", 0700), 0);
	put_number(cpu_fd, "cpufreq/scaling_cur_freq", "2400000\n");
	put_number(cpu_fd, "thermal_throttle/core_throttle_count", "17\n");
	cpu_speed_read(cpu_fd, &speed);
	assert_true(speed.knows_khz && speed.knows_throttled);
	assert_int_equal(speed.khz, 2400000);
	assert_int_equal(speed.throttled, 17);
}

static void a_clock_that_never_holds_stays_marked(void **state)
{
	struct engine_result r;
	size_t n[3] = {0};

	(void)state;
	wrong_clocks = 100;
	r = carry_out(1, false, false);
	assert_int_equal(r.voided, 4);
	assert_int_equal(r.trials, 6);
	assert_int_equal(store_each(run_dir, count_void, n, NULL, NULL), 0);
	assert_int_equal(n[2], 3);
}

static void an_interrupt_ends_at_the_next_turn_and_resumes(void **state)
{
	struct engine_result r;
	struct store *store = NULL;

	(void)state;
	interrupt_after = 12; /* in the second round */
	r = carry_out(3, false, false);
	assert_string_equal(r.end, "interrupted");
	assert_int_equal(r.trials, 2);
	assert_int_equal(count(asked, 'a') + count(asked, 'A'), 2);
	assert_int_equal(count(asked, 'c') + count(asked, 'C'), 4);
	interrupted = 0;
	r = carry_out(3, true, false);
	assert_string_equal(r.end, "complete");
	assert_int_equal(r.trials, 4);
	assert_int_equal(store_open(run_dir, &store, NULL), 0);
	for (uint64_t round = 0; round < 3; round++)
		assert_int_equal(store_set_size(store, "g", round, "getppid"), 2);
	store_close(store);
}

static int fresh_folder(void **state)
{
	(void)state;
	fails = 0;
	interrupted = 0;
	interrupt_after = 0;
	wrong_clocks = 0;
	slice_ms = 0;
	live = 1;
	budget_ns = 0;
	precision_pct = 0;
	self_test = false;
	mode = TRIAL_BATCH;
	(void)strcpy(folder, "/tmp/tare-unit-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fresh_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(all_players_are_up_before_the_first_pass_and_end_after_the_last),
		IN_FOLDER(machines_are_renewed_every_round),
		IN_FOLDER(a_guest_lives_as_many_rounds_as_asked),
		IN_FOLDER(precision_is_looked_at_after_ten_rounds),
		IN_FOLDER(precision_counts_guests_not_their_rounds),
		IN_FOLDER(what_takes_too_long_is_given_up_at_the_deadline),
		IN_FOLDER(a_guest_that_was_told_of_steal_says_so),
		IN_FOLDER(what_the_kernel_knows_of_a_cpus_speed_is_read),
		IN_FOLDER(one_after_the_other_never_overlaps),
		IN_FOLDER(a_failed_start_fails_its_trial_alone),
		IN_FOLDER(a_machine_that_is_not_to_be_had_is_unsupported),
		IN_FOLDER(a_dead_guest_is_replaced),
		IN_FOLDER(a_known_slowdown_is_a_share_of_what_an_operation_takes),
		IN_FOLDER(a_slowdown_of_what_cannot_be_timed_is_not_claimed),
		IN_FOLDER(a_self_test_has_no_part_in_what_takes_no_turns),
		IN_FOLDER(a_guest_whose_clock_strays_voids_its_set),
		cmocka_unit_test(losses_beyond_a_percent_void_a_trial),
		IN_FOLDER(a_clock_that_never_holds_stays_marked),
		IN_FOLDER(an_interrupt_ends_at_the_next_turn_and_resumes),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
