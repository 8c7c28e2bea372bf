/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "campaign_scene.h"
#include "engine/campaign.h"

#define WHOLE                                                                                      \
	"slice: 250us\npasses: 20\nrounds-per-instance: 4\nseed: 7\nprecision: 0.5\ntime-budget: " \
	"2m\neffect: 2\n"                                                                          \
	"rootfs-mode: same\nbaseline: native\n"                                                    \
	"groups:\n"                                                                                \
	"  - name: turns\n"                                                                        \
	"    envs: [native, container]\n"                                                          \
	"    loads: ['@turns']\n"                                                                  \
	"    mode: batch\n"                                                                        \
	"    rounds: 8\n"                                                                          \
	"  - name: limits\n"                                                                       \
	"    envs:\n      - native\n      - 'x=container,seccomp=off'\n"                           \
	"    loads: cpu-burn\n"                                                                    \
	"    limits: {cpus: 0.5, memory: 64M, device-read-bps: ['/:1M', '/dev:2M']}\n"             \
	"    collectors: [syscalls]\n"                                                             \
	"    duration: 500ms\n"

static void a_file_says_all_of_a_campaign(void **state)
{
	struct campaign c = parsed(WHOLE);
	const struct campaign_group *limits = &c.groups[1];

	(void)state;
	assert_int_equal(c.slice_ns, 250 * NS_PER_US);
	assert_int_equal(c.passes, 20);
	assert_int_equal(c.rounds_per_instance, 4);
	assert_true(c.has_seed);
	assert_int_equal(c.seed, 7);
	assert_int_equal(c.time_budget_ns, 120 * NS_PER_S);
	assert_float_equal(c.precision_pct, 0.5, 1e-9);
	assert_float_equal(c.effect_pct, 2, 1e-9);
	assert_string_equal(c.baseline, "native");
	assert_int_equal(c.n_groups, 2);
	assert_int_equal(c.groups[0].loads.n, 3);
	assert_int_equal(c.groups[0].mode, TRIAL_BATCH);
	assert_int_equal(c.groups[0].sample_ns, 0);
	assert_int_equal(limits->mode, CAMPAIGN_MODE_BY_LOAD);
	assert_int_equal(campaign_mode(limits, described, "cpu-burn"), TRIAL_SOLO);
	assert_float_equal(limits->limits.cpus, 0.5, 1e-9);
	assert_int_equal(limits->limits.memory_bytes, 64 << 20);
	assert_int_equal(limits->limits.n_devices, 2);
	assert_int_equal(limits->solo_ns, 500 * NS_PER_MS);
	assert_true(limits->sample_ns > 0); /* limits are looked at as time series */
	assert_string_equal(limits->envs.items[1].label, "x");
	assert_int_equal(json_array_size(limits->collectors), 1);
	campaign_clear(&c);
}

static char *yaml_of(const struct campaign *campaign)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	struct tare_err err = {0};

	assert_non_null(to);
	assert_int_equal(campaign_to_yaml(campaign, to, &err), 0);
	(void)fclose(to);
	return text;
}

static void what_is_printed_is_the_campaign_again(void **state)
{
	struct campaign c = parsed(WHOLE), again;
	char *first = yaml_of(&c), *second;

	(void)state;
	again = parsed(first);
	second = yaml_of(&again);
	assert_string_equal(first, second);
	assert_int_equal(again.seed, 7);
	assert_int_equal(again.groups[1].limits.memory_bytes, 64 << 20);
	free(first);
	free(second);
	campaign_clear(&c);
	campaign_clear(&again);
}

