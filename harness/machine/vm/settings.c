/* SPDX-License-Identifier: MIT */
#include "machine/vm/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "box/common/imaged.h"
#include "machine/vm/tsc.h"

#define MIB            (1ULL << 20)
#define MEMORY_LEAST   (128 * MIB) /* below, Debian's kernel and its modules do not fit */
#define VCPUS_MAX      16
/* A kernel that KVM runs on the CPU boots in a second; this is for busy machines. */
#define CONFIRM_NS     (15 * NS_PER_S)
#define KERNEL_DEBIAN  "debian"
#define KERNEL_SMOKE   "smoke"
#define TSC_IS_UNKNOWN "the host's TSC frequency is not to be had, which an emulated microvm needs"

const struct machine_option vm_options[] = {
	{"accel", "auto|kvm|tcg", "auto", "KVM where it is real, else QEMU's own emulation", false},
	{"machine", "auto|microvm|q35", "auto", "QEMU's machine: microvm, or a whole PC", false},
	{"memory", "SIZE", "256M", "the guest's memory; --memory has precedence", false},
	{"vcpus", "COUNT", "1", "virtual CPUs", false},
	{"kernel", "KERNEL", KERNEL_DEBIAN,
	 "debian: its cloud kernel; smoke: a guest without Linux; else the path of a vmlinux or "
	 "bzImage",
	 false},
	{"image", "NAME", IMAGED_NONE,
	 "the root of what runs in it: of 'tare image list', as an ext4 disk", true},
	{"boot", "cold|restore", "cold", "boot anew, or go on with a guest saved once", false},
	{"patience", "TIME", "60s", "how long it may take to boot", false},
	{"silence", "TIME", "60s", "how long the guest may take to answer", false},
	{0},
};

static const char *option(const struct machine_config *config, const char *name)
{
	return machine_option(&machine_ops_vm, config->options, name);
}

/* Needs the accelerator: only an emulated microvm cannot find its clock by itself. */
static int read_machine(const struct machine_config *config, struct vm_settings *s,
			struct tare_err *err)
{
	const char *asked = option(config, "machine");

	s->machine = strcmp(asked, "q35") == 0 ? QEMU_Q35 : QEMU_MICROVM;
	s->tsc_khz = 0;
	if (!s->smoke && (s->machine == QEMU_Q35 || s->accel == QEMU_KVM))
		return 0;
	s->tsc_khz = tsc_host_khz();
	if (s->tsc_khz)
		return 0;
	if (s->smoke)
		return err_set(err, ENOTSUP,
			       "kernel=smoke: the host's TSC frequency is not to be had, by which "
			       "it tells the time");
	if (strcmp(asked, "microvm") == 0)
		return err_set(err, ENOTSUP,
			       "machine=microvm: " TSC_IS_UNKNOWN "; use machine=q35");
	s->machine = QEMU_Q35;
	(void)snprintf(s->machine_why, sizeof(s->machine_why), "%s", TSC_IS_UNKNOWN);
	return 0;
}

static int read_memory(const struct machine_config *config, struct vm_settings *s,
		       struct tare_err *err)
{
	int r = units_parse_size("machine vm: option memory", option(config, "memory"),
				 &s->memory_bytes, err);

	if (r < 0)
		return r;
	if (config->limits.memory_bytes)
		s->memory_bytes = config->limits.memory_bytes;
	if (s->memory_bytes < MEMORY_LEAST)
		return err_set(err, EINVAL,
			       "a guest needs 128M of memory: for less, limit a container in it "
			       "(environment vm+container)");
	s->memory_bytes -= s->memory_bytes % MIB; /* QEMU's unit; never above the limit */
	return 0;
}

static int read_limits(const struct machine_config *config, struct vm_settings *s,
		       struct tare_err *err)
{
	s->limits = config->limits;
	s->limits.memory_bytes = 0;
	if (s->limits.net_rate)
		return err_set(err, ENOTSUP,
			       "--net-rate: a bare guest has no network here; limit a container in "
			       "it (environment vm+container,net=veth)");
	if (s->limits.pids)
		return err_set(err, ENOTSUP,
			       "--pids-limit: from outside, a guest's processes cannot be told "
			       "apart; limit a container in it (environment vm+container)");
	return 0;
}

