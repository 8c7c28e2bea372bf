/* SPDX-License-Identifier: MIT */
#pragma once
/* image_vmlinux: from a kernel as it is shipped to the ELF file that QEMU enters without firmware
 * or decompression. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/vm/image_bytes.h"

struct tare_err;

#define IMAGE_KERNEL_MAX ((size_t)1 << 30)

/* Where a bzImage keeps the packed kernel. */
struct image_payload {
	size_t offset, size;
	uint64_t unpacked; /* how large it says it becomes; 0: it does not say */
};

/* -EBADMSG: not a bzImage, or its header points out of it. */
int image_payload_find(const unsigned char *bytes, size_t size, struct image_payload *ret,
		       struct tare_err *err);

/* An x86-64 ELF file with an entry for PVH (a Xen note, type 18); else -EBADMSG. */
int image_vmlinux_check(struct image_bytes *vmlinux, struct tare_err *err);

#define IMAGE_NOTE_PVH 18 /* XEN_ELFNOTE_PHYS32_ENTRY, include/xen/interface/elfnote.h */

/* The physical address at which PVH enters a checked vmlinux. -ENOTSUP: it has something of its own
 * between these addresses. */
int image_vmlinux_entry(const char *path, uint64_t from, uint64_t until, uint32_t *ret,
			struct tare_err *err);

/* Its release, as uname -r says: from the banner. */
int image_vmlinux_release(const struct image_bytes *vmlinux, char *ret, size_t size,
			  struct tare_err *err);

/* Read a bzImage or an ELF vmlinux; checked. */
int image_vmlinux_read(const char *path, struct image_bytes *ret, struct tare_err *err);