static void a_manifest_gives_the_campaign_again(void **state)
{
	struct campaign c = parsed(WHOLE), again;
	cleanup_json json_t *object = campaign_to_json(&c), *envs = campaign_envs_to_json(&c);
	struct tare_err err = {0};
	char *first = yaml_of(&c), *second;

	(void)state;
	assert_int_equal(json_array_size(envs), 3);
	if (campaign_from_json(object, envs, described, &again, &err) < 0)
		fail_msg("%s", err.msg);
	/* The seed is the manifest's own. */
	again.seed = c.seed;
	again.has_seed = true;
	second = yaml_of(&again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	campaign_clear(&c);
	campaign_clear(&again);
}

static void a_manifest_without_its_environment_is_refused(void **state)
{
	struct campaign c = parsed(WHOLE), again;
	cleanup_json json_t *object = campaign_to_json(&c), *envs = json_array();
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(campaign_from_json(object, envs, described, &again, &err), -EBADMSG);
	assert_says(err, "'envs' lacks 'native'");
	campaign_clear(&c);
}

/* Each mistake, with the line and the column where it stands. */
static const struct {
	const char *text, *words;
} mistakes[] = {
	{"", "c.yaml: there is nothing in it"},
	{"groups: [", "c.yaml:2:1: no valid YAML: "},
	{"a: b: c", "c.yaml:1:5: no valid YAML: "},
	{"- a", "c.yaml:1:1: a campaign is to be 'key: value' pairs"},
	{"group: []", "c.yaml:1:1: unknown key 'group', did you mean 'groups'?"},
	{"slice: 500", "c.yaml:1:8: slice: '500' lacks a unit"},
	{"slice: 500us\nslice: 1ms", "c.yaml:2:1: 'slice' is given twice"},
	{"passes: many", "c.yaml:1:9: passes: 'many' is no whole number"},
	{"passes: [1]", "c.yaml:1:9: 'passes' is to be a single value"},
	{"slice: 1ms", "c.yaml:1:1: there are no groups"},
	{"groups:\n  - envs: native\n    load: getppid", "c.yaml:3:5: unknown key 'load', did you"},
	{"groups:\n  - envs: native\n    loads: [getppid, getpid]",
	 "c.yaml:3:22: no load 'getpid', did you mean 'getppid'?"},
	{"groups:\n  - envs: [native, natve]\n    loads: getppid",
	 "c.yaml:2:20: no environment 'natve', did you mean 'native'?"},
	{"groups:\n  - envs: native\n", "c.yaml:2:5: group 'group-1' has no loads"},
	{"groups:\n  - envs: native\n    loads: getppid\n    limits: {memry: 1M}",
	 "c.yaml:4:14: unknown key 'memry', did you mean 'memory'?"},
	{"groups:\n  - envs: native\n    loads: getppid\n    limits: {memory: 64}",
	 "c.yaml:4:22: "},
	{"groups:\n  - envs: native\n    loads: cpu-burn\n    mode: batch",
	 "c.yaml:2:5: group 'group-1': load 'cpu-burn' cannot take turns"},
	{"groups:\n  - envs: native\n    loads: getppid\n    mode: bacth", "c.yaml:4:11: "},
	{"groups:\n  - envs: [native, chroot]\n    loads: getppid\nbaseline: container",
	 "c.yaml:1:1: group 'group-1' lacks the baseline 'container'"},
	{"groups:\n  - {name: a, envs: a=native, loads: getppid}\n"
	 "  - {name: b, envs: a=chroot, loads: getppid}",
	 "'a' is another environment in group 'b' than in group 'a'"},
	{"groups:\n  - {name: a, envs: native, loads: getppid}\n"
	 "  - {name: a, envs: native, loads: getppid}",
	 "c.yaml:3:5: two groups are called 'a'"},
	{"groups:\n  - {name: a, envs: native, loads: getppid}\n---\nb: c",
	 "c.yaml:4:1: a second document begins"},
	{"slice: 2us\ngroups:\n  - {name: a, envs: native, loads: getppid}", "slice: 2 us is not"},
	{"slice: \"1\\0ms\"", "c.yaml:1:8: 'slice' holds a NUL character"},
	{"groups: &g\n  - *g", "c.yaml:"},
};

static void a_mistake_is_told_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct campaign c;
		struct tare_err err = {0};

		if (parse(mistakes[i].text, &c, &err) >= 0)
			fail_msg("taken: %s", mistakes[i].text);
		assert_true(err.code > 0);
		assert_says(err, mistakes[i].words);
	}
}

