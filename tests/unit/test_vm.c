/* SPDX-License-Identifier: MIT */
/* Guests: boot, trials in turns, deaths, hangs, limits, and that nothing is left. */
#include "guest_scene.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "machine/vm/balloon.h"
#include "machine/vm/qemu.h"
#include "machine/vm/qmp.h"
#include "machine/vm/vm.h"

#define FAST_WITH_NET "{\"boot\": \"restore\", \"accel\": \"tcg\", \"guest-net\": \"tap\"}"

/* Every one of them is there, and none before the one that precedes it. */
static void check_order(const json_t *spans, const char *const *names, size_t n)
{
	uint64_t before = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t at = json_u64_or(spans, names[i], UINT64_MAX);

		if (at == UINT64_MAX || at < before)
			fail_msg("'%s' is missing or too early", names[i]);
		before = at;
	}
}

static void a_cold_boot_tells_its_spans_in_order(void **state)
{
	static const char *const names[] = {"qemu",  "accel",     "kernel", "userspace",
					    "hello", "power_off", "gone"};
	struct machine *machine = scene_open("{\"accel\": \"tcg\"}", NULL);
	json_t *d = machine->ops->describe(machine);
	const json_t *boot = json_object_get(d, "boot");
	struct tare_err err = {0};

	(void)state;
	assert_non_null(d);
	assert_string_equal(json_string_or(boot, "kind", ""), "cold");
	assert_string_equal(json_string_or(d, "accel", ""), "tcg");
	assert_string_not_equal(json_string_or(d, "accel_why", ""), "");
	assert_string_not_equal(json_string_or(d, "kernel", "?"), "?");
	check_order(json_object_get(boot, "spans"), names, 5);
	json_decref(d);
	scene_need(machine->ops->stop(machine, &err), &err);
	assert_int_equal(scene_qemu(), 0);
	assert_int_equal(scene_disks(), 0);
	d = machine->ops->describe(machine);
	check_order(json_object_get(json_object_get(d, "boot"), "spans"), names, 7);
	json_decref(d);
	scene_need(scene_close(&err), &err);
}

static void check_record(machine_player player, const char *load_sha256)
{
	struct machine *machine = scene_open_one;
	static const char *const spans[] = {"payload", "payload_exit"};
	struct tare_err err = {0};
	json_t *record, *clock, *idle;

	scene_need(machine->ops->finish(machine, player, &record, &err), &err);
	assert_string_equal(json_string_or(record, "status", ""), "ok");
	assert_string_equal(json_string_or(record, "sha256", ""), load_sha256);
	clock = json_object_get(json_object_get(record, "validity"), "clock");
	assert_true(json_u64_or(clock, "rtt_ns", 0) > 0);
	assert_true(json_is_number(json_object_get(clock, "drift_ppm")));
	check_order(json_object_get(record, "spans"), spans, 2);
	idle = json_object_get(json_object_get(record, "host_collectors"), "idle");
	assert_true(json_u64_or(idle, "wall_ns", 0) > 0);
	assert_true(json_is_integer(json_object_get(idle, "cpu_ns")));
	/* Without limits too: it has a group in which it is seen as a whole. */
	assert_true(json_u64_or(json_object_get(json_object_get(record, "host_collectors"),
						"footprint"),
				"pss", 0) > 0);
	json_decref(record);
}

static void players_take_turns_bare_and_in_a_container(void **state)
{
	static const char *const boxes[] = {"bare", "container"};
	struct machine *machine = scene_open(FAST, NULL);
	struct trial_slice slice = {0};
	struct tare_err err = {0};
	machine_player players[2];
	char sha256[DIGEST_SIZE];
	json_t *d = machine->ops->describe(machine);

	(void)state;
	assert_string_equal(json_string_or(json_object_get(d, "boot"), "kind", ""), "restored");
	json_decref(d);
	for (size_t i = 0; i < 2; i++)
		scene_need(scene_start(boxes[i], "getppid", TRIAL_BATCH, &players[i], &err), &err);
	for (size_t i = 0; i < 6; i++) {
		scene_need(scene_play(players[i % 2], 50, &slice, &err), &err);
		assert_int_equal(slice.ops, 50);
		assert_true(slice.ns > 0);
		assert_false(slice.ended);
	}
	scene_need(digest_file(scene_places.load_path, sha256, &err), &err);
	for (size_t i = 0; i < 2; i++)
		check_record(players[i], sha256);
	assert_int_equal(scene_play(players[0], 50, &slice, &err), -EINVAL);
	err.code = 0;
	scene_need(scene_close(&err), &err);
}

