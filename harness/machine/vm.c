/* SPDX-License-Identifier: MIT */
/* vm: a guest by QEMU. The calls of a trial go to the tare-agent in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/machine.h"
#include "machine/vm/boot.h"
#include "machine/vm/channel.h"
#include "machine/vm/cmdline.h"
#include "machine/vm/exec.h"
#include "machine/vm/host_view.h"
#include "machine/vm/qmp.h"

#define VM_PLAYERS     256
#define VM_PINGS       8
#define VM_CLOSE_NS    (30 * NS_PER_S)
#define VM_DRIFT_PPM   100.0 /* a clock that strays further has lost its rate */
#define PPM            1e6
#define DRIFT_LEAST_NS NS_PER_S /* shorter trials: the pings' uncertainty would be most of it */

struct vm_player {
	bool used;
	unsigned int remote; /* the agent's number */
	struct channel_clock clock;
	struct host_view view;
};

struct vm {
	struct machine machine;
	char name[64];
	struct vm_boot boot;
	struct vm_player players[VM_PLAYERS];
};

static struct vm *as_vm(struct machine *machine)
{
	return (struct vm *)machine; /* its first member */
}

static int vm_probe(struct tare_err *err)
{
	char path[512];

	return qemu_find(path, sizeof(path), err);
}

static int vm_open(const struct machine_config *config, struct machine **ret, struct tare_err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return err_set(err, ENOMEM, "out of memory");
	vm->machine.ops = &machine_ops_vm;
	(void)snprintf(vm->name, sizeof(vm->name), "%s", config->name);
	r = vm_boot(config, &vm->boot, err);
	if (r < 0) {
		free(vm);
		return r;
	}
	*ret = &vm->machine;
	return 0;
}

