/* SPDX-License-Identifier: MIT */
/* Guests: QEMU, KVM that is more than a device file, an image, and (deep) a boot. */

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "kernel/journal.h"
#include "machine/machine.h"
#include "machine/vm/image.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/qemu.h"

#define UNDER_TCG "guests run under TCG, whose timing says nothing of KVM"

static int open_guest(struct doctor *doctor, const struct machine_ops *ops, const char *accel,
		      struct machine **ret, struct tare_err *err)
{
	cleanup_json json_t *options = json_pack("{s:s*}", "accel", accel);
	char name[96];
	struct machine_config config = {
		.place = &doctor->places->trial,
		.options = options,
		.name = name,
		.journal = doctor->places->journal,
		.cache_dir = doctor->places->cache_dir,
		.libexec_dir = doctor->places->libexec_dir,
	};

	(void)snprintf(name, sizeof(name), "tare-%s-doctor", journal_name(doctor->places->journal));
	return ops->open(&config, ret, err);
}

static void close_guest(struct doctor *doctor, const struct machine_ops *ops,
			struct machine *machine)
{
	struct tare_err why = {0};

	if (ops->close(machine, &why) < 0)
		doctor_say(doctor, DOCTOR_DEGRADED, "shutdown", "tare clean", "%s", why.msg);
}

static void check_loop(struct doctor *doctor, const struct kvm_verdict *verdict)
{
	switch (verdict->kind) {
	case KVM_VERDICT_REAL:
		doctor_say(doctor, DOCTOR_OK, "kvm", NULL, "%s", verdict->why);
		break;
	case KVM_VERDICT_ABSENT:
		doctor_say(doctor, DOCTOR_DEGRADED, "kvm", "modprobe kvm_intel || modprobe kvm_amd",
			   "%s: " UNDER_TCG, verdict->why);
		break;
	case KVM_VERDICT_EMULATING:
	case KVM_VERDICT_DOES_NOT_BOOT:
		doctor_say(doctor, DOCTOR_DEGRADED, "kvm", "use a machine with hardware KVM",
			   "%s: " UNDER_TCG, verdict->why);
		break;
	}
}

static void say_booted(struct doctor *doctor, const char *kernel, const struct kvm_verdict *verdict)
{
	if (verdict->booted)
		doctor_say(doctor, DOCTOR_OK, "kvm boot", NULL, "%s has booted under KVM%s", kernel,
			   verdict->kind == KVM_VERDICT_REAL ? "" : ", which is not real");
	else if (verdict->kind == KVM_VERDICT_DOES_NOT_BOOT)
		doctor_say(doctor, DOCTOR_DEGRADED, "kvm boot", "tare doctor --reprobe vm",
			   "%s does not boot under KVM: %s", kernel, verdict->why);
}

/* What boots have shown of the kernels that are at hand. */
static void check_boots(struct doctor *doctor, struct kvm_verdict_key key)
{
	cleanup_json json_t *all = NULL;
	const json_t *kernel;
	size_t i;

	if (image_list(key.cache_dir, &all, NULL) < 0)
		return;
	json_array_foreach(json_object_get(all, "kernels"), i, kernel)
	{
		struct kvm_verdict verdict;

		key.guest_kernel = json_string_or(kernel, "sha256", "");
		kvm_verdict_get(&key, &verdict);
		say_booted(doctor, json_string_or(kernel, "name", "?"), &verdict);
	}
}

static void check_kvm(struct doctor *doctor, const char *qemu, const struct machine_ops *ops)
{
	struct kvm_verdict_key key = {.cache_dir = doctor->places->cache_dir, .qemu_path = qemu};
	struct kvm_verdict verdict;
	struct tare_err why = {0};

	if (doctor->reprobe && kvm_verdict_forget(key.cache_dir, &why) < 0)
		doctor_say(doctor, DOCTOR_DEGRADED, "reprobe", NULL, "%s", why.msg);
	kvm_verdict_get(&key, &verdict);
	check_loop(doctor, &verdict);
	if (doctor->reprobe && doctor->root && verdict.kind != KVM_VERDICT_ABSENT) {
		struct machine *machine;

		/* It writes down what it finds, and check_boots reads that. */
		if (open_guest(doctor, ops, "kvm", &machine, &why) == 0)
			close_guest(doctor, ops, machine);
		else if (why.code != ENOTSUP)
			doctor_say(doctor, DOCTOR_BLOCKED, "kvm boot", NULL, "%s", why.msg);
	}
	check_boots(doctor, key);
}

static void check_image(struct doctor *doctor)
{
	cleanup_json json_t *all = NULL;
	struct tare_err why = {0};
	size_t n;

	if (image_list(doctor->places->cache_dir, &all, &why) < 0) {
		doctor_say(doctor, DOCTOR_DEGRADED, "image", "tare image build", "%s", why.msg);
		return;
	}
	n = json_array_size(json_object_get(all, "images"));
	if (n == 0)
		doctor_say(doctor, DOCTOR_DEGRADED, "image", "tare image build",
			   "none is there yet: the first guest makes one");
	else
		doctor_say(doctor, DOCTOR_OK, "image", NULL, "%zu in the cache", n);
}

void doctor_boot(struct doctor *doctor, const char *machine_name, const char *accel)
{
	const struct machine_ops *ops;
	struct tare_err why = {0};
	struct machine *machine;
	uint64_t begun = clock_now_ns();
	cleanup_json json_t *described = NULL;

	if (machine_find(machine_name, &ops, NULL) < 0)
		return;
	if (open_guest(doctor, ops, accel, &machine, &why) < 0) {
		doctor_say(doctor, DOCTOR_BLOCKED, "boot", NULL, "%s", why.msg);
		return;
	}
	described = ops->describe(machine);
	doctor_say(doctor, DOCTOR_OK, "boot", NULL, "kernel %s under %s answered after %.1f s",
		   json_string_or(described, "kernel", "?"),
		   json_string_or(described, "accel", "?"),
		   (double)(clock_now_ns() - begun) / NS_PER_S);
	close_guest(doctor, ops, machine);
}

void doctor_vm(struct doctor *doctor)
{
	const struct machine_ops *ops;
	struct tare_err why = {0};
	char qemu[256];

	if (machine_find("vm", &ops, &why) < 0 || qemu_find(qemu, sizeof(qemu), &why) < 0) {
		doctor_say(doctor, DOCTOR_BLOCKED, "qemu", "apt install qemu-system-x86", "%s",
			   why.msg);
		return;
	}
	doctor_say(doctor, DOCTOR_OK, "qemu", NULL, "%s", qemu);
	check_kvm(doctor, qemu, ops);
	check_image(doctor);
	if (!doctor->root) {
		doctor_say(doctor, DOCTOR_BLOCKED, "rights", "sudo tare doctor",
			   "guests need root, for their cgroup and their pinning");
		return;
	}
	if (doctor->deep)
		doctor_boot(doctor, "vm", "auto");
}