static void a_failure_inside_is_told_and_the_guest_goes_on(void **state)
{
	struct tare_err err = {0};
	machine_player player;

	(void)state;
	(void)scene_open(FAST, NULL);
	assert_true(scene_start("bare", "no-such-load", TRIAL_BATCH, &player, &err) < 0);
	assert_non_null(strstr(err.msg, "no-such-load"));
	err = (struct tare_err){0};
	scene_need(scene_start("bare", "getppid", TRIAL_BATCH, &player, &err), &err);
	scene_need(scene_open_one->ops->abort(scene_open_one, player, &err), &err);
	scene_need(scene_close(&err), &err);
}

static void a_guest_that_is_killed_says_so_and_leaves_nothing(void **state)
{
	struct trial_slice slice = {0};
	struct tare_err err = {0}, again = {0};
	machine_player player;
	pid_t qemu;

	(void)state;
	(void)scene_open(FAST, NULL);
	scene_need(scene_start("container", "getppid", TRIAL_BATCH, &player, &err), &err);
	qemu = scene_qemu();
	assert_true(qemu > 0);
	assert_int_equal(kill(qemu, SIGKILL), 0);
	assert_int_equal(scene_play(player, 50, &slice, &err), -EPIPE);
	assert_non_null(strstr(err.msg, "killed by signal 9"));
	assert_int_equal(scene_play(player, 50, &slice, &again), -EPIPE);
	assert_string_equal(again.msg, err.msg);
	err.code = 0;
	scene_need(scene_close(&err), &err);
	assert_int_equal(scene_qemu(), 0);
	assert_int_equal(scene_disks(), 0);
}

/* Threads of ours in other network namespaces than this one: who serves at other ends. */
static size_t far_ends(void)
{
	cleanup_dir DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	struct stat ours, theirs;
	size_t n = 0;

	assert_non_null(tasks);
	assert_int_equal(stat("/proc/self/ns/net", &ours), 0);
	while ((entry = readdir(tasks))) { /* NOLINT(concurrency-mt-unsafe): ours */
		char path[300];

		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/ns/net", entry->d_name);
		n += entry->d_name[0] != '.' && stat(path, &theirs) == 0 &&
		     theirs.st_ino != ours.st_ino;
	}
	return n;
}

static void a_network_is_told_and_goes_with_its_guest(void **state)
{
	const struct limits limits = {.net_rate = 20000000};
	struct machine *machine = scene_open(FAST_WITH_NET, &limits);
	json_t *d = machine->ops->describe(machine);
	const json_t *network = json_object_get(d, "network");
	struct tare_err err = {0};

	(void)state;
	assert_string_equal(json_string_or(network, "model", ""), "virtio-net-pci");
	assert_true(json_is_false(json_object_get(network, "vhost")));
	assert_int_equal(json_u64_or(json_object_get(d, "limits"), "net-rate", 0), 20000000);
	assert_int_equal(far_ends(), 1);
	json_decref(d);
	assert_int_equal(kill(scene_qemu(), SIGKILL), 0);
	scene_need(scene_close(&err), &err);
	assert_int_equal(far_ends(), 0);
	assert_int_equal(scene_qemu(), 0);
}

static void a_guest_that_hangs_ends_at_the_deadline(void **state)
{
	struct trial_slice slice = {0};
	struct tare_err err = {0};
	machine_player player;

	(void)state;
	(void)scene_open("{\"boot\": \"restore\", \"accel\": \"tcg\", \"silence\": \"5s\"}", NULL);
	scene_need(scene_start("bare", "getppid", TRIAL_BATCH, &player, &err), &err);
	assert_int_equal(kill(scene_qemu(), SIGSTOP), 0);
	assert_int_equal(scene_play(player, 50, &slice, &err), -ETIMEDOUT);
	assert_string_not_equal(err.msg, "");
	err.code = 0;
	scene_need(scene_close(&err), &err);
	assert_int_equal(scene_qemu(), 0);
	assert_int_equal(scene_disks(), 0);
}

/* The vCPU ran and waited no longer than there was time (less, where we ourselves had to wait for a
 * CPU), and QEMU's group used what all of its threads did. */
static void check_vcpus(const json_t *seen)
{
	const json_t *vcpus = json_object_get(seen, "vcpus"), *cpu = json_object_get(seen, "cpu");
	const json_t *turns = json_object_get(vcpus, "turns");
	double used = json_double_or(vcpus, "run_ns", 0) + json_double_or(vcpus, "others_ns", 0);

	assert_int_equal(json_u64_or(vcpus, "count", 0), 1);
	for (int i = 0; i < 2; i++) {
		const json_t *t = i ? turns : vcpus;
		double wall = json_double_or(t, "wall_ns", 0);
		double both = json_double_or(t, "run_ns", 0) + json_double_or(t, "wait_ns", 0);

		assert_true(json_double_or(t, "run_ns", 0) > 0);
		assert_true(both < 1.05 * wall);
	}
	assert_true(json_double_or(turns, "wall_ns", 0) >= 1e9);
	assert_true(json_double_or(turns, "wall_ns", 0) < json_double_or(vcpus, "wall_ns", 0));
	assert_true(used > 0.9 * 1000 * json_double_or(cpu, "usage_us", 0));
	assert_true(used < 1.1 * 1000 * json_double_or(cpu, "usage_us", 0));
}