/* ns since QEMU's execve; moments that were not seen (a restored guest's) are left out. */
static json_t *describe_spans(const struct guest *guest)
{
	const struct {
		const char *name;
		uint64_t at_ns;
	} moments[] = {{"qmp", guest->qemu.qmp_ready_ns},
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

static json_t *describe_boot(const struct vm *vm)
{
	return json_pack("{ss so}", "kind", vm->boot.restored ? "restored" : "cold", "spans",
			 describe_spans(&vm->boot.guest));
}

static json_t *vm_describe(struct machine *machine)
{
	const struct vm *vm = as_vm(machine);
	const struct vm_settings *s = &vm->boot.settings;
	const struct guest *guest = &vm->boot.guest;
	const json_t *hello = channel_hello(guest->channel);
	json_t *d = json_pack("{ss ss ss ss ss ss ss* ss so so so so}", "id", vm->name, "machine",
			      "vm", "kernel", json_string_or(hello, "kernel", "?"), "clocksource",
			      json_string_or(hello, "clocksource", "?"), "accel",
			      qemu_accel_name(s->accel), "accel_why", s->accel_why, "machine_why",
			      *s->machine_why ? s->machine_why : NULL, "qemu",
			      qmp_version(guest->qemu.qmp), "boot", describe_boot(vm),
			      "memory_bytes", json_u64(s->memory_bytes), "vcpus",
			      json_u64(s->vcpus), "disk_direct", json_boolean(guest->disk_direct));

	if (!d)
		return NULL;
	(void)json_put(d, "machine_type", json_string(qemu_machine_name(s->machine)));
	(void)json_put(d, "image", json_string(vm->boot.image.id));
	(void)json_put(d, "kernel_sha256", json_string(vm->boot.image.kernel_sha256));
	(void)json_object_set(d, "command_line", guest->qemu.command_line);
	if (vm->boot.root.about)
		(void)json_put(d, "root_disk", json_string(vm->boot.root.id));
	if (guest->limits)
		(void)json_object_set(d, "limits", guest->limits);
	if (s->cpu)
		(void)json_put(d, "cpu", json_string(s->cpu));
	if (s->cmdline) {
		(void)json_put(d, "cmdline+", json_string(s->cmdline));
		(void)json_put(d, "marks", cmdline_marks(s->cmdline));
	}
	if (s->hugepages)
		(void)json_put(d, "hugepages", json_true());
	if (guest->qemu.pinning)
		(void)json_object_set(d, "pinning", guest->qemu.pinning);
	if (s->accel_fell_back)
		(void)json_put(d, "warning", json_string(s->accel_why));
	if (s->tsc_khz)
		(void)json_put(d, "tsc_khz", json_u64(s->tsc_khz));
	return d;
}

static uint64_t deadline_after(const struct vm *vm, uint64_t more_ns)
{
	return clock_now_ns() + vm->boot.settings.silence_ns + more_ns;
}

/* What a call came back with: when it shows that the guest is lost, say how it ended. */
static int finish_call(struct vm *vm, int r, const struct tare_err *why, struct tare_err *err)
{
	return r < 0 ? guest_failed(&vm->boot.guest, r, why, err) : r;
}

static int check_player(const struct vm *vm, machine_player player, struct tare_err *err)
{
	int r = guest_check(&vm->boot.guest, err);

	if (r < 0)
		return r;
	if (player >= VM_PLAYERS || !vm->players[player].used)
		return err_set(err, EINVAL, "machine vm: there is no player %u", player);
	return 0;
}

static int start_player(struct vm *vm, const struct trial_spec *spec, struct vm_player *player,
			struct tare_err *err)
{
	struct channel *channel = vm->boot.guest.channel;
	int r = channel_start(channel, spec, deadline_after(vm, 0), &player->remote, err);

	if (r < 0)
		return r;
	if (vm->boot.guest.cgroup)
		host_view_read(vm->boot.guest.cgroup, &player->view);
	return channel_ping(channel, VM_PINGS, deadline_after(vm, 0), &player->clock, err);
}

static int vm_start(struct machine *machine, const struct trial_spec *spec, machine_player *ret,
		    struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	machine_player i = 0;
	int r = guest_check(&vm->boot.guest, err);

	while (i < VM_PLAYERS && vm->players[i].used)
		i++;
	if (r < 0)
		return r;
	if (i == VM_PLAYERS)
		return err_set(err, EMFILE, "machine vm: more than %d players at once", VM_PLAYERS);
	r = start_player(vm, spec, &vm->players[i], &why);
	if (r < 0)
		return finish_call(vm, r, &why, err);
	vm->players[i].used = true;
	*ret = i;
	return 0;
}

static int vm_slice(struct machine *machine, machine_player player,
		    const struct play_request *request, struct trial_slice *ret,
		    struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = check_player(vm, player, err);

	if (r < 0)
		return r;
	r = channel_slice(vm->boot.guest.channel, vm->players[player].remote, request,
			  deadline_after(vm, request->duration_ns), ret, &why);
	return finish_call(vm, r, &why, err);
}

/* "validity" of a guest's record: its clock against ours, at both ends of the trial. */
static json_t *judge_clock(const struct channel_clock *a, const struct channel_clock *b)
{
	double host = (double)(b->host_ns - a->host_ns);
	double guest = (double)b->guest_ns - (double)a->guest_ns;
	double drift_ppm = host > 0 ? (guest - host) / host * PPM : 0;
	json_t *clock = json_pack("{sI so so}", "offset_ns", (json_int_t)(b->guest_ns - b->host_ns),
				  "drift_ppm", json_number(drift_ppm), "rtt_ns",
				  json_u64(a->rtt_ns > b->rtt_ns ? a->rtt_ns : b->rtt_ns));
	json_t *disturbed = json_array();

	if (strcmp(a->clocksource, b->clocksource) != 0)
		(void)json_array_append_new(
			disturbed, json_sprintf("the guest's clocksource changed from %s to %s",
						a->clocksource, b->clocksource));
	if (host >= (double)DRIFT_LEAST_NS &&
	    (drift_ppm > VM_DRIFT_PPM || drift_ppm < -VM_DRIFT_PPM))
		(void)json_array_append_new(
			disturbed,
			json_sprintf("the guest's clock drifts by %.0f ppm from the host's",
				     drift_ppm));
	return json_pack("{so so}", "clock", clock, "disturbed", disturbed);
}

static int finish_player(struct vm *vm, const struct vm_player *player, json_t **ret,
			 struct tare_err *err)
{
	struct channel *channel = vm->boot.guest.channel;
	cleanup_json json_t *record = NULL;
	struct channel_clock clock;
	struct host_view view;
	int r = channel_ping(channel, VM_PINGS, deadline_after(vm, 0), &clock, err);

	if (r == 0 && vm->boot.guest.cgroup)
		host_view_read(vm->boot.guest.cgroup, &view);
	if (r == 0)
		r = channel_finish(channel, player->remote, deadline_after(vm, 0), &record, err);
	if (r < 0)
		return r;
	(void)json_put(record, "validity", judge_clock(&player->clock, &clock));
	if (vm->boot.guest.cgroup)
		(void)json_put(record, "host_collectors",
			       host_view_difference(&player->view, &view));
	*ret = json_incref(record);
	return 0;
}

static int vm_finish(struct machine *machine, machine_player player, json_t **ret,
		     struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = check_player(vm, player, err);

	if (r < 0)
		return r;
	vm->players[player].used = false;
	r = finish_player(vm, &vm->players[player], ret, &why);
	return finish_call(vm, r, &why, err);
}

static int vm_abort(struct machine *machine, machine_player player, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = check_player(vm, player, err);

	if (r < 0)
		return r;
	vm->players[player].used = false;
	r = channel_abort(vm->boot.guest.channel, vm->players[player].remote, deadline_after(vm, 0),
			  &why);
	return finish_call(vm, r, &why, err);
}

static int vm_run(struct machine *machine, const struct trial_spec *spec, char *const *argv,
		  char *const *envp, const char *cwd, const struct machine_stdio *stdio,
		  int *ret_status, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = guest_check(&vm->boot.guest, err);

	if (r < 0)
		return r;
	r = vm_exec(&vm->boot.guest, spec, argv, envp, cwd, stdio, ret_status, &why);
	return finish_call(vm, r, &why, err);
}

static int vm_check(struct machine *machine, const struct check_request *request,
		    json_t **ret_account, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	cleanup_json json_t *ok = NULL;
	struct tare_err why = {0};
	json_t *account = NULL;
	int r = guest_check(&vm->boot.guest, err);

	if (r < 0)
		return r;
	r = channel_call(vm->boot.guest.channel, "check", check_request_to_json(request),
			 deadline_after(vm, check_patience_ns(request->scale)), &ok, &why);
	if (r == 0)
		r = json_read_object(ok, "account", &account, &why);
	if (r < 0)
		return finish_call(vm, r, &why, err);
	*ret_account = json_incref(account);
	return 0;
}

static int vm_close(struct machine *machine, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	int r = vm_boot_close(&vm->boot, clock_now_ns() + VM_CLOSE_NS, err);

	free(vm);
	return r;
}

const struct machine_ops machine_ops_vm = {
	.name = "vm",
	.summary = "a guest by QEMU, with KVM where it is real",
	.options = vm_options,
	.is_guest = true,
	.probe = vm_probe,
	.open = vm_open,
	.describe = vm_describe,
	.start = vm_start,
	.slice = vm_slice,
	.finish = vm_finish,
	.abort = vm_abort,
	.exec = vm_run,
	.check = vm_check,
	.close = vm_close,
};
