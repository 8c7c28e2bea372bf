/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "machine/vm/kvm_probe.h"
#include "machine/vm/kvm_verdict.h"

static void a_probe_ends_with_a_verdict_and_its_reason(void **state)
{
	struct kvm_probe p = {.state = (enum kvm_state)99};

	(void)state;
	(void)alarm(60); /* a probe that hangs is a failure */
	kvm_probe(&p);
	(void)alarm(0);
	assert_in_range(p.state, KVM_STATE_REAL, KVM_STATE_ABSENT);
	assert_string_not_equal(p.why, "");
	if (p.state == KVM_STATE_REAL)
		assert_true(p.ns_per_iteration > 0);
	if (p.state == KVM_STATE_EMULATING)
		assert_true(p.ns_per_iteration > 100);
}

static void a_probe_leaves_no_child(void **state)
{
	struct kvm_probe p;

	(void)state;
	kvm_probe(&p);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static char *make_cache(void)
{
	static char folder[40];

	(void)snprintf(folder, sizeof(folder), "/tmp/tare-test-verdict-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return folder;
}

static struct kvm_verdict_key key_of(const char *cache, const char *qemu, const char *kernel)
{
	return (struct kvm_verdict_key){
		.cache_dir = cache, .qemu_path = qemu, .guest_kernel = kernel};
}

static void what_a_boot_showed_is_remembered_for_its_kernel_and_qemu(void **state)
{
	const char *cache = make_cache();
	const struct kvm_verdict_key one = key_of(cache, "/bin/sh", "aa"),
				     others[] = {key_of(cache, "/bin/sh", "bb"),
						 key_of(cache, "/bin/ls", "aa"),
						 key_of(cache, "/bin/sh", NULL)};
	struct kvm_verdict verdict, read;

	(void)state;
	kvm_verdict_get(&one, &verdict);
	assert_int_not_equal(verdict.kind, KVM_VERDICT_DOES_NOT_BOOT);
	assert_true(kvm_verdict_learn(&one, -EPIPE, "it panicked", 5, &verdict));
	kvm_verdict_get(&one, &read);
	assert_int_equal(read.kind, KVM_VERDICT_DOES_NOT_BOOT);
	assert_string_equal(read.why, "it panicked");
	assert_false(read.booted);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		kvm_verdict_get(&others[i], &read);
		assert_int_not_equal(read.kind, KVM_VERDICT_DOES_NOT_BOOT);
		assert_string_not_equal(read.why, "");
	}
	assert_int_equal(kvm_verdict_forget(cache, NULL), 0);
	kvm_verdict_get(&one, &read);
	assert_int_not_equal(read.kind, KVM_VERDICT_DOES_NOT_BOOT);
	assert_int_equal(fd_remove_tree(cache, NULL), 0);
}

static void only_the_guest_s_own_failures_count(void **state)
{
	static const int guests[] = {EPIPE, ETIMEDOUT, EBADMSG};
	static const int hosts[] = {ENOSPC, ENOENT, EIO, ENOMEM, EACCES, ENOTSUP, EMFILE};
	const char *cache = make_cache();
	const struct kvm_verdict_key key = key_of(cache, "/bin/sh", "aa");
	struct kvm_verdict verdict, read;

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		kvm_verdict_get(&key, &verdict);
		assert_false(kvm_verdict_learn(&key, -hosts[i], "x", 5, &verdict));
		kvm_verdict_get(&key, &read);
		assert_int_not_equal(read.kind, KVM_VERDICT_DOES_NOT_BOOT);
	}
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		assert_true(kvm_verdict_learn(&key, -guests[i], "x", 5, &verdict));
		kvm_verdict_get(&key, &read);
		assert_int_equal(read.kind, KVM_VERDICT_DOES_NOT_BOOT);
		assert_int_equal(kvm_verdict_forget(cache, NULL), 0);
	}
	kvm_verdict_get(&key, &verdict);
	assert_true(kvm_verdict_learn(&key, 0, "", 5, &verdict));
	kvm_verdict_get(&key, &read);
	assert_true(read.booted);
	assert_int_equal(read.kind, verdict.kind);
	assert_int_equal(fd_remove_tree(cache, NULL), 0);
}

/* Silence is proof for who waits no longer; a panic for all. */
static void who_waits_longer_tries_again(void **state)
{
	const struct kvm_verdict silent = {.kind = KVM_VERDICT_DOES_NOT_BOOT, .waited_ns = 100};
	const struct kvm_verdict died = {.kind = KVM_VERDICT_DOES_NOT_BOOT};
	const struct kvm_verdict emulating = {.kind = KVM_VERDICT_EMULATING};

	(void)state;
	assert_true(kvm_verdict_is_final(&silent, 100));
	assert_false(kvm_verdict_is_final(&silent, 101));
	assert_true(kvm_verdict_is_final(&died, 101));
	assert_false(kvm_verdict_is_final(&emulating, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_ends_with_a_verdict_and_its_reason),
		cmocka_unit_test(a_probe_leaves_no_child),
		cmocka_unit_test(what_a_boot_showed_is_remembered_for_its_kernel_and_qemu),
		cmocka_unit_test(only_the_guest_s_own_failures_count),
		cmocka_unit_test(who_waits_longer_tries_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