static void half_a_cpu_is_seen_as_throttling_of_qemu(void **state)
{
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SOLO, .duration_ns = NS_PER_S};
	struct limits limits = {.cpus = 0.5};
	struct machine *machine = scene_open(FAST, &limits);
	struct trial_spec spec = {.env = "x",
				  .machine = "vm",
				  .box = "bare",
				  .load = "cpu-burn",
				  .mode = TRIAL_SOLO,
				  .sample_ns = 50 * NS_PER_MS};
	struct trial_slice slice = {0};
	struct tare_err err = {0};
	machine_player player;
	json_t *d = machine->ops->describe(machine), *record, *cpu, *seen;

	(void)state;
	assert_true(json_double_or(json_object_get(d, "limits"), "cpus", 0) == 0.5);
	json_decref(d);
	scene_need(machine->ops->start(machine, &spec, &player, &err), &err);
	scene_need(machine->ops->slice(machine, player, &request, &slice, &err), &err);
	scene_need(machine->ops->finish(machine, player, &record, &err), &err);
	seen = json_object_get(record, "host_collectors");
	cpu = json_object_get(seen, "cpu");
	/* On a busy machine others may leave it less than its quota. */
	assert_true(json_u64_or(cpu, "nr_throttled", 0) > 0 ||
		    json_double_or(cpu, "usage_us", 0) * 1000 <
			    0.5 * json_double_or(cpu, "wall_ns", 0));
	assert_true(json_u64_or(cpu, "usage_us", 0) > 0);
	/* Whole periods apart, the limit holds. */
	assert_true(json_double_or(cpu, "usage_us", 0) * 1000 <
		    0.5 * json_double_or(cpu, "wall_ns", 0) + 200e6);
	assert_true(json_array_size(
			    json_object_get(json_object_get(cpu, "series"), "throttled_us")) > 5);
	assert_true(json_u64_or(json_object_get(seen, "footprint"), "pss", 0) > 0);
	check_vcpus(seen);
	assert_true(json_u64_or(json_object_get(record, "stolen"), "wall_ns", 0) >= NS_PER_S);
	json_decref(record);
	scene_need(scene_close(&err), &err);
}

