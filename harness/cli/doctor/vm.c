/* SPDX-License-Identifier: MIT */
/* Guests: QEMU, KVM that is more than a device file, an image, and (deep) a boot. */

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "kernel/journal.h"
#include "machine/machine.h"
#include "machine/vm/image.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/qemu.h"

static void check_kvm(struct doctor *doctor, const char *qemu)
{
	struct kvm_verdict verdict;

	kvm_verdict_get(doctor->places->cache_dir, qemu, &verdict);
	switch (verdict.kind) {
	case KVM_VERDICT_GOOD:
		doctor_say(doctor, DOCTOR_OK, "kvm", NULL, "a guest has booted under it");
		break;
	case KVM_VERDICT_PROMISING:
		doctor_say(doctor, DOCTOR_OK, "kvm", "tare doctor --deep vm",
			   "runs guest code at %.2f ns an iteration; no guest has booted yet",
			   verdict.ns_per_iteration);
		break;
	case KVM_VERDICT_ABSENT:
		doctor_say(doctor, DOCTOR_DEGRADED, "kvm", "modprobe kvm_intel || modprobe kvm_amd",
			   "%s: guests run under TCG, whose timing says nothing of KVM",
			   verdict.why);
		break;
	case KVM_VERDICT_EMULATING:
	case KVM_VERDICT_BROKEN:
		doctor_say(doctor, DOCTOR_DEGRADED, "kvm", "use a machine with hardware KVM",
			   "%s: guests run under TCG, whose timing says nothing of KVM",
			   verdict.why);
		break;
	}
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

static void check_boot(struct doctor *doctor, const char *machine_name, const char *what,
		       enum doctor_state unless)
{
	const struct machine_ops *ops;
	cleanup_json json_t *options = json_object();
	struct tare_err why = {0};
	char name[96];
	struct machine_config config = {
		.place = &doctor->places->trial,
		.options = options,
		.name = name,
		.journal = doctor->places->journal,
		.cache_dir = doctor->places->cache_dir,
		.libexec_dir = doctor->places->libexec_dir,
	};
	struct machine *machine;
	uint64_t begun = clock_now_ns();
	cleanup_json json_t *described = NULL;

	if (machine_find(machine_name, &ops, NULL) < 0)
		return;
	(void)snprintf(name, sizeof(name), "tare-%s-doctor", journal_name(doctor->places->journal));
	if (ops->open(&config, &machine, &why) < 0) {
		doctor_say(doctor, unless, what, NULL, "%s", why.msg);
		return;
	}
	described = ops->describe(machine);
	doctor_say(doctor, DOCTOR_OK, what, NULL, "kernel %s under %s answered after %.1f s",
		   json_string_or(described, "kernel", "?"),
		   json_string_or(described, "accel", "?"),
		   (double)(clock_now_ns() - begun) / NS_PER_S);
	if (ops->close(machine, &why) < 0)
		doctor_say(doctor, DOCTOR_DEGRADED, "shutdown", "tare clean", "%s", why.msg);
}

void doctor_vm(struct doctor *doctor)
{
	struct tare_err why = {0};
	char qemu[256];

	/* User-Mode Linux needs no QEMU. */
	if (doctor->deep && doctor->root)
		check_boot(doctor, "uml", "uml", DOCTOR_DEGRADED);
	if (qemu_find(qemu, sizeof(qemu), &why) < 0) {
		doctor_say(doctor, DOCTOR_BLOCKED, "qemu", "apt install qemu-system-x86", "%s",
			   why.msg);
		return;
	}
	doctor_say(doctor, DOCTOR_OK, "qemu", NULL, "%s", qemu);
	check_kvm(doctor, qemu);
	check_image(doctor);
	if (!doctor->root) {
		doctor_say(doctor, DOCTOR_BLOCKED, "rights", "sudo tare doctor",
			   "guests need root, for their cgroup and their pinning");
		return;
	}
	if (doctor->deep)
		check_boot(doctor, "vm", "boot", DOCTOR_BLOCKED);
}
