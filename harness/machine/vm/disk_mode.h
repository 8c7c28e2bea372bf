/* SPDX-License-Identifier: MIT */
#pragma once
/* disk_mode: how QEMU does the I/O of the work disk: past the host's page cache or through it, and
 * by which of the kernel's interfaces. Names are QEMU's. */

#include <stdbool.h>
#include <sys/types.h>

struct tare_err;

enum disk_cache { DISK_NONE, DISK_WRITEBACK, DISK_DIRECTSYNC, DISK_UNSAFE };
enum disk_aio { DISK_AUTO, DISK_NATIVE, DISK_THREADS, DISK_IO_URING };

struct disk_mode {
	enum disk_cache cache;
	enum disk_aio aio;
	bool asked; /* for this cache: another one in its place would not do */
};

#define DISK_CACHES "none|writeback|directsync|unsafe"
#define DISK_AIOS   "auto|native|threads|io_uring"

const char *disk_cache_name(enum disk_cache cache);
const char *disk_aio_name(enum disk_aio aio);

/* Past the host's page cache, by O_DIRECT. */
bool disk_mode_is_direct(const struct disk_mode *mode);

/* Of the two options' values, which are among those above. -EINVAL: they do not go together;
 * -ENOTSUP: this kernel has no such interface. */
int disk_mode_read(const char *cache, const char *aio, struct disk_mode *ret, struct tare_err *err);

/* Settle what is left open, for a file on a filesystem that can do O_DIRECT, or cannot. -ENOTSUP:
 * it cannot, and that cache was asked for. */
int disk_mode_settle(struct disk_mode *mode, bool direct, const char *path, struct tare_err *err);

/* Has the process the file open, and with O_DIRECT? As its kernel says. */
bool disk_is_open_direct(pid_t pid, const char *path);
