/* SPDX-License-Identifier: MIT */
#include "machine/vm/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "box/common/imaged.h"
#include "machine/vm/cmdline.h"
#include "machine/vm/disk.h"
#include "machine/vm/hugepages.h"
#include "machine/vm/tsc.h"

#define MIB            (1ULL << 20)
#define MEMORY_LEAST   (128 * MIB) /* below, Debian's kernel and its modules do not fit */
/* A kernel that KVM runs on the CPU boots in a second; this is for busy machines. */
#define CONFIRM_NS     (15 * NS_PER_S)
#define KERNEL_DEBIAN  "debian"
#define KERNEL_SMOKE   "smoke"
#define KERNEL_HOST    "host"
#define AUTO           "auto"
#define NONE           "none"
#define TSC_IS_UNKNOWN "the host's TSC frequency is not to be had, which an emulated microvm needs"

/* guest-net and not net, which is what the container in a guest has (vm+container,net=veth): the
 * two go together, and net=host in there is this one. As guest-memory is not --memory. */
const struct machine_option vm_options[] = {
	{"accel", "auto|kvm|tcg", "auto", "KVM where it is real, else QEMU's own emulation", false},
	{"machine", "auto|microvm|q35", "auto", "QEMU's machine: microvm, or a whole PC", false},
	{"guest-memory", "SIZE", "256M", "the guest's memory; --memory has precedence", false},
	{"balloon", "on|off", "off",
	 "boot with guest-memory, and hold it down to --memory by a balloon", false},
	{"hugepages", "on|off", "off", "the guest's memory in huge pages of the host", false},
	{"vcpus", "COUNT", AUTO, "virtual CPUs: auto: as many as --cpuset-cpus has, else 1", false},
	{"pin", "on|off", "on", "each virtual CPU on one of the host's, QEMU's threads elsewhere",
	 false},
	{"cpu", "MODEL", AUTO, "QEMU's CPU model: auto: the host's with KVM, else qemu64", false},
	{"kernel", "KERNEL", KERNEL_DEBIAN,
	 "debian, host (the running one), smoke (no Linux), or a kernel's path", false},
	{"cmdline+", "TEXT", NONE,
	 "added to the kernel's command line; takes all that follows, commas too", false},
	{"image", "NAME", IMAGED_NONE,
	 "the root of what runs in it: of 'tare image list', as an ext4 disk", true},
	{"guest-net", "none|tap", NONE,
	 "the guest's network device: none, or virtio-net on a tap (10.254.0.2, the other end .1)",
	 false},
	{"disk", "SIZE", "512M", "the work disk's size", false},
	{"disk-cache", DISK_CACHES, "none", "QEMU's cache mode of it; none: past the host's cache",
	 false},
	{"disk-aio", DISK_AIOS, AUTO, "how QEMU does its I/O; auto: native past the host's cache",
	 false},
	{"boot", "cold|restore", "cold",
	 "boot anew, or go on with a guest saved once, as exec does", false},
	MACHINE_LIMIT_AT,
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
	s->tsc_khz = tsc_host_khz(config->cache_dir);
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

static int read_memory(const struct machine_ops *ops, const struct machine_config *config,
		       struct vm_settings *s, struct tare_err *err)
{
	char what[64];
	int r;

	(void)snprintf(what, sizeof(what), "machine %.32s: option guest-memory", ops->name);
	r = units_parse_size(what, machine_option(ops, config->options, "guest-memory"),
			     &s->memory_bytes, err);

	if (r < 0)
		return r;
	s->balloon = strcmp(json_string_or(config->options, "balloon", "off"), "on") == 0;
	if (s->balloon && config->limits.memory_bytes > s->memory_bytes)
		return err_set(err, EINVAL,
			       "balloon=on: --memory is what is left of guest-memory, which is "
			       "less: give guest-memory=%lluM or more",
			       (unsigned long long)(config->limits.memory_bytes / MIB));
	if (s->balloon)
		s->balloon_bytes = config->limits.memory_bytes;
	else if (config->limits.memory_bytes)
		s->memory_bytes = config->limits.memory_bytes;
	if (s->memory_bytes < MEMORY_LEAST || (s->balloon_bytes && s->balloon_bytes < MEMORY_LEAST))
		return err_set(err, EINVAL,
			       "a guest needs 128M of memory: for less, limit a container in it "
			       "(environment %s+container)",
			       ops->name);
	s->memory_bytes -= s->memory_bytes % MIB; /* QEMU's unit; never above the limit */
	s->balloon_bytes -= s->balloon_bytes % MIB;
	return 0;
}

static int read_hugepages(const struct machine_config *config, struct vm_settings *s,
			  struct tare_err *err)
{
	s->hugepages = strcmp(option(config, "hugepages"), "on") == 0;
	if (!s->hugepages)
		return 0;
	if (s->balloon)
		return err_set(err, EINVAL,
			       "balloon=on: a balloon gives back small pages, of which huge pages "
			       "have none: leave out hugepages=on");
	s->memory_bytes -= s->memory_bytes % HUGEPAGE_BYTES;
	return hugepages_check(HUGEPAGES_FREE, s->memory_bytes, err);
}

/* Not asked for: the image has one. */
static int read_disk(const struct machine_ops *ops, const struct machine_config *config,
		     struct vm_settings *s, struct tare_err *err)
{
	const char *text = json_string_or(config->options, "disk", NULL);
	char what[64];

	(void)snprintf(what, sizeof(what), "machine %.32s: option disk", ops->name);
	return text ? disk_parse_size(what, text, &s->disk_bytes, err) : 0;
}

static int read_disk_mode(const struct machine_config *config, struct vm_settings *s,
			  struct tare_err *err)
{
	int r = disk_mode_read(option(config, "disk-cache"), option(config, "disk-aio"),
			       &s->disk_mode, err);

	s->disk_mode.asked = json_object_get(config->options, "disk-cache");
	return r;
}

static int read_time(const struct machine_ops *ops, const struct machine_config *config,
		     const char *name, uint64_t *ret_ns, struct tare_err *err)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "machine %.32s: option %s", ops->name, name);
	return units_parse_time(what, machine_option(ops, config->options, name), ret_ns, err);
}

