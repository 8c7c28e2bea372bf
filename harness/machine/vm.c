/* SPDX-License-Identifier: MIT */
/* vm: a guest by QEMU. The calls of a trial go to the tare-agent in it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/machine.h"
#include "machine/vm/call.h"
#include "machine/vm/channel.h"
#include "machine/vm/describe.h"
#include "machine/vm/exec.h"
#include "machine/vm/footprint.h"
#include "machine/vm/guest_account.h"
#include "machine/vm/player.h"
#include "machine/vm/vm.h"
#include "trial/exec.h"

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

/* Idle, before its first trial. A guest that does not tell is found out by its first call. */
static void read_footprint(struct vm *vm)
{
	struct tare_err why = {0};

	vm->footprint_asked = true;
	if (vm_call_begin(vm, NULL) < 0)
		return;
	(void)vm_call_end(
		vm, footprint_read(&vm->boot.guest, vm_call_deadline(vm, 0), &vm->footprint, &why),
		&why, NULL);
}

static json_t *vm_describe(struct machine *machine)
{
	struct vm *vm = as_vm(machine);

	if (vm->ended)
		return json_incref(vm->ended);
	if (!vm->footprint_asked)
		read_footprint(vm);
	return vm_describe_running(vm);
}

static int begin_call_of(struct vm *vm, machine_player player, struct tare_err *err)
{
	int r = guest_check(&vm->boot.guest, err);

	if (r < 0)
		return r;
	if (player >= VM_PLAYERS || !vm->players[player].used)
		return err_set(err, EINVAL, "machine %s: there is no player %u",
			       vm->machine.ops->name, player);
	return vm_call_begin(vm, err);
}

int vm_start(struct machine *machine, const struct trial_spec *spec, machine_player *ret,
	     struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	machine_player i = 0;
	int r = vm_call_begin(vm, err);

	while (i < VM_PLAYERS && vm->players[i].used)
		i++;
	if (r < 0)
		return r;
	if (i == VM_PLAYERS)
		return err_set(err, EMFILE, "machine %s: more than %d players at once",
			       vm->machine.ops->name, VM_PLAYERS);
	r = vm_player_start(vm, spec, &vm->players[i], &why);
	if (r < 0) {
		vm_player_forget(&vm->players[i]);
		return vm_call_end(vm, r, &why, err);
	}
	vm->players[i].used = true;
	*ret = i;
	return 0;
}

int vm_slice(struct machine *machine, machine_player player, const struct play_request *request,
	     struct trial_slice *ret, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call_of(vm, player, err);

	if (r < 0)
		return r;
	r = vm_player_slice(vm, &vm->players[player], request, ret, &why);
	if (r == 0 && ret->ended)
		r = vm_call_check_memory(vm, &why);
	return vm_call_end(vm, r, &why, err);
}

int vm_finish(struct machine *machine, machine_player player, json_t **ret, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call_of(vm, player, err);

	if (r < 0)
		return r;
	r = vm_player_finish(vm, &vm->players[player], ret, &why);
	vm_player_forget(&vm->players[player]);
	return vm_call_end(vm, r, &why, err);
}

int vm_abort(struct machine *machine, machine_player player, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = begin_call_of(vm, player, err);

	if (r < 0)
		return r;
	vm_player_forget(&vm->players[player]);
	r = channel_abort(vm->boot.guest.channel, vm->players[player].remote,
			  vm_call_deadline(vm, 0), &why);
	return vm_call_end(vm, r, &why, err);
}

/* How far our clock is ahead of the guest's, for the moments that it told. */
static int compare_clocks(const struct vm *vm, struct trial_account *account, struct tare_err *err)
{
	struct channel_clock clock;
	int r = channel_ping(vm->boot.guest.channel, VM_PINGS, vm_call_deadline(vm, 0), &clock,
			     err);

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
	int r = vm_call_begin(vm, err);

	if (r < 0)
		return r;
	r = vm_exec(&vm->boot.guest, spec, argv, envp, cwd, stdio, ret_status, &why);
	if (r == 0 && WIFSIGNALED(*ret_status) && WTERMSIG(*ret_status) == SIGKILL)
		r = vm_call_check_memory(vm, &why);
	if (r == 0 && stdio && stdio->account)
		r = compare_clocks(vm, stdio->account, &why);
	return vm_call_end(vm, r, &why, err);
}

int vm_check(struct machine *machine, const struct check_request *request, json_t **ret_account,
	     struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	struct tare_err why = {0};
	int r = vm_call_begin(vm, err);

	if (r < 0)
		return r;
	r = guest_account_get(&vm->boot.guest, request, vm->boot.settings.silence_ns, ret_account,
			      &why);
	return r < 0 ? vm_call_end(vm, r, &why, err) : 0;
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
	vm_describe_end(&vm->boot.guest, described);
	vm->ended = described;
	return r;
}

int vm_close(struct machine *machine, struct tare_err *err)
{
	struct vm *vm = as_vm(machine);
	int r;

	for (size_t i = 0; i < VM_PLAYERS; i++)
		vm_player_forget(&vm->players[i]);
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
