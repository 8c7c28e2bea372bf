/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "limit/limit.h"

static void refuses(const char *flag, const char *text, const char *why)
{
	struct limits limits = {0}, before = {0};
	struct tare_err err = {0};

	assert_int_equal(limits_set(&limits, flag, text, &err), -EINVAL);
	if (!strstr(err.msg, why) || !strstr(err.msg, flag))
		fail_msg("--%s %s: '%s' has no '%s'", flag, text, err.msg, why);
	limits.n_devices = 0; /* a device's slot may have been begun */
	assert_memory_equal(&limits, &before, sizeof(limits));
}

static void what_is_possible_is_taken(void **state)
{
	struct limits limits = {0};

	(void)state;
	assert_false(limits_any(&limits));
	assert_int_equal(limits_set(&limits, "cpus", "0.5", NULL), 0);
	assert_int_equal(limits_set(&limits, "cpuset-cpus", "0", NULL), 0);
	assert_int_equal(limits_set(&limits, "memory", "64M", NULL), 0);
	assert_int_equal(limits_set(&limits, "pids-limit", "10", NULL), 0);
	assert_int_equal(limits_set(&limits, "device-read-bps", "/dev/vda:4M", NULL), 0);
	assert_int_equal(limits_set(&limits, "device-write-iops", "/dev/vda:100", NULL), 0);
	assert_int_equal(limits_set(&limits, "device-write-bps", "/a:b:1K", NULL), 0);
	assert_true(limits.cpus == 0.5);
	assert_int_equal(limits.cpuset, 1);
	assert_int_equal(limits.memory_bytes, 64 << 20);
	assert_int_equal(limits.pids, 10);
	assert_int_equal(limits.n_devices, 2);
	assert_int_equal(limits.devices[0].rate[LIMIT_READ_BPS], 4 << 20);
	assert_int_equal(limits.devices[0].rate[LIMIT_WRITE_IOPS], 100);
	assert_string_equal(limits.devices[1].path, "/a:b");
	assert_true(limits_any(&limits));
	assert_int_equal(limits_controllers(&limits),
			 CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUSET) |
				 CGROUP_BIT(CGROUP_MEMORY) | CGROUP_BIT(CGROUP_PIDS) |
				 CGROUP_BIT(CGROUP_IO));
}

static void what_is_impossible_is_refused_with_a_sentence(void **state)
{
	char many[32];

	(void)state;
	(void)snprintf(many, sizeof(many), "%ld.5", sysconf(_SC_NPROCESSORS_ONLN));
	refuses("cpus", many, "more than the");
	refuses("cpus", "0.009", "below 0.01");
	refuses("cpus", "0", "below 0.01");
	refuses("cpus", "-1", "no number");
	refuses("cpus", "nan", "no number");
	refuses("cpuset-cpus", "63", "not online");
	refuses("cpuset-cpus", "0-63", "not online");
	refuses("cpuset-cpus", "", "no list");
	refuses("memory", "64", "lacks a unit");
	refuses("memory", "1023K", "below 1M");
	refuses("memory", "0M", "below 1M");
	refuses("memory", "64X", "unknown unit");
	refuses("pids-limit", "0", "not within");
	refuses("pids-limit", "4194305", "not within");
	refuses("pids-limit", "ten", "no whole number");
	refuses("device-read-bps", "/dev/vda", "no PATH:RATE");
	refuses("device-read-bps", ":4M", "no PATH:RATE");
	refuses("device-read-bps", "vda:4M", "no PATH:RATE");
	refuses("device-read-bps", "/dev/vda:4", "lacks a unit");
	refuses("device-write-bps", "/dev/vda:0M", "a rate of 0");
	refuses("device-read-iops", "/dev/vda:0", "not within");
	refuses("device-write-iops", "/dev/vda:4294967295", "not within");
}

static void an_unknown_flag_gets_a_hint(void **state)
{
	struct limits limits = {0};
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(limits_set(&limits, "memry", "64M", &err), -EINVAL);
	assert_non_null(strstr(err.msg, "did you mean 'memory'?"));
}

