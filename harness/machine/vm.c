/* SPDX-License-Identifier: MIT */
/* vm: a guest by QEMU. The calls of a trial go to the tare-agent in it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "kernel/net.h"
#include "machine/machine.h"
#include "machine/vm/balloon.h"
#include "machine/vm/channel.h"
#include "machine/vm/cmdline.h"
#include "machine/vm/disk.h"
#include "machine/vm/exec.h"
#include "machine/vm/footprint.h"
#include "machine/vm/guest_account.h"
#include "machine/vm/guest_clock.h"
#include "machine/vm/guest_record.h"
#include "machine/vm/qemu_args.h"
#include "machine/vm/qmp.h"
#include "machine/vm/vm.h"
#include "trial/exec.h"

#define VM_PINGS    8
#define GUEST_WORK  "/work" /* the agent mounts it there */
#define VM_CLOSE_NS (30 * NS_PER_S)

static struct vm *as_vm(struct machine *machine)
{
	return (struct vm *)machine; /* its first member */
}

static int vm_probe(struct tare_err *err)
{
	char path[512];

	return qemu_find(path, sizeof(path), err);
}

int vm_open_by(const struct machine_ops *ops, vm_booter boot, const struct machine_config *config,
	       struct machine **ret, struct tare_err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return err_set(err, ENOMEM, "out of memory");
	vm->machine.ops = ops;
	vm->machine.work_dir = GUEST_WORK;
	vm->boot.image.lock_fd = -1;
	vm->boot.root.lock_fd = -1;
	vm->memory_limited = config->limits.memory_bytes != 0;
	(void)snprintf(vm->name, sizeof(vm->name), "%s", config->name);
	r = boot(config, &vm->boot, err);
	if (r < 0) {
		free(vm);
		return r;
	}
	guest_attend(&vm->boot.guest, vm->boot.settings.silence_ns);
	*ret = &vm->machine;
	return 0;
}

static int vm_open(const struct machine_config *config, struct machine **ret, struct tare_err *err)
{
	return vm_open_by(&machine_ops_vm, vm_boot, config, ret, err);
}

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

/* What a guest that has been taken down adds to its description. */
static void describe_end(const struct guest *guest, json_t *described)
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

/* What does not come from the guest each time it is asked for. */
static json_t *describe(const struct vm *vm)
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

static uint64_t deadline_after(const struct vm *vm, uint64_t more_ns)
{
	return clock_now_ns() + more_ns +
	       guest_patience_ns(vm->boot.guest.cpus, vm->boot.settings.silence_ns);
}

/* User-Mode Linux is many processes, whose CPU time is none's in particular: 0. */
static pid_t qemu_pid(const struct vm *vm)
{
	return vm->boot.guest.qemu.qmp ? vm->boot.guest.qemu.process.pid : 0;
}

/* What a call came back with: when it shows that the guest is lost, say how it ended. */
static int finish_call(struct vm *vm, int r, const struct tare_err *why, struct tare_err *err)
{
	idle_begin(&vm->idle, qemu_pid(vm));
	return r < 0 ? guest_failed(&vm->boot.guest, r, why, err) : r;
}

/* Its own death for lack of memory is a finding where --memory, the size of the guest, was under
 * test; else the guest was too small for what it was to run. */
static int check_memory(struct vm *vm, struct tare_err *err)
{
	return vm->memory_limited ? 0 : guest_check_memory(&vm->boot.guest, err);
}

static int begin_call(struct vm *vm, struct tare_err *err)
{
	int r = guest_check(&vm->boot.guest, err);

	if (r == 0)
		idle_end(&vm->idle, qemu_pid(vm));
	return r;
}

/* Idle, before its first trial. A guest that does not tell is found out by its first call. */
static void read_footprint(struct vm *vm)
{
	struct tare_err why = {0};

	vm->footprint_asked = true;
	if (begin_call(vm, NULL) < 0)
		return;
	(void)finish_call(
		vm, footprint_read(&vm->boot.guest, deadline_after(vm, 0), &vm->footprint, &why),
		&why, NULL);
}

static json_t *vm_describe(struct machine *machine)
{
	struct vm *vm = as_vm(machine);

	if (vm->ended)
		return json_incref(vm->ended);
	if (!vm->footprint_asked)
		read_footprint(vm);
	return describe(vm);
}

static int begin_call_of(struct vm *vm, machine_player player, struct tare_err *err)
{
	int r = guest_check(&vm->boot.guest, err);

	if (r < 0)
		return r;
	if (player >= VM_PLAYERS || !vm->players[player].used)
		return err_set(err, EINVAL, "machine %s: there is no player %u",
			       vm->machine.ops->name, player);
	return begin_call(vm, err);
}

/* Whoever watches a guest from outside sees all of it from here on, not one of its players. */
static int watch_outside(const struct vm *vm, struct vm_player *player, struct tare_err *err)
{
	const struct collector_target target = {.guest = vm->boot.guest.qemu.process.pid};
	int r = watch_choose_outside(&player->outside, player->collectors, err);

	return r < 0 ? r : watch_attach(&player->outside, &target, err);
}

