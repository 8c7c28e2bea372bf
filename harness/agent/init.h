/* SPDX-License-Identifier: MIT */
#pragma once
/* init: what the agent does as the guest's first process, before and after it serves. */

struct tare_err;

/* The initramfs becomes a system: modules, mounts, a tmpfs as root (pivot_root(2) refuses the
 * initramfs itself), /work on the first disk if there is one, loopback up. */
int init_set_up(struct tare_err *err);

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

/* Sync, unmount, leave QEMU by isa-debug-exit, or by power-off where it is not there. */
_Noreturn void init_leave(int value);
