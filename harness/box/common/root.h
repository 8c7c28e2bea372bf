/* SPDX-License-Identifier: MIT */
#pragma once
/* root: the file tree that a box shows: put together from detached mounts in the new process's
 * mount namespace, so that it is gone with the process and nothing has to be unmounted.
 *
 * On privileged systems the parent makes the pieces; without privileges only the new process can,
 * being root of its user namespace, and it makes them by path. */

#include <stdbool.h>
#include <sys/types.h>

struct tare_err;

struct root {
	const char *tree_path; /* the embedded root filesystem */
	const char *work_path; /* becomes /work; NULL: an empty folder */
	int tree_fd;           /* detached copies of them; -1: to be made by path */
	int work_fd;
	int dev_fd;      /* a filesystem with the device nodes; -1: bind the host's nodes */
	bool overlay;    /* copy on write; else the tree is read-only */
	bool userxattr;  /* in a user namespace overlayfs may only use user.* attributes */
	bool host_proc;  /* the host's processes are ours: its /proc */
	bool sys;        /* mount a read-only /sys */
	bool mask;       /* cover what the OCI runtime specification covers */
	bool root_pivot; /* make it the root for good; else chroot(2) only */
};

/* In the new process, in its own mount namespace and as its root: afterwards "/" is the tree
 * and the working folder. */
int root_enter(const struct root *root, struct tare_err *err);

/* In the new process of a probe: try what root_enter() needs of the kernel. */
int root_try(bool overlay, bool userxattr, struct tare_err *err);
