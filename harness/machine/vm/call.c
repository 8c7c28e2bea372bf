/* SPDX-License-Identifier: MIT */
#include "machine/vm/call.h"

#include "base/clock.h"
#include "machine/vm/vm.h"

uint64_t vm_call_deadline(const struct vm *vm, uint64_t more_ns)
{
	return clock_now_ns() + more_ns +
	       guest_patience_ns(vm->boot.guest.cpus, vm->boot.settings.silence_ns);
}

/* User-Mode Linux is many processes, whose CPU time is none's in particular: 0. */
static pid_t qemu_pid(const struct vm *vm)
{
	return vm->boot.guest.qemu.qmp ? vm->boot.guest.qemu.process.pid : 0;
}

int vm_call_end(struct vm *vm, int r, const struct tare_err *why, struct tare_err *err)
{
	idle_begin(&vm->idle, qemu_pid(vm));
	return r < 0 ? guest_failed(&vm->boot.guest, r, why, err) : r;
}

int vm_call_check_memory(struct vm *vm, struct tare_err *err)
{
	return vm->memory_limited ? 0 : guest_check_memory(&vm->boot.guest, err);
}

int vm_call_begin(struct vm *vm, struct tare_err *err)
{
	int r = guest_check(&vm->boot.guest, err);

	if (r == 0)
		idle_end(&vm->idle, qemu_pid(vm));
	return r;
}
