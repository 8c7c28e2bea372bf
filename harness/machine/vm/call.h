/* SPDX-License-Identifier: MIT */
#pragma once
/* call: what is around each call to a guest: that it still runs, how long it may take, how it
 * ended. Between calls the guest is idle. */

#include <stdint.h>

struct tare_err;
struct vm;

int vm_call_begin(struct vm *vm, struct tare_err *err);
/* r, or when that shows that the guest is lost, how it ended. */
int vm_call_end(struct vm *vm, int r, const struct tare_err *why, struct tare_err *err);
/* By when a call is answered that takes more_ns by its nature. */
uint64_t vm_call_deadline(const struct vm *vm, uint64_t more_ns);
/* Its own death for lack of memory is a finding where --memory, the size of the guest, was under
 * test; else the guest was too small for what it was to run. */
int vm_call_check_memory(struct vm *vm, struct tare_err *err);
