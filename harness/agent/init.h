/* SPDX-License-Identifier: MIT */
#pragma once
/* init: what the agent does as the guest's first process, before and after it serves. */

#include <stdint.h>

struct tare_err;

/* The initramfs becomes a system: the channel's modules, a root that can be pivoted from, mounts.
 */
int init_set_up(struct tare_err *err);
/* What the agent's hello need not wait for, but its first call does: the other modules, /work on
 * the first disk if there is one, loopback up. */
int init_set_up_rest(struct tare_err *err);

/* Resident memory of the agent: its own and, in a guest, the first process's. */
uint64_t init_rss_bytes(void);

/* Where a machine without virtio-serial has its lines, "/dev/ttyS": a variable of the kernel's
 * command line, which it hands to its first process. */
#define INIT_LINES "TARE_LINES"

/* The character device of a virtio-serial port by its name; waits a little for it to come. Or the
 * line of INIT_LINES with the number that the name ends with, made raw. */
int init_open_port(const char *name, struct tare_err *err);

/* Tell the host's debug port that userspace has begun: one byte at I/O port 0xe9. */
void init_mark_first_instruction(void);

/* Values of isa-debug-exit; QEMU's status is then (value << 1) | 1. */
#define INIT_LEFT_CLEAN  0x10
#define INIT_LEFT_FAILED 0x11

/* A last byte to the debug port, then leave QEMU by isa-debug-exit, or by power-off where it is not
 * there. */
_Noreturn void init_leave(int value);