static void a_missing_file_is_named(void **state)
{
	struct campaign c;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(campaign_from_yaml("/nonexistent/c.yaml", described, &c, &err), -ENOENT);
	assert_says(err, "/nonexistent/c.yaml");
}

static void flags_make_one_group(void **state)
{
	char env_a[] = "a=native", env_b[] = "b=native", load[] = "getppid,pread";
	char *envs[] = {env_a, env_b, NULL}, *loads[] = {load, NULL};
	struct campaign_flags flags = {.envs = envs, .loads = loads, .rounds = 3, .passes = 5};
	struct campaign c;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_int_equal(c.n_groups, 1);
	assert_int_equal(c.groups[0].envs.n, 2);
	assert_int_equal(c.groups[0].loads.n, 2);
	assert_int_equal(c.groups[0].rounds, 3);
	assert_int_equal(c.passes, 5);
	assert_string_equal(c.baseline, "a");
	assert_int_equal(campaign_mode(&c.groups[0], described, "getppid"), TRIAL_BATCH);
	assert_true(campaign_takes_turns(&c.groups[0], described, "getppid"));
	campaign_clear(&c);
}

static void limits_make_every_load_solo(void **state)
{
	char env[] = "native", load[] = "getppid";
	char *envs[] = {env, NULL}, *loads[] = {load, NULL};
	struct campaign_flags flags = {.envs = envs, .loads = loads};
	struct campaign c;
	struct tare_err err = {0}, refused = {0};

	(void)state;
	assert_int_equal(limits_set(&flags.limits, "cpus", "0.5", &err), 0);
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_int_equal(campaign_mode(&c.groups[0], described, "getppid"), TRIAL_SOLO);
	assert_false(campaign_takes_turns(&c.groups[0], described, "getppid"));
	campaign_clear(&c);
	/* Each operation can be timed where nobody takes turns, too. */
	flags.has_mode = true;
	flags.mode = TRIAL_LATENCY;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_int_equal(campaign_mode(&c.groups[0], described, "getppid"), TRIAL_LATENCY);
	assert_false(campaign_takes_turns(&c.groups[0], described, "getppid"));
	c.groups[0].limits = (struct limits){0};
	assert_true(campaign_takes_turns(&c.groups[0], described, "getppid"));
	assert_false(campaign_takes_turns(&c.groups[0], described, "cpu-burn"));
	campaign_clear(&c);
	flags.mode = TRIAL_BATCH;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &refused), -EINVAL);
	assert_says(refused, "nothing takes turns");
}

static bool has_env(const struct campaign_group *group, const char *label)
{
	for (size_t i = 0; i < group->envs.n; i++)
		if (strcmp(group->envs.items[i].label, label) == 0)
			return true;
	return false;
}

static bool has_collector(const struct campaign_group *group, const char *name)
{
	json_t *each;
	size_t i;

	json_array_foreach(group->collectors, i, each)
	{
		if (strcmp(json_string_value(each), name) == 0)
			return true;
	}
	return false;
}