static void a_ninth_device_is_refused(void **state)
{
	struct limits limits = {0};
	char text[32];

	(void)state;
	for (int i = 0; i < LIMIT_DEVICES; i++) {
		(void)snprintf(text, sizeof(text), "/dev/x%d:1M", i);
		assert_int_equal(limits_set(&limits, "device-read-bps", text, NULL), 0);
	}
	assert_int_equal(limits_set(&limits, "device-read-bps", "/dev/x8:1M", NULL), -EINVAL);
	assert_int_equal(limits_set(&limits, "device-write-bps", "/dev/x7:1M", NULL), 0);
}

static void every_option_of_the_table_is_understood(void **state)
{
	(void)state;
	for (const struct limit_option *o = limit_options; o->flag; o++) {
		struct limits limits = {0};
		struct tare_err err = {0};

		/* Fit for none of them, so that each says its own name. */
		assert_int_equal(limits_set(&limits, o->flag, "?", &err), -EINVAL);
		assert_null(strstr(err.msg, "there is no limit"));
		assert_non_null(strstr(err.msg, o->flag));
		assert_null(strchr(o->help, '\n'));
	}
}

static void json_goes_there_and_back(void **state)
{
	struct limits limits = {0}, again = {0}, none = {0};
	json_t *json, *second;

	(void)state;
	assert_int_equal(limits_set(&limits, "cpus", "0.75", NULL), 0);
	limits.cpuset = 0x2d; /* CPUs of another machine: a guest's */
	limits.memory_bytes = 67108864;
	limits.pids = 10;
	assert_int_equal(limits_set(&limits, "device-write-bps", "/dev/vda:1M", NULL), 0);
	assert_int_equal(limits_set(&limits, "device-read-iops", "/mnt:7", NULL), 0);
	assert_int_equal(limits_set(&limits, "device-write-bps", "/mnt:2M", NULL), 0);
	json = limits_to_json(&limits);
	assert_string_equal(json_string_value(json_object_get(json, "cpuset-cpus")), "0,2-3,5");
	assert_int_equal(limits_from_json(json, &again, NULL), 0);
	second = limits_to_json(&again);
	assert_true(json_equal(json, second));
	assert_int_equal(json_array_size(json_object_get(json, "device-write-bps")), 2);
	assert_true(again.cpus == 0.75);
	json_decref(json);
	json_decref(second);

	json = limits_to_json(&none);
	assert_int_equal(json_object_size(json), 0);
	assert_int_equal(limits_from_json(json, &again, NULL), 0);
	assert_false(limits_any(&again));
	json_decref(json);
}

static void hostile_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"[]",
		"{\"cpus\": \"1\"}",
		"{\"cpus\": 0}",
		"{\"cpus\": -1}",
		"{\"cpus\": 1e300}",
		"{\"cpuset-cpus\": 3}",
		"{\"cpuset-cpus\": \"64\"}",
		"{\"memory\": -1}",
		"{\"memory\": 0}",
		"{\"memory\": 1.5}",
		"{\"pids-limit\": \"many\"}",
		"{\"memry\": 67108864}",
		"{\"device-read-bps\": {}}",
		"{\"device-read-bps\": [1]}",
		"{\"device-read-bps\": [{\"path\": \"/x\"}]}",
		"{\"device-read-bps\": [{\"path\": \"x\", \"rate\": 1}]}",
		"{\"device-read-bps\": [{\"path\": \"/x\", \"rate\": 0}]}",
		"{\"device-read-bps\": [{\"path\": \"/x\", \"rate\": -1}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *json = json_loads(texts[i], 0, NULL);
		struct limits limits = {.pids = 3};
		struct tare_err err = {0};

		assert_non_null(json);
		if (limits_from_json(json, &limits, &err) != -EBADMSG)
			fail_msg("taken: %s", texts[i]);
		assert_true(err.msg[0]);
		assert_int_equal(limits.pids, 3);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_possible_is_taken),
		cmocka_unit_test(what_is_impossible_is_refused_with_a_sentence),
		cmocka_unit_test(an_unknown_flag_gets_a_hint),
		cmocka_unit_test(a_ninth_device_is_refused),
		cmocka_unit_test(every_option_of_the_table_is_understood),
		cmocka_unit_test(json_goes_there_and_back),
		cmocka_unit_test(hostile_json_is_refused),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
