/* SPDX-License-Identifier: MIT */
#include "machine/vm/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/units.h"
#include "box/common/imaged.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/tsc.h"

#define MIB            (1ULL << 20)
#define MEMORY_LEAST   (128 * MIB) /* below, Debian's kernel and its modules do not fit */
#define VCPUS_MAX      16
#define TSC_IS_UNKNOWN "the host's TSC frequency is not to be had, which an emulated microvm needs"

const struct machine_option vm_options[] = {
	{"accel", "auto|kvm|tcg", "auto", "KVM where it is real, else QEMU's own emulation", false},
	{"machine", "auto|microvm|q35", "auto", "QEMU's machine: microvm, or a whole PC", false},
	{"memory", "SIZE", "256M", "the guest's memory; --memory has precedence", false},
	{"vcpus", "COUNT", "1", "virtual CPUs", false},
	{"kernel", "PATH", "debian", "a vmlinux or bzImage, or Debian's cloud kernel", false},
	{"image", "NAME", IMAGED_NONE,
	 "the root of what runs in it: of 'tare image list', as an ext4 disk", true},
	{"boot", "cold|restore", "cold", "boot anew, or go on with a guest saved once", false},
	{"silence", "TIME", "60s", "how long the guest may take to answer", false},
	{0},
};

static const char *option(const struct machine_config *config, const char *name)
{
	return machine_option(&machine_ops_vm, config->options, name);
}

static int read_accel(const struct machine_config *config, const char *qemu_path,
		      struct vm_settings *s, struct tare_err *err)
{
	const char *asked = option(config, "accel");
	struct kvm_verdict verdict;

	s->accel = QEMU_TCG;
	if (strcmp(asked, "tcg") == 0) {
		(void)snprintf(s->accel_why, sizeof(s->accel_why), "accel=tcg was asked for");
		return 0;
	}
	kvm_verdict_get(config->cache_dir, qemu_path, &verdict);
	if (verdict.kind == KVM_VERDICT_GOOD || verdict.kind == KVM_VERDICT_PROMISING) {
		s->accel = QEMU_KVM;
		s->accel_confirmed = verdict.kind == KVM_VERDICT_GOOD;
		s->accel_may_fall_back = strcmp(asked, "auto") == 0;
		(void)snprintf(s->accel_why, sizeof(s->accel_why),
			       "KVM runs a loop of two instructions in ring 0 in %.1f ns",
			       verdict.ns_per_iteration);
		return 0;
	}
	if (strcmp(asked, "kvm") == 0)
		return err_set(err, ENOTSUP, "accel=kvm: %.160s; use accel=tcg", verdict.why);
	(void)snprintf(s->accel_why, sizeof(s->accel_why), "emulated, not virtualized: %s",
		       verdict.why);
	return 0;
}

/* Needs the accelerator: only an emulated microvm cannot find its clock by itself. */
static int read_machine(const struct machine_config *config, struct vm_settings *s,
			struct tare_err *err)
{
	const char *asked = option(config, "machine");

	s->machine = strcmp(asked, "q35") == 0 ? QEMU_Q35 : QEMU_MICROVM;
	s->tsc_khz = 0;
	if (s->machine == QEMU_Q35 || s->accel == QEMU_KVM)
		return 0;
	s->tsc_khz = tsc_host_khz();
	if (s->tsc_khz)
		return 0;
	if (strcmp(asked, "microvm") == 0)
		return err_set(err, ENOTSUP,
			       "machine=microvm: " TSC_IS_UNKNOWN "; use machine=q35");
	s->machine = QEMU_Q35;
	(void)snprintf(s->machine_why, sizeof(s->machine_why), "%s", TSC_IS_UNKNOWN);
	return 0;
}

static int read_memory(const struct machine_ops *ops, const struct machine_config *config,
		       struct vm_settings *s, struct tare_err *err)
{
	char what[64];
	int r;

