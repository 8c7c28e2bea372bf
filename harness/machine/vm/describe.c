/* SPDX-License-Identifier: MIT */
#include "machine/vm/describe.h"

#include "base/json.h"
#include "kernel/net.h"
#include "machine/vm/channel.h"
#include "machine/vm/cmdline.h"
#include "machine/vm/disk.h"
#include "machine/vm/qemu_args.h"
#include "machine/vm/qmp.h"
#include "machine/vm/vm.h"

/* ns since QEMU's execve; moments that were not seen (a restored guest's) are left out. */
static json_t *describe_spans(const struct guest *guest)
{
	const struct {
		const char *name;
		uint64_t at_ns;
	} moments[] = {{"qemu", guest->qemu.process.exec_ns},
		       {"accel", guest->qemu.accel_ns},
		       {"kernel", guest->qemu.kernel_ns},
		       {"userspace", guest->qemu.first_byte_ns},
		       {"hello", guest->hello_ns}};
	json_t *spans = json_object();

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		if (moments[i].at_ns)
			(void)json_put(spans, moments[i].name,
				       json_u64(moments[i].at_ns - guest->qemu.process.exec_ns));
	return spans;
}

void vm_describe_end(const struct guest *guest, json_t *described)
{
	json_t *spans = json_object_get(json_object_get(described, "boot"), "spans");
	const struct qemu *qemu = &guest->qemu;

	if (qemu->last_byte_ns > guest->end_asked_ns)
		(void)json_put(spans, "power_off",
			       json_u64(qemu->last_byte_ns - qemu->process.exec_ns));
	(void)json_put(spans, "gone", json_u64(qemu->gone_ns - qemu->process.exec_ns));
}

json_t *vm_describe_boot(const struct vm *vm)
{
	return json_pack("{ss so so}", "kind", vm->boot.restored ? "restored" : "cold", "begun_ns",
			 json_u64(vm->boot.guest.qemu.process.exec_ns), "spans",
			 describe_spans(&vm->boot.guest));
}

/* vhost: whether the host's kernel carries the frames; else QEMU itself does, at a price. */
static json_t *describe_network(void)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:s}", "model", QEMU_NETWORK_MODEL, "backend",
			 "tap", "vhost", false, "mac", QEMU_NETWORK_ADDRESS, "address", NET_INSIDE,
			 "peer", NET_OUTSIDE);
}

/* --memory by a balloon is read back as any limit. */
static void describe_balloon(const struct vm_boot *boot, json_t *described)
{
	json_t *limits = json_object_get(described, "limits");
	json_t *file = json_sprintf("%llu", (unsigned long long)boot->balloon_bytes);

	(void)json_put(described, "balloon",
		       json_pack("{so so so}", "target_bytes",
				 json_u64(boot->settings.balloon_bytes), "actual_bytes",
				 json_u64(boot->balloon_bytes), "took_ns",
				 json_u64(boot->balloon_ns)));
	limits = limits ? json_deep_copy(limits) : json_pack("{s{}}", "files");
	(void)json_put(limits, "memory", json_u64(boot->balloon_bytes));
	(void)json_put(json_object_get(limits, "files"), "qmp/query-balloon", file);
	(void)json_put(described, "limits", limits);
}

json_t *vm_describe_running(const struct vm *vm)
{
	const struct vm_settings *s = &vm->boot.settings;
	const struct guest *guest = &vm->boot.guest;
	const json_t *hello = channel_hello(guest->channel);
	json_t *d = json_pack("{ss ss ss ss ss ss ss* ss so so so so}", "id", vm->name, "machine",
			      "vm", "kernel", json_string_or(hello, "kernel", "?"), "clocksource",
			      json_string_or(hello, "clocksource", "?"), "accel",
			      qemu_accel_name(s->accel), "accel_why", s->accel_why, "machine_why",
			      *s->machine_why ? s->machine_why : NULL, "qemu",
			      qmp_version(guest->qemu.qmp), "boot", vm_describe_boot(vm),
			      "memory_bytes", json_u64(s->memory_bytes), "vcpus",
			      json_u64(s->vcpus), "disk_direct", json_boolean(guest->disk_direct));

	if (!d)
		return NULL;
	(void)json_object_set(d, "mitigations", json_object_get(hello, "mitigations"));
	(void)json_put(d, "machine_type", json_string(qemu_machine_name(s->machine)));
	(void)json_put(d, "image", json_string(vm->boot.image.id));
	(void)json_put(d, "kernel_sha256", json_string(vm->boot.image.kernel_sha256));
	(void)json_object_set(d, "command_line", guest->qemu.command_line);
	if (vm->boot.root.about)
		(void)json_put(d, "root_disk", json_string(vm->boot.root.id));
	if (guest->disk)
		(void)json_put(d, "work_disk",
			       disk_describe("virtio-blk", guest->disk, &guest->disk_mode,
					     guest->disk_direct));
	if (guest->limits)
		(void)json_object_set(d, "limits", guest->limits);
	if (s->balloon_bytes)
		describe_balloon(&vm->boot, d);
	if (s->cpu)
		(void)json_put(d, "cpu", json_string(s->cpu));
	if (s->cmdline) {
		(void)json_put(d, "cmdline+", json_string(s->cmdline));
		(void)json_put(d, "marks", cmdline_marks(s->cmdline));
	}
	if (s->network)
		(void)json_put(d, "network", describe_network());
	if (s->hugepages)
		(void)json_put(d, "hugepages", json_true());
	if (guest->qemu.pinning)
		(void)json_object_set(d, "pinning", guest->qemu.pinning);
	if (s->accel_fell_back)
		(void)json_put(d, "warning", json_string(s->accel_why));
	if (s->tsc_khz)
		(void)json_put(d, "tsc_khz", json_u64(s->tsc_khz));
	if (vm->footprint)
		(void)json_object_set(d, "footprint", vm->footprint);
	return d;
}