static void forget_player(struct vm_player *player)
{
	watch_detach(&player->outside);
	host_view_close(&player->view);
	json_decref(player->collectors);
	player->collectors = NULL;
	player->used = false;
}

static int start_inside(struct vm *vm, const struct trial_spec *spec, struct vm_player *player,
			struct tare_err *err)
{
	cleanup_json json_t *names = watch_names_inside(spec->collectors);
	struct trial_spec inside = *spec;

	inside.collectors = names;
	return channel_start(vm->boot.guest.channel, &inside, deadline_after(vm, 0),
			     &player->remote, err);
}

static int start_player(struct vm *vm, const struct trial_spec *spec, struct vm_player *player,
			struct tare_err *err)
{
	struct channel *channel = vm->boot.guest.channel;
	int r;

	player->asked_ns = clock_now_ns();
	player->sample_ns = spec->sample_ns;
	player->idle = vm->idle;
	player->collectors = json_incref(spec->collectors);
	r = watch_outside(vm, player, err);
	if (r == 0)
		r = start_inside(vm, spec, player, err);
	if (r == 0)
		r = watch_snapshot(&player->outside, COLLECTOR_BEGIN, err);
	if (r < 0)
		return r;
	r = host_view_open(&player->view, &vm->boot.guest, err);
	if (r < 0)
		return r;
	r = channel_ping(channel, VM_PINGS, deadline_after(vm, 0), &player->clock, err);
	if (r < 0)
		host_view_close(&player->view);
	return r;
}

int vm_start(struct machine *machine, const struct trial_spec *spec, machine_player *ret,
	     struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	machine_player i = 0;
	int r = begin_call(vm, err);

	while (i < VM_PLAYERS && vm->players[i].used)
		i++;
	if (r < 0)
		return r;
	if (i == VM_PLAYERS)
		return err_set(err, EMFILE, "machine %s: more than %d players at once",
			       vm->machine.ops->name, VM_PLAYERS);
	r = start_player(vm, spec, &vm->players[i], &why);
	if (r < 0) {
		forget_player(&vm->players[i]);
		return finish_call(vm, r, &why, err);
	}
	vm->players[i].used = true;
	*ret = i;
	return 0;
}

static int sample_view(void *view, struct tare_err *err)
{
	return host_view_sample(view, err);
}

/* One turn, which the host looks at from its side, in intervals where it is a long one. */
static int play_turn(struct vm *vm, struct vm_player *player, const struct play_request *request,
		     struct trial_slice *ret, struct tare_err *err)
{
	struct guest *guest = &vm->boot.guest;
	uint64_t interval_ns = request->kind == PLAY_SOLO ? player->sample_ns : 0;
	struct qemu_times begun;
	int r;

	guest->tick = (struct guest_tick){interval_ns, clock_now_ns() + interval_ns, sample_view,
					  &player->view};
	host_view_turn_begin(&player->view, &begun);
	r = channel_slice(guest->channel, player->remote, request,
			  deadline_after(vm, request->duration_ns), ret, err);
	host_view_turn_end(&player->view, &begun);
	guest->tick = (struct guest_tick){0};
	return r;
}

int vm_slice(struct machine *machine, machine_player player, const struct play_request *request,
	     struct trial_slice *ret, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call_of(vm, player, err);

	if (r < 0)
		return r;
	r = play_turn(vm, &vm->players[player], request, ret, &why);
	if (r == 0 && ret->ended)
		r = check_memory(vm, &why);
	return finish_call(vm, r, &why, err);
}

/* What the guest still has, by its balloon: that it was held down to the end. */
static void put_balloon(const struct vm *vm, json_t *seen)
{
	uint64_t bytes;

	if (vm->boot.settings.balloon_bytes &&
	    balloon_read(&vm->boot.guest.qemu, deadline_after(vm, 0), &bytes, NULL) == 0)
		(void)json_put(seen, "balloon", json_pack("{so}", "actual_bytes", json_u64(bytes)));
}

/* What the host saw meanwhile. */
static int describe_host(const struct vm *vm, struct vm_player *player, json_t **ret,
			 struct tare_err *err)
{
	json_t *idle = idle_since(&vm->idle, &player->idle);
	int r = host_view_read(&player->view, ret, err);

	if (r == 0)
		put_balloon(vm, *ret);
	if (r == 0 && idle)
		(void)json_put(*ret, "idle", json_incref(idle));
	json_decref(idle);
	return r;
}

static int finish_player(struct vm *vm, struct vm_player *player, json_t **ret,
			 struct tare_err *err)
{
	struct channel *channel = vm->boot.guest.channel;
	cleanup_json json_t *told = NULL;
	cleanup_json json_t *record = NULL;
	cleanup_json json_t *seen = NULL;
	struct channel_clock clock;
	cleanup_json json_t *outside = NULL;
	int r = watch_snapshot(&player->outside, COLLECTOR_END, err);

