/* SPDX-License-Identifier: MIT */
#pragma once
/* loop_disk: a disk that nobody else uses, and that no other disk is behind: whom a limit on it
 * holds back, for how long and why has no other cause. It is a loop device over memory, both gone
 * with the last process that has them open. */

#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kernel/loop.h"

struct loop_disk {
	struct loop loop;
	char number[32]; /* "MAJ:MIN", as the I/O controllers name it */
};

static inline void loop_disk_close(struct loop_disk *disk)
{
	(void)loop_unmount(&disk->loop, NULL, NULL, NULL);
}

/* -ENOTSUP: this kernel has no loop devices. */
static inline int loop_disk_open(size_t bytes, struct loop_disk *ret, struct tare_err *err)
{
	cleanup_close int memory = memfd_create("tare-test-disk", MFD_CLOEXEC);
	struct loop_disk disk;
	char path[48];
	struct stat st;
	int r;

	if (memory < 0 || ftruncate(memory, (off_t)bytes) < 0)
		return err_errno(err, "make %zu bytes of memory", bytes);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	r = loop_attach(path, NULL, &disk.loop, err);
	if (r < 0)
		return r;
	if (fstat(disk.loop.fd, &st) < 0) {
		r = err_errno(err, "look at '%s'", disk.loop.path);
		loop_disk_close(&disk);
		return r;
	}
	(void)snprintf(disk.number, sizeof(disk.number), "%u:%u", major(st.st_rdev),
		       minor(st.st_rdev));
	*ret = disk;
	return 0;
}
