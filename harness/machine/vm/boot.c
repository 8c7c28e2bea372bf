/* SPDX-License-Identifier: MIT */
#include "machine/vm/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/vm/balloon.h"
#include "machine/vm/channel.h"
#include "machine/vm/entry.h"
#include "machine/vm/image_kernel.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/snapshot.h"

#define SAVE_DEADLINE_NS (60 * NS_PER_S)

static uint64_t up_by(const struct machine_config *config, const struct vm_settings *s)
{
	uint64_t patience =
		clock_now_ns() + guest_patience_ns(s->limits.cpus, vm_settings_patience(s));

	return config->deadline_ns && config->deadline_ns < patience ? config->deadline_ns
								     : patience;
}

void vm_boot_plan(const struct machine_config *config, const struct vm_boot *b,
		  const char *qemu_path, struct guest_plan *ret)
{
	const struct vm_settings *s = &b->settings;

	*ret = (struct guest_plan){
		.qemu = {.path = qemu_path,
			 .accel = s->accel,
			 .machine = s->machine,
			 .smoke = s->smoke,
			 .no_arch_capabilities = s->verdict.arch_capabilities_refused,
			 .memory_bytes = s->memory_bytes,
			 .vcpus = s->vcpus,
			 .tsc_khz = s->tsc_khz,
			 .kernel = b->image.vmlinux,
			 .entry = b->entry,
			 .initrd = b->image.initrd,
			 .root_disk = b->root.disk,
			 .incoming_fd = -1,
			 .hugepages = s->hugepages,
			 .network = s->network,
			 .balloon = s->balloon,
			 .cpu = s->cpu,
			 .cmdline = s->cmdline,
			 .cpus = s->cpus,
			 .disk_mode = s->disk_mode,
			 .name = config->name,
			 .journal = config->journal},
		.has_disk = !s->smoke,
		.disk = s->disk_bytes ? NULL : b->image.work_disk,
		.disk_bytes = s->disk_bytes,
		.disk_folder = config->place->box.work_dir,
		.state_fd = -1,
		.limits = s->limits,
		.layout = &config->place->layout,
		.deadline_ns = up_by(config, s),
	};
}

/* All that a saved guest depends on: the command line, what it boots, QEMU itself. */
static char *make_fingerprint(const struct vm_boot *b, const struct guest_plan *plan)
{
	struct qemu_config with_disk = plan->qemu;

	/* How the host does its I/O, the guest does not see; but whether there is a cache. */
	with_disk.disk = plan->has_disk ? "" : NULL;
	with_disk.disk_mode.aio = DISK_AUTO;
	cleanup_free char *command = qemu_fingerprint(&with_disk);
	cleanup_free char *program = qemu_program_id(plan->qemu.path);

	if (!command || !program)
		return NULL;
	return text_format("memory apart, %s %s %s disk %llu", program, b->image.id, command,
			   (unsigned long long)plan->disk_bytes);
}

