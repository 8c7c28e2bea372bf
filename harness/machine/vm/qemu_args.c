/* SPDX-License-Identifier: MIT */
#include "machine/vm/qemu_args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/vm/message.h"
#include "machine/vm/qemu.h"

static void add_text(struct qemu_args *args, char *taken_text)
{
	if (!taken_text || args->n == QEMU_ARGS_MAX) {
		args->failed = taken_text ? -E2BIG : -ENOMEM;
		free(taken_text);
		return;
	}
	args->argv[args->n++] = taken_text;
}

static void add(struct qemu_args *args, const char *text)
{
	add_text(args, strdup(text));
}

static __attribute__((format(printf, 3, 4))) void
add_option(struct qemu_args *args, const char *option, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	add(args, option);
	add_text(args, n < 0 ? NULL : text);
}

/* In QEMU's lists a comma within a value is doubled. */
static char *escape(const char *path)
{
	char *out = malloc(2 * strlen(path) + 1), *at = out;

	if (!out)
		return NULL;
	for (; *path; path++) {
		*at++ = *path;
		if (*path == ',')
			*at++ = ',';
	}
	*at = '\0';
	return out;
}

/* A memfd, or a file by its descriptor: smaps tells the guest's memory from QEMU's own. */
static void add_memory(struct qemu_args *args, const struct qemu_config *config)
{
	unsigned long long mib = config->memory_bytes >> 20;

	if (config->memory_fd <= 0)
		add_option(args, "-object", "memory-backend-memfd,id=ram,size=%lluM%s", mib,
			   config->hugepages ? ",hugetlb=on,hugetlbsize=2M,prealloc=on" : "");
	else
		add_option(args, "-object",
			   "memory-backend-file,id=ram,size=%lluM,mem-path=/proc/self/fd/%d,"
			   "share=%s",
			   mib, QEMU_FD_MEMORY, config->memory_shared ? "on" : "off");
}

static void add_machine(struct qemu_args *args, const struct qemu_config *config)
{
	/* Without PIT and PIC nothing ticks but the TSC deadline; the RTC because a kernel stalls
	 * for two seconds in looking for a missing one. ACPI carries virtio and power. */
	if (config->machine == QEMU_MICROVM)
		add_option(args, "-machine",
			   "microvm,acpi=on,pcie=on,pit=off,pic=off,rtc=on,isa-serial=on,"
			   "auto-kernel-cmdline=off,memory-backend=ram");
	else
		add_option(args, "-machine", "q35,memory-backend=ram");
	if (config->cpu && strcmp(config->cpu, "host") != 0)
		add_option(args, "-cpu", "%s", config->cpu);
	else if (config->accel == QEMU_KVM)
		add_option(args, "-cpu", "host,migratable=off,+invtsc%s",
			   config->no_arch_capabilities ? ",-arch-capabilities" : "");
	else
		add_option(args, "-cpu", "qemu64");
	add_option(args, "-accel", "%s", qemu_accel_name(config->accel));
	add_option(args, "-smp", "%u", config->vcpus);
	add_option(args, "-m", "%lluM", (unsigned long long)(config->memory_bytes >> 20));
	add_memory(args, config);
}

/* Nothing here but what the user adds makes the guest's system calls cheaper or dearer than its
 * kernel has them by default: no mitigations=, no init_on_alloc=, no rcu_expedited. */
static void add_kernel(struct qemu_args *args, const struct qemu_config *config)
{
	char tsc[64] = "";

	cleanup_free char *loaded = escape(config->kernel);

	add_option(args, "-kernel", "%s", config->entry ? config->entry : config->kernel);
	if (config->entry)
		add_option(args, "-device", "loader,file=%s", loaded ? loaded : "");
	if (!loaded)
		args->failed = -ENOMEM;
	if (config->smoke) {
		add_option(args, "-append", "tsc_khz=%llu", (unsigned long long)config->tsc_khz);
		return;
	}
	if (config->initrd)
		add_option(args, "-initrd", "%s", config->initrd);
	/* Both, or the guest's clock is lost to jiffies or runs at a wrong rate. */
	if (config->tsc_khz)
		(void)snprintf(tsc, sizeof(tsc), " tsc_early_khz=%llu tsc=reliable",
			       (unsigned long long)config->tsc_khz);
	add_option(args, "-append",
		   "quiet console=ttyS0 reboot=t panic=-1 cryptomgr.notests random.trust_cpu=on "
		   "tare.guest=1%s%s%s",
		   tsc, config->cmdline ? " " : "", config->cmdline ? config->cmdline : "");
}

