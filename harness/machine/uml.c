/* SPDX-License-Identifier: MIT */
/* uml: a guest by User-Mode Linux: a kernel that is a program, on machines without KVM too. What is
 * slow in it is the trap: each system call of the guest is two switches by ptrace(2). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "box/common/imaged.h"
#include "machine/machine.h"
#include "machine/uml/process.h"
#include "machine/vm/describe.h"
#include "machine/vm/disk.h"
#include "machine/vm/vm.h"

extern const struct machine_ops machine_ops_uml; /* in the generated table */

static const struct machine_option uml_options[] = {
	{"guest-memory", "SIZE", "256M", "the guest's memory; --memory has precedence", false},
	{"image", "NAME", IMAGED_NONE,
	 "the root of what runs in it: of 'tare image list', as an ext4 disk", true},
	{"disk", "SIZE", "512M", "the work disk's size", false},
	{"boot", "cold|restore", "cold", "boot anew: it has no state that could be saved", false},
	MACHINE_LIMIT_AT,
	{"patience", "TIME", "60s", "how long it may take to boot", false},
	{"silence", "TIME", "60s", "how long the guest may take to answer", false},
	{0},
};

static int uml_probe(struct tare_err *err)
{
	if (geteuid() != 0)
		return err_set(err, ENOTSUP,
			       "User-Mode Linux needs root here: it runs as a user of its own, in "
			       "a PID namespace and a cgroup");
	return 0;
}

static int read_settings(const struct machine_config *config, struct vm_settings *ret,
			 struct tare_err *err)
{
	int r = vm_settings_read_common(&machine_ops_uml, config, ret, err);

	if (r < 0)
		return r;
	ret->accel = QEMU_TCG; /* no KVM whose verdict is waited for */
	ret->cpus = config->cpus;
	/* It never goes past the host's page cache, which is written out on nobody's account. */
	ret->disk_mode = (struct disk_mode){.cache = DISK_WRITEBACK, .aio = DISK_THREADS};
	if (strcmp(machine_option(&machine_ops_uml, config->options, "boot"), "restore") == 0)
		r = err_set(err, ENOTSUP,
			    "boot=restore: a guest of User-Mode Linux cannot be saved; leave it "
			    "out, or use the machine vm");
	return r;
}

/* The guest's list of texts; NULL: it is none. */
static json_t *take_lacks(const json_t *told)
{
	cleanup_json json_t *lacks = json_is_array(told) ? json_array() : NULL;
	const json_t *each;
	size_t i;

	json_array_foreach(told, i, each)
	{
		if (json_array_append_new(lacks, json_printable(each)) < 0)
			return NULL;
	}
	return take_pointer(lacks);
}

/* It is not in the hello, before which not all is mounted. */
static int ask_what_it_lacks(struct vm *vm, struct tare_err *err)
{
	const struct vm_settings *s = &vm->boot.settings;
	cleanup_json json_t *ok = NULL;
	struct tare_err why = {0};
	int r = channel_call(vm->boot.guest.channel, "lacks", NULL,
			     clock_now_ns() + guest_patience_ns(s->limits.cpus, s->silence_ns), &ok,
			     &why);

	if (r < 0)
		return guest_failed(&vm->boot.guest, r, &why, err);
	vm->lacks = take_lacks(json_object_get(ok, "lacks"));
	return 0;
}

static int open_guest(const struct machine_config *config, struct vm_boot *b, struct tare_err *err)
{
	struct guest_plan plan;
	int r;

	vm_boot_plan(config, b, NULL, &plan);
	plan.needs_cgroup = true;
	plan.lines = true;
	plan.start = uml_start;
	r = guest_open(&plan, &b->guest, err);
	if (r < 0)
		(void)uml_remove_folder(config->name, NULL);
	return r;
}

static int boot(const struct machine_config *config, struct vm_boot *b, struct tare_err *err)
{
	int r = read_settings(config, &b->settings, err);

	if (r == 0)
		r = vm_boot_find_images(config, true, b, err);
	if (r == 0)
		r = open_guest(config, b, err);
	if (r == 0 && b->root.about) {
		r = vm_boot_hand_over_root(b, err);
		if (r < 0)
			(void)uml_remove_folder(config->name, NULL);
	}
	if (r < 0)
		vm_boot_release_images(b);
	return r;
}

static int uml_close(struct machine *machine, struct tare_err *err)
{
	char name[sizeof(((struct vm *)NULL)->name)];
	int first, r;

	(void)snprintf(name, sizeof(name), "%s", ((const struct vm *)machine)->name);
	first = vm_close(machine, err);
	r = uml_remove_folder(name, err);
	return first ? first : r;
}

static int uml_open(const struct machine_config *config, struct machine **ret, struct tare_err *err)
{
	int r = vm_open_by(&machine_ops_uml, boot, config, ret, err);

	if (r < 0)
		return r;
	r = ask_what_it_lacks((struct vm *)*ret, err);
	if (r < 0)
		(void)uml_close(*ret, NULL);
	return r;
}

static json_t *uml_describe(struct machine *machine)
{
	const struct vm *vm = (const struct vm *)machine;
	const struct vm_settings *s = &vm->boot.settings;
	const struct guest *guest = &vm->boot.guest;
	const json_t *hello;

	if (vm->ended)
		return json_incref(vm->ended);
	hello = channel_hello(guest->channel);
	return json_pack(
		"{ss ss ss ss ss ss so so so so so ss ss sO so* sO* sO* sO*}", "id", vm->name,
		"machine", "uml", "kernel", json_string_or(hello, "kernel", "?"), "clocksource",
		json_string_or(hello, "clocksource", "?"), "accel", "uml", "accel_why",
		"User-Mode Linux: user code runs natively, each system call is trapped by ptrace",
		"boot", vm_describe_boot(vm), "memory_bytes", json_u64(s->memory_bytes), "vcpus",
		json_u64(s->vcpus), "disk_direct", json_boolean(guest->disk_direct), "work_disk",
		disk_describe("ubd", guest->disk, NULL, guest->disk_direct), "image",
		vm->boot.image.id, "kernel_sha256", vm->boot.image.kernel_sha256, "command_line",
		guest->qemu.command_line, "root_disk",
		vm->boot.root.about ? json_string(vm->boot.root.id) : NULL, "limits", guest->limits,
		"lacks", vm->lacks, "mitigations", json_object_get(hello, "mitigations"));
}

const struct machine_ops machine_ops_uml = {
	.name = "uml",
	.summary = "a guest by User-Mode Linux, whose system calls are trapped by ptrace",
	.options = uml_options,
	.is_guest = true,
	.probe = uml_probe,
	.open = uml_open,
	.describe = uml_describe,
	.start = vm_start,
	.slice = vm_slice,
	.finish = vm_finish,
	.abort = vm_abort,
	.exec = vm_run,
	.check = vm_check,
	.stop = vm_stop,
	.close = uml_close,
};
