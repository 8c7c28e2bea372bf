/* SPDX-License-Identifier: MIT */
/* Whether KVM is real is found out, remembered and told. */
#include "guest_scene.h"

#include "base/clock.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/qemu.h"

/* The kernel in the cache, whose boot under KVM is the question. */
static void ask_verdict(struct kvm_verdict *ret)
{
	const struct image_config config = {.cache_dir = scene_places.cache_dir,
					    .libexec_dir = scene_places.libexec_dir,
					    .journal = scene_places.journal};
	struct tare_err err = {0};
	struct image image;
	char path[512];

	scene_need(qemu_find(path, sizeof(path), &err), &err);
	scene_need(image_ensure(&config, &image, &err), &err);
	const struct kvm_verdict_key key = {.cache_dir = scene_places.cache_dir,
					    .qemu_path = path,
					    .guest_kernel = image.kernel_sha256};

	kvm_verdict_get(&key, ret);
	image_release(&image);
}

static void kvm_that_boots_no_guest_is_an_error_within_its_deadline(void **state)
{
	const struct limits little = {.cpus = 0.1};
	struct kvm_verdict verdict;
	struct tare_err err = {0};
	uint64_t begun;

	(void)state;
	scene_need(kvm_verdict_forget(scene_places.cache_dir, &err), &err);
	ask_verdict(&verdict);
	if (verdict.kind == KVM_VERDICT_REAL)
		skip();
	/* What is slow for want of CPU shows nothing. */
	assert_true(scene_try("{\"accel\": \"kvm\", \"patience\": \"1s\"}", &little, &err) < 0);
	ask_verdict(&verdict);
	assert_int_not_equal(verdict.kind, KVM_VERDICT_DOES_NOT_BOOT);
	err = (struct tare_err){0};
	begun = clock_now_ns();
	assert_int_equal(scene_try("{\"accel\": \"kvm\", \"patience\": \"3s\"}", NULL, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err.msg, "accel=tcg"));
	assert_true(clock_now_ns() - begun < 30 * NS_PER_S); /* nowhere near a hang */
	assert_int_equal(scene_qemu(), 0);
	ask_verdict(&verdict);
	if (verdict.kind == KVM_VERDICT_ABSENT)
		skip();
	assert_int_equal(verdict.kind, KVM_VERDICT_DOES_NOT_BOOT);
	/* It is known now: no QEMU, and the reason again. */
	err = (struct tare_err){0};
	assert_int_equal(scene_try("{\"accel\": \"kvm\", \"patience\": \"3s\"}", NULL, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err.msg, "does not boot"));
}

static void without_real_kvm_auto_falls_back_and_says_so(void **state)
{
	struct tare_err err = {0};
	struct kvm_verdict verdict;
	json_t *d;

	(void)state;
	ask_verdict(&verdict);
	if (verdict.kind == KVM_VERDICT_REAL)
		skip();
	d = scene_open("{\"boot\": \"restore\"}", NULL)->ops->describe(scene_open_one);
	assert_string_equal(json_string_or(d, "accel", ""), "tcg");
	assert_non_null(strstr(json_string_or(d, "warning", ""), "emulated, not virtualized"));
	assert_string_equal(json_string_or(d, "warning", ""), json_string_or(d, "accel_why", "?"));
	json_decref(d);
	scene_need(scene_close(&err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(kvm_that_boots_no_guest_is_an_error_within_its_deadline,
					  scene_end_test),
		cmocka_unit_test_teardown(without_real_kvm_auto_falls_back_and_says_so,
					  scene_end_test),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