static int check_smoke(const struct vm_settings *s, struct tare_err *err)
{
	if (s->smoke && (s->restore || s->root))
		return err_set(err, ENOTSUP,
			       "kernel=smoke: without Linux there is nothing to restore, and no "
			       "root filesystem; leave out boot=restore and image=");
	return 0;
}

int vm_settings_read(const struct machine_config *config, struct vm_settings *ret,
		     struct tare_err *err)
{
	struct vm_settings s = {0};
	const char *kernel = option(config, "kernel"), *root = option(config, "image");
	uint64_t vcpus = 1;
	int r = machine_check_options(&machine_ops_vm, config->options, err);

	if (r == 0)
		r = read_memory(config, &s, err);
	if (r == 0)
		r = read_limits(config, &s, err);
	if (r == 0)
		r = units_parse_count("machine vm: option vcpus", option(config, "vcpus"), 1,
				      VCPUS_MAX, &vcpus, err);
	if (r == 0)
		r = units_parse_time("machine vm: option silence", option(config, "silence"),
				     &s.silence_ns, err);
	if (r == 0)
		r = units_parse_time("machine vm: option patience", option(config, "patience"),
				     &s.patience_ns, err);
	if (r < 0)
		return r;
	s.vcpus = (unsigned int)vcpus;
	s.smoke = strcmp(kernel, KERNEL_SMOKE) == 0;
	s.kernel = s.smoke || strcmp(kernel, KERNEL_DEBIAN) == 0 ? NULL : kernel;
	s.root = strcmp(root, IMAGED_NONE) == 0 ? NULL : root;
	s.restore = strcmp(option(config, "boot"), "restore") == 0;
	r = check_smoke(&s, err);
	if (r == 0)
		*ret = s;
	return r;
}

static int choose_tcg(const struct machine_config *config, struct vm_settings *s, const char *why,
		      struct tare_err *err)
{
	s->accel = QEMU_TCG;
	s->accel_fell_back = s->accel_may_fall_back;
	(void)snprintf(s->accel_why, sizeof(s->accel_why), "%s%s",
		       s->accel_fell_back ? "emulated, not virtualized: " : "", why);
	return read_machine(config, s, err);
}

int vm_settings_choose(const struct machine_config *config, const struct kvm_verdict_key *key,
		       struct vm_settings *s, struct tare_err *err)
{
	const char *asked = option(config, "accel");
	struct kvm_verdict *v = &s->verdict;

	s->accel_may_fall_back = strcmp(asked, "auto") == 0;
	if (strcmp(asked, "tcg") == 0)
		return choose_tcg(config, s, "accel=tcg was asked for", err);
	kvm_verdict_get(key, v);
	if (!s->accel_may_fall_back && v->kind == KVM_VERDICT_ABSENT)
		return err_set(err, ENOTSUP, "accel=kvm: %.160s; use accel=tcg", v->why);
	if (kvm_verdict_is_final(v, CONFIRM_NS < s->patience_ns ? CONFIRM_NS : s->patience_ns) ||
	    (s->accel_may_fall_back && v->kind != KVM_VERDICT_REAL))
		return vm_settings_fall_back(config, s, v->why, err);
	s->accel = QEMU_KVM;
	(void)snprintf(s->accel_why, sizeof(s->accel_why), "%s%s",
		       s->accel_may_fall_back ? "" : "accel=kvm was asked for: ", v->why);
	return read_machine(config, s, err);
}

uint64_t vm_settings_patience(const struct vm_settings *s)
{
	if (s->accel == QEMU_KVM && !s->verdict.booted && s->patience_ns > CONFIRM_NS)
		return CONFIRM_NS;
	return s->patience_ns;
}

int vm_settings_fall_back(const struct machine_config *config, struct vm_settings *s,
			  const char *why, struct tare_err *err)
{
	if (!s->accel_may_fall_back)
		return err_set(err, ENOTSUP,
			       "accel=kvm: this guest does not boot under KVM here (%.130s); use "
			       "accel=tcg",
			       why);
	return choose_tcg(config, s, why, err);
}
