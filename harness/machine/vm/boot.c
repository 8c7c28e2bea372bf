/* SPDX-License-Identifier: MIT */
#include "machine/vm/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/vm/channel.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/snapshot.h"

/* Booting takes 2 s under TCG on an idle machine, and ten times that on a busy one. */
#define BOOT_DEADLINE_NS (60 * NS_PER_S)
#define SAVE_DEADLINE_NS (60 * NS_PER_S)

void vm_boot_plan(const struct machine_config *config, const struct vm_boot *b,
		  const char *qemu_path, struct guest_plan *ret)
{
	const struct vm_settings *s = &b->settings;

	*ret = (struct guest_plan){
		.qemu = {.path = qemu_path,
			 .accel = s->accel,
			 .machine = s->machine,
			 .memory_bytes = s->memory_bytes,
			 .vcpus = s->vcpus,
			 .tsc_khz = s->tsc_khz,
			 .kernel = b->image.vmlinux,
			 .initrd = b->image.initrd,
			 .root_disk = b->root.disk,
			 .incoming_fd = -1,
			 .cpus = config->cpus,
			 .name = config->name,
			 .journal = config->journal},
		.disk = b->image.work_disk,
		.disk_folder = config->place->box.work_dir,
		.state_fd = -1,
		.limits = s->limits,
		.layout = &config->place->layout,
		.deadline_ns = clock_now_ns() + BOOT_DEADLINE_NS,
	};
}

/* All that a saved guest depends on: the command line, what it boots, QEMU itself. */
static char *make_fingerprint(const struct vm_boot *b, const struct guest_plan *plan)
{
	struct qemu_config with_disk = plan->qemu;

	with_disk.disk = plan->disk;
	with_disk.disk_direct = true;
	cleanup_free char *command = qemu_fingerprint(&with_disk);
	cleanup_free char *program = qemu_program_id(plan->qemu.path);

	if (!command || !program)
		return NULL;
	return text_format("%s %s %s", program, b->image.id, command);
}

/* Boot a guest only to be saved; what it is limited to does not matter for that. */
static int save_one(const struct machine_config *config, const struct guest_plan *plan,
		    const char *fingerprint, struct tare_err *err)
{
	struct guest_plan unlimited = *plan;
	struct guest guest;
	int r, closed;

	unlimited.limits = (struct limits){0};
	r = guest_open(&unlimited, &guest, err);
	if (r < 0)
		return r;
	r = snapshot_save(config->cache_dir, fingerprint, &guest, config->journal,
			  clock_now_ns() + SAVE_DEADLINE_NS, err);
	closed = guest_close(&guest, 0, err);
	return r < 0 ? r : closed;
}

static int restore(const struct machine_config *config, struct vm_boot *b, struct guest_plan *plan,
		   struct tare_err *err)
{
	cleanup_free char *fingerprint = make_fingerprint(b, plan);
	struct snapshot snapshot;
	int r;

	if (!fingerprint)
		return err_set(err, ENOMEM, "out of memory");
	snapshot_init(&snapshot);
	r = snapshot_load(config->cache_dir, fingerprint, &snapshot, NULL);
	if (r == -ENOENT) {
		r = save_one(config, plan, fingerprint, err);
		if (r == 0)
			r = snapshot_load(config->cache_dir, fingerprint, &snapshot, err);
	}
	if (r < 0)
		return r;
	plan->disk = snapshot.disk;
	plan->hello = snapshot.hello;
	plan->state_fd = snapshot.state_fd;
	plan->deadline_ns = clock_now_ns() + BOOT_DEADLINE_NS;
	r = guest_open(plan, &b->guest, err);
	b->restored = r == 0;
	snapshot_clear(&snapshot);
	return r;
}

static int open_guest(const struct machine_config *config, struct vm_boot *b, const char *qemu_path,
		      struct tare_err *err)
{
	struct guest_plan plan;

	vm_boot_plan(config, b, qemu_path, &plan);
	if (b->settings.restore)
		return restore(config, b, &plan, err);
	return guest_open(&plan, &b->guest, err);
}

/* The loop says that KVM is real; only a guest that boots proves it. */
static int confirm_kvm(const struct machine_config *config, struct vm_boot *b,
		       const char *qemu_path, struct tare_err *err)
{
	struct kvm_verdict verdict = {.kind = KVM_VERDICT_GOOD};
	struct tare_err why = {0};
	int r = open_guest(config, b, qemu_path, &why);

	if (r < 0) {
		verdict.kind = KVM_VERDICT_BROKEN;
		(void)snprintf(verdict.why, sizeof(verdict.why),
			       "no guest boots here under KVM: %.150s", why.msg);
	}
	(void)kvm_verdict_put(config->cache_dir, qemu_path, &verdict, NULL);
	if (r == 0)
		return 0;
	r = vm_settings_fall_back(&b->settings, why.msg, err);
	return r < 0 ? r : open_guest(config, b, qemu_path, err);
}

int vm_boot_find_images(const struct machine_config *config, bool uml, struct vm_boot *b,
			struct tare_err *err)
{
	const struct image_config image = {
		.cache_dir = config->cache_dir,
		.libexec_dir = config->libexec_dir,
		.kernel = b->settings.kernel,
		.uml = uml,
		.journal = config->journal,
	};
	int r = image_ensure(&image, &b->image, err);

	return r == 0 && b->settings.root
		       ? image_root_ensure(&image, b->settings.root, &b->root, err)
		       : r;
}

void vm_boot_release_images(struct vm_boot *b)
{
	image_release(&b->image);
	image_root_release(&b->root);
}

int vm_boot_hand_over_root(struct vm_boot *b, struct tare_err *err)
{
	struct tare_err why = {0};
	int r = channel_call(
		b->guest.channel, "image",
		json_pack("{s:s, s:O}", "name", b->settings.root, "about", b->root.about),
		clock_now_ns() + b->settings.silence_ns, NULL, &why);

	if (r == 0)
		return 0;
	r = guest_failed(&b->guest, r, &why, err);
	(void)guest_close(&b->guest, 0, NULL);
	return r;
}

int vm_boot(const struct machine_config *config, struct vm_boot *ret, struct tare_err *err)
{
	struct vm_boot b = {.image.lock_fd = -1, .root.lock_fd = -1};
	char qemu_path[512];
	int r = qemu_find(qemu_path, sizeof(qemu_path), err);

	if (r == 0)
		r = vm_settings_read(config, qemu_path, &b.settings, err);
	if (r == 0)
		r = vm_boot_find_images(config, false, &b, err);
	if (r == 0 && b.settings.accel == QEMU_KVM && !b.settings.accel_confirmed)
		r = confirm_kvm(config, &b, qemu_path, err);
	else if (r == 0)
		r = open_guest(config, &b, qemu_path, err);
	if (r == 0 && b.root.about)
		r = vm_boot_hand_over_root(&b, err);
	if (r < 0) {
		vm_boot_release_images(&b);
		return r;
	}
	*ret = b;
	return 0;
}

int vm_boot_close(struct vm_boot *boot, uint64_t deadline_ns, struct tare_err *err)
{
	int r = guest_close(&boot->guest, deadline_ns, err);

	vm_boot_release_images(boot);
	return r;
}