static void add_sockets(struct qemu_args *args)
{
	add_option(args, "-chardev", "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	add_option(args, "-mon", "chardev=qmp,mode=control");
	add_option(args, "-chardev", "socket,id=debug,fd=%d", QEMU_FD_DEBUG);
	add_option(args, "-device", "isa-debugcon,iobase=0xe9,chardev=debug");
	add_option(args, "-device", "isa-debug-exit,iobase=0x501,iosize=4");
	add_option(args, "-chardev", "socket,id=channel,fd=%d", QEMU_FD_CHANNEL);
}

static void add_ports(struct qemu_args *args)
{
	add_option(args, "-add-fd", "fd=%d,set=1", QEMU_FD_CONSOLE);
	/* append: a pipe cannot be cut to length 0, which is what it does else. */
	add_option(args, "-chardev", "file,id=console,path=/dev/fdset/1,append=on");
	add_option(args, "-serial", "chardev:console");
	/* Without it, and without RDRAND, the first to ask for randomness waits a second. */
	add_option(args, "-device", "virtio-rng-pci");
	add_option(args, "-device", "virtio-serial-pci");
	add_option(args, "-device", "virtserialport,chardev=channel,name=tare.0");
	add_option(args, "-chardev", "socket,id=stdio,fd=%d", QEMU_FD_STDIO);
	add_option(args, "-device", "virtserialport,chardev=stdio,name=tare.1");
	add_option(args, "-chardev", "socket,id=pulse,fd=%d", QEMU_FD_PULSE);
	add_option(args, "-device", "virtserialport,chardev=pulse,name=" MESSAGE_PULSE_PORT);
}

static void add_disk(struct qemu_args *args, const struct qemu_config *config)
{
	cleanup_free char *path = escape(config->disk);

	if (!path) {
		args->failed = -ENOMEM;
		return;
	}
	add_option(args, "-drive", "if=none,id=work,format=raw,file=%s,cache=%s,aio=%s", path,
		   disk_cache_name(config->disk_mode.cache), disk_aio_name(config->disk_mode.aio));
	add_option(args, "-device", "virtio-blk-pci,drive=work,serial=work");
}

static void add_root_disk(struct qemu_args *args, const struct qemu_config *config)
{
	cleanup_free char *path = escape(config->root_disk);

	if (!path) {
		args->failed = -ENOMEM;
		return;
	}
	add_option(args, "-drive",
		   "if=none,id=root,format=raw,readonly=on,file=%s,cache=writeback,aio=threads",
		   path);
	add_option(args, "-device", "virtio-blk-pci,drive=root,serial=" MESSAGE_ROOT_DISK);
}

/* No program of the device's own for the firmware to boot from, which may not even be installed. */
static void add_network(struct qemu_args *args)
{
	add_option(args, "-netdev", "tap,id=net,fd=%d,vhost=off", QEMU_FD_TAP);
	add_option(args, "-device",
		   QEMU_NETWORK_MODEL ",netdev=net,mac=" QEMU_NETWORK_ADDRESS ",romfile=");
}

int qemu_args_make(struct qemu_args *args, const struct qemu_config *config, struct tare_err *err)
{
	*args = (struct qemu_args){0};
	add(args, config->path);
	add(args, "-nodefaults");
	add(args, "-no-user-config");
	add(args, "-no-reboot");
	add(args, "-S"); /* its threads are placed before the guest's first instruction */
	add_option(args, "-display", "none");
	add_option(args, "-name", "%s", config->name);
	/* The guest may be hostile: QEMU starts no program and gets no new rights. */
	add_option(args, "-sandbox", "on,elevateprivileges=deny,spawn=deny");
	add_machine(args, config);
	add_kernel(args, config);
	add_sockets(args);
	if (config->smoke)
		add_option(args, "-serial", "chardev:channel");
	else
		add_ports(args);
	if (config->balloon)
		add_option(args, "-device", "virtio-balloon-pci,id=balloon");
	if (config->disk)
		add_disk(args, config);
	if (config->root_disk)
		add_root_disk(args, config);
	if (config->network)
		add_network(args);
	if (config->incoming_fd >= 0)
		add_option(args, "-incoming", "defer"); /* see snapshot_resume() */
	if (args->failed) {
		int r = args->failed;

		qemu_args_clear(args);
		return err_set(err, -r, "no room for QEMU's command line");
	}
	return 0;
}

void qemu_args_clear(struct qemu_args *args)
{
	for (size_t i = 0; i < args->n; i++)
		free(args->argv[i]);
	args->n = 0;
}

char *qemu_fingerprint(const struct qemu_config *config)
{
	struct qemu_config same = *config;
	struct qemu_args args;
	char *text = NULL;

	same.name = "NAME";
	same.disk = config->disk ? "DISK" : NULL;
	same.incoming_fd = -1;
	same.memory_fd = 0;
	/* What is measured twice is not the same to the last digit. */
	same.tsc_khz = (config->tsc_khz + 500) / 1000 * 1000;
	if (qemu_args_make(&args, &same, NULL) < 0)
		return NULL;
	text = strdup("");
	for (size_t i = 0; text && i < args.n; i++) {
		char *longer = text_format("%s%s%s", text, i ? " " : "", args.argv[i]);

		free(text);
		text = longer;
	}
	qemu_args_clear(&args);
	return text;
}
