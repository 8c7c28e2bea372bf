/* SPDX-License-Identifier: MIT */
#pragma once
/* entry: the moment at which a guest's kernel is entered, for the host to see.
 *
 * QEMU enters a few instructions of ours instead, which write a byte to the debug port and go on to
 * the kernel, whose file stays as it is: QEMU loads it beside them. */

#include <stddef.h>
#include <stdint.h>

struct tare_err;

#define ENTRY_BYTE 'k'
#define ENTRY_SIZE 148

/* An ELF file that is entered by PVH, says so, and goes on at that physical address. */
void entry_make(uint32_t kernel_entry, unsigned char ret[ENTRY_SIZE]);

/* The file for a vmlinux, below the cache, made if need be; new memory. -ENOTSUP: that kernel
 * cannot be entered so, and is itself what QEMU has to enter. */
int entry_ensure(const char *cache_dir, const char *vmlinux, char **ret_path, struct tare_err *err);