static int read_limits(const struct machine_ops *ops, const struct machine_config *config,
		       struct vm_settings *s, struct tare_err *err)
{
	const char *network = machine_option(ops, config->options, "guest-net");

	s->limits = config->limits;
	s->limits.memory_bytes = 0;
	s->network = network && strcmp(network, NONE) != 0;
	if (s->limits.net_rate && !s->network)
		return err_set(err, ENOTSUP,
			       "--net-rate: this guest has no network device: %slimit a container "
			       "in it (environment %s+container,net=veth)",
			       network ? "give it one by guest-net=tap, or " : "", ops->name);
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
	int r = machine_check_options(ops, config->options, err);

	if (r == 0)
		r = read_memory(ops, config, &s, err);
	if (r == 0)
		r = read_limits(ops, config, &s, err);
	if (r == 0)
		r = read_disk(ops, config, &s, err);
	if (r == 0)
		r = read_time(ops, config, "silence", &s.silence_ns, err);
	if (r == 0)
		r = read_time(ops, config, "patience", &s.patience_ns, err);
	if (r < 0)
		return r;
	s.root = strcmp(root, IMAGED_NONE) == 0 ? NULL : root;
	*ret = s;
	return 0;
}

/* As many as the CPUs that were set aside for the guest, each on its own. */
static int read_cpus(const struct machine_config *config, struct vm_settings *s,
		     struct tare_err *err)
{
	uint64_t cpuset = config->limits.cpuset, vcpus = 1;
	const char *asked = option(config, "vcpus");
	int r = 0;