static void what_cannot_be_is_refused_with_a_way_out(void **state)
{
	static const struct {
		const char *options;
		struct limits limits;
		const char *words;
	} cases[] = {
		{"{}", {.memory_bytes = 64 << 20}, "vm+container"},
		{"{\"guest-memory\": \"64M\"}", {.pids = 0}, "vm+container"},
		{"{\"guest-memory\": \"256\"}", {.pids = 0}, "256"},
		{"{\"cpu\": \"a b\"}", {.pids = 0}, "no CPU model"},
		{"{\"cpu\": \"no-such\", \"accel\": \"tcg\"}", {.pids = 0}, "no-such"},
		{"{\"cpu\": \"host\", \"accel\": \"tcg\"}", {.pids = 0}, "needs KVM"},
		{"{\"cmdline+\": \"a panic=1\"}", {.pids = 0}, "'panic=1' is tare's own"},
		{"{\"patience\": \"3\"}", {.pids = 0}, "patience"},
		{"{\"pin\": \"yes\"}", {.pids = 0}, "on|off"},
		{"{\"hugepages\": \"2M\"}", {.pids = 0}, "on|off"},
		{"{\"kernel\": \"/etc/passwd\"}", {.pids = 0}, "neither a bzImage nor"},
		{"{}", {.pids = 10}, "vm+container"},
		{"{}", {.net_rate = 1000000}, "guest-net=tap"},
		{"{\"guest-net\": \"veth\"}", {.pids = 0}, "none|tap"},
		{"{\"guest-net\": \"tap\", \"kernel\": \"smoke\"}", {.pids = 0}, "guest-net="},
		{"{\"acel\": \"tcg\"}", {.pids = 0}, "did you mean 'accel'"},
		{"{\"accel\": \"xen\"}", {.pids = 0}, "auto|kvm|tcg"},
		{"{\"vcpus\": \"0\"}", {.pids = 0}, "vcpus"},
		{"{\"disk\": \"1M\"}", {.pids = 0}, "64M to 64G"},
		{"{\"disk-cache\": \"unsafe\", \"disk-aio\": \"native\"}",
		 {.pids = 0},
		 "disk-cache=none"},
		{"{\"disk-cache\": \"writeback\", \"accel\": \"tcg\"}",
		 {.devices = {{.path = "/work", .rate = {1 << 20}}}, .n_devices = 1},
		 "disk-cache=none"},
		{"{\"balloon\": \"on\"}", {.memory_bytes = 1 << 30}, "guest-memory=1024M"},
		{"{\"balloon\": \"on\", \"hugepages\": \"on\"}", {.pids = 0}, "small pages"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tare_err err = {0};

		assert_true(scene_try(cases[i].options, &cases[i].limits, &err) < 0);
		assert_non_null(strstr(err.msg, cases[i].words));
		assert_int_equal(scene_qemu(), 0);
	}
}

static void a_guest_has_the_cpus_of_its_cpuset_one_to_one(void **state)
{
	const struct limits both = {.cpuset = 3};
	struct tare_err err = {0};
	json_t *d, *pinning, *vcpus;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	d = scene_open(FAST, &both)->ops->describe(scene_open_one);
	pinning = json_object_get(d, "pinning");
	vcpus = json_object_get(pinning, "vcpus");
	assert_int_equal(json_u64_or(d, "vcpus", 0), 2);
	assert_string_equal(json_string_value(json_array_get(vcpus, 0)), "0");
	assert_string_equal(json_string_value(json_array_get(vcpus, 1)), "1");
	/* The cpuset holds for all of QEMU. */
	assert_non_null(strstr(json_string_or(pinning, "why", ""), "no other"));
	json_decref(d);
	scene_need(scene_close(&err), &err);
	/* On one CPU of two, QEMU's other threads have the other one. */
	d = scene_open(FAST, NULL)->ops->describe(scene_open_one);
	pinning = json_object_get(d, "pinning");
	assert_string_equal(json_string_value(json_array_get(json_object_get(pinning, "vcpus"), 0)),
			    "0");
	assert_null(strchr(json_string_or(pinning, "others", "0"), '0'));
	assert_null(json_object_get(pinning, "why"));
	json_decref(d);
	scene_need(scene_close(&err), &err);
}

/* It is read back as any limit; and a guest that gives nothing back is not waited for for ever. */
static void a_balloon_holds_the_guest_down_to_its_memory(void **state)
{
	const struct limits limits = {.memory_bytes = 160 << 20};
	struct machine *machine = scene_open(
		"{\"boot\": \"restore\", \"accel\": \"tcg\", \"balloon\": \"on\"}", &limits);
	struct qemu *qemu = &((struct vm *)machine)->boot.guest.qemu;
	json_t *d = machine->ops->describe(machine);
	struct tare_err err = {0};
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(json_u64_or(d, "memory_bytes", 0), 256 << 20);
	assert_int_equal(json_u64_or(json_object_get(d, "limits"), "memory", 0), 160 << 20);
	assert_int_equal(json_u64_or(json_object_get(d, "balloon"), "actual_bytes", 0), 160 << 20);
	json_decref(d);
	assert_int_equal(
		qmp_run(qemu->qmp, "stop", NULL, clock_now_ns() + 30 * NS_PER_S, NULL, NULL), 0);
	assert_int_equal(
		balloon_hold_down(qemu, 128 << 20, clock_now_ns() + NS_PER_S / 2, &bytes, &err),
		-ETIME);
	assert_non_null(strstr(err.msg, "until it has 128 MiB, and still has 160 MiB"));
	assert_int_equal(bytes, 160 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_balloon_holds_the_guest_down_to_its_memory,
					  scene_end_test),
		cmocka_unit_test_teardown(a_cold_boot_tells_its_spans_in_order, scene_end_test),
		cmocka_unit_test_teardown(players_take_turns_bare_and_in_a_container,
					  scene_end_test),
		cmocka_unit_test_teardown(a_failure_inside_is_told_and_the_guest_goes_on,
					  scene_end_test),
		cmocka_unit_test_teardown(a_guest_that_is_killed_says_so_and_leaves_nothing,
					  scene_end_test),
		cmocka_unit_test_teardown(a_network_is_told_and_goes_with_its_guest,
					  scene_end_test),
		cmocka_unit_test_teardown(a_guest_that_hangs_ends_at_the_deadline, scene_end_test),
		cmocka_unit_test_teardown(half_a_cpu_is_seen_as_throttling_of_qemu, scene_end_test),
		cmocka_unit_test_teardown(what_cannot_be_is_refused_with_a_way_out, scene_end_test),
		cmocka_unit_test_teardown(a_guest_has_the_cpus_of_its_cpuset_one_to_one,
					  scene_end_test),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
