/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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
	if (p.state == KVM_STATE_REAL) {
		assert_string_equal(p.why, "");
		assert_true(p.ns_per_iteration > 0);
	} else {
		assert_string_not_equal(p.why, "");
	}
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

static void what_a_boot_showed_is_remembered(void **state)
{
	char folder[] = "/tmp/tare-test-verdict-XXXXXX";
	struct kvm_verdict written = {.kind = KVM_VERDICT_BROKEN, .why = "no guest boots"};
	struct kvm_verdict read = {0};
	struct tare_err err = {0};

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(kvm_verdict_put(folder, "/bin/sh", &written, &err), 0);
	kvm_verdict_get(folder, "/bin/sh", &read);
	assert_int_equal(read.kind, KVM_VERDICT_BROKEN);
	assert_string_equal(read.why, "no guest boots");
	/* Another QEMU: another verdict, by the probe. */
	kvm_verdict_get(folder, "/bin/ls", &read);
	assert_string_not_equal(read.why, "no guest boots");
	assert_int_equal(fd_remove_tree(folder, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_ends_with_a_verdict_and_its_reason),
		cmocka_unit_test(a_probe_leaves_no_child),
		cmocka_unit_test(what_a_boot_showed_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