/* Solo trials have all controllers, so that cpu, memory and io tell of everything in them. */
static void the_default_campaign_looks_into_every_guest(void **state)
{
	static const char *const guests[] = {"vm", "vm+container"};
	const struct campaign_flags flags = {0};
	struct tare_err err = {0};
	json_t *loads = NULL;
	struct campaign c;

	(void)state;
	assert_int_equal(trial_describe_loads(TARE_BINARY_DIR "/tare-load", &loads, &err), 0);
	assert_int_equal(campaign_from_flags(&flags, loads, &c, &err), 0);
	for (size_t e = 0; e < sizeof(guests) / sizeof(guests[0]); e++) {
		bool syscalls = false, sched = false, solo = false;

		for (size_t i = 0; i < c.n_groups; i++) {
			const struct campaign_group *group = &c.groups[i];

			if (!has_env(group, guests[e]))
				continue;
			syscalls |= has_collector(group, "syscalls");
			sched |= has_collector(group, "sched");
			solo |= campaign_mode(group, loads, group->loads.items[0].name) ==
					TRIAL_SOLO &&
				!limits_any(&group->limits) && group->sample_ns > 0;
		}
		assert_true(syscalls);
		assert_true(sched);
		assert_true(solo);
	}
	campaign_clear(&c);
	json_decref(loads);
}

static void flags_and_a_file_are_not_mixed_up(void **state)
{
	char path[] = "/tmp/tare-unit-XXXXXX", env[] = "native";
	char *envs[] = {env, NULL};
	struct campaign_flags flags = {.file = path, .rounds = 2, .baseline = "native"};
	struct campaign c;
	struct tare_err err = {0}, label = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, WHOLE, strlen(WHOLE)), (ssize_t)strlen(WHOLE));
	(void)close(fd);
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_int_equal(c.groups[0].rounds, 2);
	campaign_clear(&c);
	flags.baseline = "nobody";
	assert_int_equal(campaign_from_flags(&flags, described, &c, &label), -EINVAL);
	assert_says(label, "no environment is called 'nobody'");
	flags.envs = envs;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), -EINVAL);
	assert_says(err, "says what to run already");
	(void)unlink(path);
}

/* Names of the groups and how many collectors each has: "run:3 run-none:0". */
static void assert_groups(const struct campaign *c, const char *want)
{
	char got[512] = "";

	for (size_t i = 0; i < c->n_groups; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s:%zu",
			       i ? " " : "", c->groups[i].name,
			       json_array_size(c->groups[i].collectors));
	assert_string_equal(got, want);
}

static void each_observer_is_weighed_alone_and_with_the_others(void **state)
{
	char several[] = "syscalls,counters=page-faults", single[] = "sched";
	char *collectors[] = {several, NULL}, *one[] = {single, NULL};
	struct campaign_flags flags = {.observer = true, .collectors = collectors};
	struct campaign c;
	struct tare_err err = {0}, none = {0};

	(void)state;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_groups(&c, "run:2 run-none:0 run-syscalls:1 run-counters:1");
	assert_string_equal(json_string_value(json_array_get(c.groups[3].collectors, 0)),
			    "counters=page-faults");
	for (size_t i = 1; i < c.n_groups; i++) {
		assert_int_equal(c.groups[i].rounds, c.groups[0].rounds);
		assert_int_equal(c.groups[i].envs.n, c.groups[0].envs.n);
		assert_int_equal(c.groups[i].loads.n, c.groups[0].loads.n);
	}
	campaign_clear(&c);
	flags.collectors = one;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_groups(&c, "run:1 run-none:0");
	campaign_clear(&c);
	flags.collectors = NULL;
	flags.has_mode = true;
	flags.mode = TRIAL_BATCH;
	assert_int_equal(campaign_from_flags(&flags, described, &c, &none), -EINVAL);
	assert_says(none, "no group has collectors to be weighed");
}

