/* SPDX-License-Identifier: MIT */
/* The guest without Linux, through the machine interface, by TCG and by any KVM there is. */
#include "guest_scene.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "base/fd.h"

#define EVENTS "/sys/kernel/tracing/events/kvm/"

/* Counts an event of ours and of all children from now on; -1: it cannot be had here. */
static int count_event(const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .inherit = 1};
	char path[128], id[24];

	(void)snprintf(path, sizeof(path), EVENTS "%s/id", name);
	if (fd_read_file_quiet(AT_FDCWD, path, id, sizeof(id)) < 0)
		return -1;
	attr.config = strtoull(id, NULL, 10);
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void check_count(const char *name, int fd)
{
	uint64_t count = 0;

	if (fd < 0) {
		print_message("%s cannot be counted here\n", name);
		return;
	}
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	(void)close(fd);
	print_message("%s: %llu\n", name, (unsigned long long)count);
	assert_true(count > 100);
}

static void live_and_end(const char *accel)
{
	char options[96];
	struct tare_err err = {0};
	machine_player player;
	json_t *d, *spans;

	(void)snprintf(options, sizeof(options), "{\"accel\": \"%s\", \"kernel\": \"smoke\"}",
		       accel);
	d = scene_open(options, NULL)->ops->describe(scene_open_one);
	spans = json_object_get(json_object_get(d, "boot"), "spans");
	assert_string_equal(json_string_or(d, "kernel", ""), "tare-smoke");
	assert_string_equal(json_string_or(d, "accel", ""), accel);
	assert_int_equal(strlen(json_string_or(d, "kernel_sha256", "")), 64);
	assert_true(json_u64_or(spans, "hello", 0) > json_u64_or(spans, "accel", 0));
	assert_true(json_u64_or(spans, "kernel", 0) > 0);
	assert_null(json_object_get(spans, "userspace"));
	json_decref(d);
	/* It says no, and lives on. */
	for (int i = 0; i < 2; i++) {
		err = (struct tare_err){0};
		assert_int_equal(scene_start("bare", "getppid", TRIAL_BATCH, &player, &err),
				 -EOPNOTSUPP);
		assert_non_null(strstr(err.msg, "plays the load vmexit alone"));
	}
	err = (struct tare_err){0};
	scene_need(scene_close(&err), &err);
	assert_int_equal(scene_qemu(), 0);
}

static void it_lives_and_ends_by_tcg(void **state)
{
	(void)state;
	live_and_end("tcg");
}

static void it_lives_and_ends_by_kvm_whose_exits_are_counted(void **state)
{
	int exits = count_event("kvm_userspace_exit"), pio = count_event("kvm_pio");

	(void)state;
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		skip();
	live_and_end("kvm");
	/* A hello, two refusals and a goodbye: each byte is an OUT, and most are an exit to QEMU.
	 */
	check_count("kvm_userspace_exit", exits);
	check_count("kvm_pio", pio);
}

/* Its nanoseconds are more than 32 bits hold. */
static void a_turn_of_its_own_is_as_long_as_is_asked(void **state)
{
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SOLO, .duration_ns = UINT32_MAX + 1ULL};
	struct machine *machine = scene_open("{\"kernel\": \"smoke\", \"accel\": \"tcg\"}", NULL);
	struct trial_slice slice = {0};
	struct tare_err err = {0};
	machine_player player;

	(void)state;
	scene_need(scene_start("bare", "vmexit", TRIAL_SOLO, &player, &err), &err);
	scene_need(machine->ops->slice(machine, player, &request, &slice, &err), &err);
	assert_true(slice.ns >= request.duration_ns);
	scene_need(scene_close(&err), &err);
}

static void it_offers_no_more_than_it_has(void **state)
{
	static const char *const cases[] = {
		"{\"kernel\": \"smoke\", \"boot\": \"restore\"}",
		"{\"kernel\": \"smoke\", \"image\": \"x\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tare_err err = {0};

		assert_int_equal(scene_try(cases[i], NULL, &err), -ENOTSUP);
		assert_non_null(strstr(err.msg, "kernel=smoke"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(it_lives_and_ends_by_tcg, scene_end_test),
		cmocka_unit_test_teardown(it_lives_and_ends_by_kvm_whose_exits_are_counted,
					  scene_end_test),
		cmocka_unit_test_teardown(a_turn_of_its_own_is_as_long_as_is_asked, scene_end_test),
		cmocka_unit_test_teardown(it_offers_no_more_than_it_has, scene_end_test),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
