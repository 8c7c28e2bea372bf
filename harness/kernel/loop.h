/* SPDX-License-Identifier: MIT */
#pragma once
/* loop: a file as a block device (loop(4)), mounted where nobody but tare sees it. */

#include <stdbool.h>

struct tare_err;
struct journal;

struct loop {
	int fd; /* -1: none. The device lets go of its file when nobody has it open */
	char path[32];
	bool direct; /* it goes past the page cache of the filesystem that the file is on */
};

/* From here on what this process mounts is seen by itself and its children alone, and is gone when
 * they are; what others mount and unmount is still seen. Called again, it does nothing. */
int loop_own_mounts(struct tare_err *err);

/* Take a free device, journaled first, for the file; with direct I/O where its filesystem does it.
 * -ENOTSUP: this kernel has no loop devices. */
int loop_attach(const char *file, struct journal *journal, struct loop *ret, struct tare_err *err);
/* Mount the ext4 filesystem on it at a folder, open to all, and leave the device to the mount. */
int loop_mount(struct loop *loop, const char *folder, struct journal *journal,
	       struct tare_err *err);
/* Take both down; a loop that is all zero with fd -1 and a folder that is NULL or no mount have
 * been. -EBUSY: somebody still uses the folder. */
int loop_unmount(struct loop *loop, const char *folder, struct journal *journal,
		 struct tare_err *err);