	if (strcmp(asked, AUTO) != 0)
		r = units_parse_count("machine vm: option vcpus", asked, 1, QEMU_VCPUS_MAX, &vcpus,
				      err);
	else if (cpuset)
		vcpus = (uint64_t)__builtin_popcountll(cpuset);
	if (r == 0 && vcpus > QEMU_VCPUS_MAX)
		return err_set(err, EINVAL,
			       "a guest has at most %d virtual CPUs: give fewer by --cpuset-cpus, "
			       "or vcpus=",
			       QEMU_VCPUS_MAX);
	s->vcpus = (unsigned int)vcpus;
	if (strcmp(option(config, "pin"), "on") == 0)
		s->cpus = cpuset ? cpuset : config->cpus;
	return r;
}

static int read_cpu_model(const struct machine_config *config, struct vm_settings *s,
			  struct tare_err *err)
{
	const char *asked = option(config, "cpu");

	if (strcmp(asked, AUTO) == 0)
		return 0;
	for (const char *c = asked; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return err_set(err, EINVAL,
				       "machine vm: option cpu: '%.60s' is no CPU model: 'qemu-"
				       "system-x86_64 -cpu help' lists them",
				       asked);
	s->cpu = asked;
	return 0;
}

static int read_kernel(const struct machine_config *config, struct vm_settings *s,
		       struct tare_err *err)
{
	const char *kernel = option(config, "kernel"), *added = option(config, "cmdline+");

	s->smoke = strcmp(kernel, KERNEL_SMOKE) == 0;
	s->kernel_of_host = strcmp(kernel, KERNEL_HOST) == 0;
	if (!s->smoke && !s->kernel_of_host && strcmp(kernel, KERNEL_DEBIAN) != 0)
		s->kernel = kernel;
	if (strcmp(added, NONE) == 0)
		return 0;
	s->cmdline = added;
	return cmdline_check(added, err);
}

/* A snapshot has the guest's memory in a file of the cache. */
static int read_boot(const struct machine_config *config, struct vm_settings *s,
		     struct tare_err *err)
{
	bool asked = json_object_get(config->options, "boot");

	s->restore = asked ? strcmp(option(config, "boot"), "restore") == 0
			   : config->saved_will_do && !s->smoke && !s->hugepages;
	if (s->restore && s->hugepages)
		return err_set(err, ENOTSUP,
			       "hugepages=on: a saved guest's memory is in a file, which has no "
			       "huge pages; leave out boot=restore");
	if (s->smoke &&
	    (s->restore || s->root || s->cmdline || s->network || s->disk_bytes || s->balloon))
		return err_set(err, ENOTSUP,
			       "kernel=smoke: without Linux there is nothing to restore, no root "
			       "filesystem, no disk, no balloon, no network and no command line; "
			       "leave out boot=restore, image=, disk=, balloon=, guest-net= and "
			       "cmdline+=");
	return 0;
}

int vm_settings_read(const struct machine_config *config, struct vm_settings *ret,
		     struct tare_err *err)
{
	struct vm_settings s = {0};
	int r = vm_settings_read_common(&machine_ops_vm, config, &s, err);

	if (r == 0)
		r = read_hugepages(config, &s, err);
	if (r == 0)
		r = read_disk_mode(config, &s, err);
	if (r == 0)
		r = read_cpus(config, &s, err);
	if (r == 0)
		r = read_cpu_model(config, &s, err);
	if (r == 0)
		r = read_kernel(config, &s, err);
	if (r == 0)
		r = read_boot(config, &s, err);
	if (r == 0)
		*ret = s;
	return r;
}

static int choose_tcg(const struct machine_config *config, struct vm_settings *s, const char *why,
		      struct tare_err *err)
{
	if (s->cpu && strcmp(s->cpu, "host") == 0)
		return err_set(err, ENOTSUP,
			       "cpu=host: that CPU needs KVM, which is not to be had (%.120s); "
			       "name another, or leave it out",
			       why);
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
	/* Who is given little of the CPU may take long. */
	if (s->accel == QEMU_KVM && !s->verdict.booted && !limits_any(&s->limits) &&
	    s->patience_ns > CONFIRM_NS)
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