static void a_file_asks_for_the_observers_too(void **state)
{
	char path[] = "/tmp/tare-campaign-XXXXXX";
	struct campaign_flags flags = {.file = path};
	struct campaign c;
	struct tare_err err = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_true(dprintf(fd, "observer: yes\n" WHOLE) > 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	/* Where nobody watches there is nothing to weigh. */
	assert_groups(&c, "turns:0 limits:1 limits-none:0");
	campaign_clear(&c);
	(void)unlink(path);
}

static void assert_labels(const struct campaign_group *group, const char *want)
{
	char got[512] = "";

	for (size_t i = 0; i < group->envs.n; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			       group->envs.items[i].label);
	assert_string_equal(got, want);
}

#define TESTED "native container native:again native:plus-2 native:plus-6 container:again"

static void a_self_test_adds_what_is_known_where_figures_are_central(void **state)
{
	char path[] = "/tmp/tare-campaign-XXXXXX";
	struct campaign_flags flags = {.file = path, .self_test = true};
	struct campaign c, again;
	struct tare_err err = {0};
	int fd = mkstemp(path);
	char *first, *second;

	(void)state;
	assert_true(fd >= 0);
	assert_true(dprintf(fd, WHOLE) > 0);
	assert_int_equal(campaign_from_flags(&flags, described, &c, &err), 0);
	assert_labels(&c.groups[0], TESTED);
	assert_string_equal(c.groups[0].envs.items[3].twin_of, "native");
	assert_float_equal(c.groups[0].envs.items[4].slowdown_pct, 6, 1e-9);
	/* A group with collectors and limits gives none. */
	assert_labels(&c.groups[1], "native x");
	/* In the manifest all are there, in a file there is the wish. */
	cleanup_json json_t *object = campaign_to_json(&c), *envs = campaign_envs_to_json(&c);
	assert_int_equal(campaign_from_json(object, envs, described, &again, &err), 0);
	assert_labels(&again.groups[0], TESTED);
	assert_float_equal(again.groups[0].envs.items[4].slowdown_pct, 6, 1e-9);
	campaign_clear(&again);
	first = yaml_of(&c);
	assert_null(strstr(first, "again"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_true(pwrite(fd, first, strlen(first), 0) > 0);
	flags.self_test = false;
	assert_int_equal(campaign_from_flags(&flags, described, &again, &err), 0);
	assert_labels(&again.groups[0], TESTED);
	second = yaml_of(&again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	campaign_clear(&c);
	campaign_clear(&again);
	(void)close(fd);
	(void)unlink(path);
}

static void what_cannot_be_tried_on_what_is_known_is_refused(void **state)
{
	static const struct {
		char env[100], load[40];
		const char *words;
	} cases[] = {
		{"native", "cpu-burn", "no group gives central figures"},
		{"native", "getppid,delay=2ns", "has a delay of its own"},
		{"a-label-that-leaves-no-room-for-more-than-what-is-in-it-already=native",
		 "getppid", "its label is too long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char env[100], load[40];
		char *envs[] = {env, NULL}, *loads[] = {load, NULL};
		struct campaign_flags flags = {.envs = envs, .loads = loads, .self_test = true};
		struct campaign c;
		struct tare_err err = {0};

		(void)strcpy(env, cases[i].env);
		(void)strcpy(load, cases[i].load);
		assert_int_not_equal(campaign_from_flags(&flags, described, &c, &err), 0);
		assert_says(err, cases[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_says_all_of_a_campaign),
		cmocka_unit_test(what_is_printed_is_the_campaign_again),
		cmocka_unit_test(a_manifest_gives_the_campaign_again),
		cmocka_unit_test(a_manifest_without_its_environment_is_refused),
		cmocka_unit_test(a_mistake_is_told_with_its_place),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(flags_make_one_group),
		cmocka_unit_test(limits_make_every_load_solo),
		cmocka_unit_test(the_default_campaign_looks_into_every_guest),
		cmocka_unit_test(flags_and_a_file_are_not_mixed_up),
		cmocka_unit_test(each_observer_is_weighed_alone_and_with_the_others),
		cmocka_unit_test(a_file_asks_for_the_observers_too),
		cmocka_unit_test(a_self_test_adds_what_is_known_where_figures_are_central),
		cmocka_unit_test(what_cannot_be_tried_on_what_is_known_is_refused),
	};

	return cmocka_run_group_tests(tests, describe_set_up, describe_tear_down);
}