	(void)snprintf(what, sizeof(what), "machine %.32s: option memory", ops->name);
	r = units_parse_size(what, machine_option(ops, config->options, "memory"), &s->memory_bytes,
			     err);

	if (r < 0)
		return r;
	if (config->limits.memory_bytes)
		s->memory_bytes = config->limits.memory_bytes;
	if (s->memory_bytes < MEMORY_LEAST)
		return err_set(err, EINVAL,
			       "a guest needs 128M of memory: for less, limit a container in it "
			       "(environment %s+container)",
			       ops->name);
	s->memory_bytes -= s->memory_bytes % MIB; /* QEMU's unit; never above the limit */
	return 0;
}

static int read_limits(const struct machine_ops *ops, const struct machine_config *config,
		       struct vm_settings *s, struct tare_err *err)
{
	s->limits = config->limits;
	s->limits.memory_bytes = 0;
	if (s->limits.net_rate)
		return err_set(err, ENOTSUP,
			       "--net-rate: a bare guest has no network here; limit a container in "
			       "it (environment %s+container,net=veth)",
			       ops->name);
	if (s->limits.pids)
		return err_set(err, ENOTSUP,
			       "--pids-limit: from outside, a guest's processes cannot be told "
			       "apart; limit a container in it (environment %s+container)",
			       ops->name);
	return 0;
}

int vm_settings_read_common(const struct machine_ops *ops, const struct machine_config *config,
			    struct vm_settings *ret, struct tare_err *err)
{
	struct vm_settings s = {.vcpus = 1};
	const char *root = machine_option(ops, config->options, "image");
	char what[64];
	int r = machine_check_options(ops, config->options, err);

	if (r == 0)
		r = read_memory(ops, config, &s, err);
	if (r == 0)
		r = read_limits(ops, config, &s, err);
	(void)snprintf(what, sizeof(what), "machine %.32s: option silence", ops->name);
	if (r == 0)
		r = units_parse_time(what, machine_option(ops, config->options, "silence"),
				     &s.silence_ns, err);
	if (r < 0)
		return r;
	s.root = strcmp(root, IMAGED_NONE) == 0 ? NULL : root;
	s.restore = strcmp(machine_option(ops, config->options, "boot"), "restore") == 0;
	*ret = s;
	return 0;
}

int vm_settings_read(const struct machine_config *config, const char *qemu_path,
		     struct vm_settings *ret, struct tare_err *err)
{
	struct vm_settings s = {0};
	const char *kernel = option(config, "kernel");
	uint64_t vcpus = 1;
	int r = vm_settings_read_common(&machine_ops_vm, config, &s, err);

	if (r == 0)
		r = units_parse_count("machine vm: option vcpus", option(config, "vcpus"), 1,
				      VCPUS_MAX, &vcpus, err);
	if (r == 0)
		r = read_accel(config, qemu_path, &s, err);
	if (r == 0)
		r = read_machine(config, &s, err);
	if (r < 0)
		return r;
	s.vcpus = (unsigned int)vcpus;
	s.kernel = strcmp(kernel, "debian") == 0 ? NULL : kernel;
	*ret = s;
	return 0;
}

int vm_settings_fall_back(struct vm_settings *s, const char *why, struct tare_err *err)
{
	if (!s->accel_may_fall_back)
		return err_set(err, ENOTSUP,
			       "accel=kvm: no guest boots here under KVM (%.120s); use accel=tcg",
			       why);
	s->accel = QEMU_TCG;
	(void)snprintf(s->accel_why, sizeof(s->accel_why),
		       "emulated, not virtualized: no guest boots here under KVM: %s", why);
	if (s->machine == QEMU_MICROVM && !(s->tsc_khz = tsc_host_khz())) {
		s->machine = QEMU_Q35;
		(void)snprintf(s->machine_why, sizeof(s->machine_why), "%s", TSC_IS_UNKNOWN);
	}
	return 0;
}