/* Boot a guest only to be saved; what it is limited to does not matter for that. */
static int save_one(const struct machine_config *config, const struct guest_plan *plan,
		    const char *fingerprint, struct tare_err *err)
{
	struct guest_plan unlimited = *plan;
	struct snapshot_making making;
	struct guest guest;
	int r, closed;

	unlimited.limits = (struct limits){0};
	r = snapshot_begin(config->cache_dir, fingerprint, plan->qemu.memory_bytes, config->journal,
			   &making, err);
	unlimited.qemu.memory_fd = making.memory_fd;
	unlimited.qemu.memory_shared = true;
	if (r == 0)
		r = guest_open(&unlimited, &guest, err);
	if (r == 0) {
		r = snapshot_save(&making, &guest, clock_now_ns() + SAVE_DEADLINE_NS, err);
		closed = guest_close(&guest, 0, r == 0 ? err : NULL);
		r = r < 0 ? r : closed;
	}
	snapshot_end(&making);
	return r;
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
	plan->qemu.memory_fd = snapshot.memory_fd;
	/* It has nothing to boot: no more time than for any other answer. */
	plan->deadline_ns =
		clock_now_ns() + guest_patience_ns(b->settings.limits.cpus, b->settings.silence_ns);
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

/* The loop says that KVM is worth a try; only a guest that boots proves it. */
static int confirm_kvm(const struct machine_config *config, struct vm_boot *b,
		       const struct kvm_verdict_key *key, struct tare_err *err)
{
	struct vm_settings *s = &b->settings;
	struct tare_err why = {0};
	int r = open_guest(config, b, key->qemu_path, &why);

	if (r == -ETIMEDOUT && limits_any(&s->limits))
		return err_set(err, -r, "%s, within its limits", why.msg);
	/* A disk that is full says nothing of KVM, and QEMU that does not start (EIO) nothing of
	 * the guest. */
	if (!kvm_verdict_learn(key, r, why.msg, vm_settings_patience(s), &s->verdict) && r != -EIO)
		return err_set(err, -r, "%s", why.msg);
	if (r == 0)
		return 0;
	r = vm_settings_fall_back(config, s, r == -EIO ? why.msg : s->verdict.why, err);
	return r < 0 ? r : open_guest(config, b, key->qemu_path, err);
}

static int choose_and_open(const struct machine_config *config, struct vm_boot *b,
			   const char *qemu_path, struct tare_err *err)
{
	const struct vm_settings *s = &b->settings;
	/* What a user adds may be what does not boot. */
	cleanup_free char *kernel = text_format(
		"%s%s%s%s%s", b->image.kernel_sha256, s->cpu ? " cpu=" : "", s->cpu ? s->cpu : "",
		s->cmdline ? " cmdline=" : "", s->cmdline ? s->cmdline : "");
	const struct kvm_verdict_key key = {
		.cache_dir = config->cache_dir, .qemu_path = qemu_path, .guest_kernel = kernel};
	int r = kernel ? vm_settings_choose(config, &key, &b->settings, err)
		       : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	if (b->settings.accel == QEMU_KVM && !b->settings.verdict.booted)
		return confirm_kvm(config, b, &key, err);
	return open_guest(config, b, qemu_path, err);
}

/* Our own guest comes with tare, and needs nothing else. */
static int find_smoke(const struct machine_config *config, struct image *ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/tare-smoke", config->libexec_dir);
	struct image image = {.lock_fd = -1};
	int r = path ? digest_file(path, image.kernel_sha256, err)
		     : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return err_wrap(err, r, "kernel=smoke");
	memcpy(image.id, image.kernel_sha256, sizeof(image.id));
	image.vmlinux = take_pointer(path);
	*ret = image;
	return 0;
}

/* `image` is what the settings ask for, but for a kernel that has to be looked for. */
static int find_image(const struct machine_config *config, const struct vm_settings *s,
		      struct image_config image, struct image *ret, struct tare_err *err)
{
	cleanup_free char *of_host = NULL;
	struct utsname system;
	int r = 0;

	if (s->smoke)
		return find_smoke(config, ret, err);
	if (s->kernel_of_host) {
		(void)uname(&system);
		r = image_kernel_of_host("", system.release, &of_host, err);
		image.kernel = of_host;
	}
	return r < 0 ? r : image_ensure(&image, ret, err);
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
	int r = find_image(config, &b->settings, image, &b->image, err);

	return r == 0 && b->settings.root
		       ? image_root_ensure(&image, b->settings.root, &b->root, err)
		       : r;
}

void vm_boot_release_images(struct vm_boot *b)
{
	free(b->entry);
	b->entry = NULL;
	image_release(&b->image);
	image_root_release(&b->root);
}

static int hand_over(struct vm_boot *b, const char *call, json_t *taken_arguments,
		     struct tare_err *err)
{
	struct tare_err why = {0};
	int r = channel_call(
		b->guest.channel, call, taken_arguments,
		clock_now_ns() + guest_patience_ns(b->settings.limits.cpus, b->settings.silence_ns),
		NULL, &why);

	if (r == 0)
		return 0;
	r = guest_failed(&b->guest, r, &why, err);
	(void)guest_close(&b->guest, 0, NULL);
	return r;
}

int vm_boot_hand_over_root(struct vm_boot *b, struct tare_err *err)
{
	return hand_over(b, "image",
			 json_pack("{s:s, s:O}", "name", b->settings.root, "about", b->root.about),
			 err);
}

int vm_boot_hand_over_network(struct vm_boot *b, struct tare_err *err)
{
	return hand_over(b, "network", NULL, err);
}

/* On failure the guest is closed. */
static int hold_down(struct vm_boot *b, struct tare_err *err)
{
	const struct vm_settings *s = &b->settings;
	uint64_t begun_ns = clock_now_ns();
	struct tare_err why = {0};
	int r = balloon_hold_down(&b->guest.qemu, s->balloon_bytes,
				  begun_ns + guest_patience_ns(s->limits.cpus, s->silence_ns),
				  &b->balloon_bytes, &why);

	b->balloon_ns = clock_now_ns() - begun_ns;
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
		r = vm_settings_read(config, &b.settings, err);
	if (r == 0)
		r = vm_boot_find_images(config, false, &b, err);
	/* Without it, one moment less is known of the start. Our own guest says it itself. */
	if (r == 0 && !b.settings.smoke)
		(void)entry_ensure(config->cache_dir, b.image.vmlinux, &b.entry, NULL);
	if (r == 0)
		r = choose_and_open(config, &b, qemu_path, err);
	if (r == 0 && b.root.about)
		r = vm_boot_hand_over_root(&b, err);
	if (r == 0 && b.settings.network)
		r = vm_boot_hand_over_network(&b, err);
	if (r == 0 && b.settings.balloon_bytes)
		r = hold_down(&b, err);
	if (r < 0) {
		vm_boot_release_images(&b);
		return r;
	}
	*ret = b;
	return 0;
}

int vm_boot_close(struct vm_boot *boot, uint64_t deadline_ns, struct tare_err *err)
{
	/* A restored guest is thrown away like its disk: nothing in it waits to be written, and its
	 * power-off is no figure. */
	int r = guest_close(&boot->guest, boot->restored ? 0 : deadline_ns, err);

	vm_boot_release_images(boot);
	return r;
}