	if (r == 0)
		r = channel_ping(channel, VM_PINGS, deadline_after(vm, 0), &clock, err);
	if (r == 0)
		r = host_view_end(&player->view, err);
	if (r == 0)
		r = channel_finish(channel, player->remote, deadline_after(vm, 0), &told, err);
	if (r == 0)
		r = guest_record_take(told, &record, err);
	if (r == 0 &&
	    json_object_get(json_object_get(json_object_get(told, "load"), "exit"), "signal"))
		r = check_memory(vm, err);
	if (r == 0)
		r = watch_read(&player->outside, &outside, err);
	if (r == 0)
		r = describe_host(vm, player, &seen, err);
	if (r < 0)
		return r;
	/* A guest without a kernel is itself what ran. */
	if (vm->boot.settings.smoke)
		(void)json_put(record, "sha256", json_string(vm->boot.image.kernel_sha256));
	(void)json_put(record, "validity", guest_clock_judge(&player->clock, &clock));
	(void)json_put(record, "spans",
		       guest_record_spans(told, &player->clock, &clock,
					  vm->boot.guest.qemu.process.exec_ns, player->asked_ns));
	(void)json_object_update(seen, outside);
	(void)json_object_set(record, "host_collectors", seen);
	*ret = json_incref(record);
	return 0;
}

int vm_finish(struct machine *machine, machine_player player, json_t **ret, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call_of(vm, player, err);

	if (r < 0)
		return r;
	r = finish_player(vm, &vm->players[player], ret, &why);
	forget_player(&vm->players[player]);
	return finish_call(vm, r, &why, err);
}

int vm_abort(struct machine *machine, machine_player player, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call_of(vm, player, err);

	if (r < 0)
		return r;
	forget_player(&vm->players[player]);
	r = channel_abort(vm->boot.guest.channel, vm->players[player].remote, deadline_after(vm, 0),
			  &why);
	return finish_call(vm, r, &why, err);
}

/* How far our clock is ahead of the guest's, for the moments that it told. */
static int compare_clocks(const struct vm *vm, struct trial_account *account, struct tare_err *err)
{
	struct channel_clock clock;
	int r = channel_ping(vm->boot.guest.channel, VM_PINGS, deadline_after(vm, 0), &clock, err);

	if (r < 0)
		return r;
	account->ahead_ns = (int64_t)(clock.host_ns - clock.guest_ns);
	account->uncertain_ns = clock.rtt_ns / 2;
	return 0;
}

int vm_run(struct machine *machine, const struct trial_spec *spec, char *const *argv,
	   char *const *envp, const char *cwd, const struct machine_stdio *stdio, int *ret_status,
	   struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call(vm, err);

	if (r < 0)
		return r;
	r = vm_exec(&vm->boot.guest, spec, argv, envp, cwd, stdio, ret_status, &why);
	if (r == 0 && WIFSIGNALED(*ret_status) && WTERMSIG(*ret_status) == SIGKILL)
		r = check_memory(vm, &why);
	if (r == 0 && stdio && stdio->account)
		r = compare_clocks(vm, stdio->account, &why);
	return finish_call(vm, r, &why, err);
}

int vm_check(struct machine *machine, const struct check_request *request, json_t **ret_account,
	     struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call(vm, err);

	if (r < 0)
		return r;
	r = guest_account_get(&vm->boot.guest, request, vm->boot.settings.silence_ns, ret_account,
			      &why);
	return r < 0 ? finish_call(vm, r, &why, err) : 0;
}

static int vm_outside(struct machine *machine, struct machine_outside *ret, struct tare_err *err)
{
	const struct guest *guest = &as_vm(machine)->boot.guest;

	if (!guest->cgroup)
		return err_set(err, ENOTSUP, "machine vm: QEMU has no group of its own");
	*ret = (struct machine_outside){guest->cgroup, guest->qemu.process.pid};
	return 0;
}

/* Who may not be silent for long may not be so in its end. */
static uint64_t close_by(const struct vm *vm)
{
	uint64_t ns = vm->boot.settings.silence_ns;

	return clock_now_ns() +
	       guest_patience_ns(vm->boot.guest.cpus, ns < VM_CLOSE_NS ? ns : VM_CLOSE_NS);
}

int vm_stop(struct machine *machine, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	json_t *described;
	int r;

	if (vm->ended)
		return 0;
	described = machine->ops->describe(machine);
	r = vm_boot_close(&vm->boot, close_by(vm), err);
	describe_end(&vm->boot.guest, described);
	vm->ended = described;
	return r;
}

int vm_close(struct machine *machine, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	int r;

	for (size_t i = 0; i < VM_PLAYERS; i++)
		forget_player(&vm->players[i]);
	r = vm->ended ? 0 : vm_boot_close(&vm->boot, close_by(vm), err);
	json_decref(vm->ended);
	json_decref(vm->footprint);
	json_decref(vm->lacks);
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
	.outside = vm_outside,
	.stop = vm_stop,
	.close = vm_close,
};
