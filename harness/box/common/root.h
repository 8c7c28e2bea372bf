/* SPDX-License-Identifier: MIT */
#pragma once
/* root: the file tree that a box shows: put together from detached mounts in the new process's
 * mount namespace, so that it is gone with the process and nothing has to be unmounted.
 *
 * On privileged systems the parent makes the pieces; without privileges only the new process can,
 * being root of its user namespace, and it makes them by path. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tare_err;

struct root {
	const char *tree_path; /* the embedded root filesystem */
	const char *work_path; /* becomes /work; NULL: an empty folder */
	int tree_fd;           /* detached copies of them; -1: to be made by path */
	int work_fd;
	int dev_fd;    /* a filesystem with the device nodes; -1: bind the host's nodes */
	int devpts_fd; /* as of struct box_exec */
	/* An image's layers, the top one first, as detached mounts, instead of the tree: an
	 * overlayfs shows them as one, and a layer above them has the places for our mounts. */
	const int *layer_fds;
	size_t n_layers;
	bool marked;     /* they have opaque folders, marked by user.* attributes */
	int load_fd;     /* detached copy of tare-load for /.tare/load; -1: it is in the tree */
	bool overlay;    /* copy on write; else the tree is read-only */
	bool writable;   /* the tree is the box's own copy: neither of the two */
	bool userxattr;  /* in a user namespace overlayfs may only use user.* attributes */
	bool host_proc;  /* the host's processes are ours: its /proc */
	bool sys;        /* mount a read-only /sys */
	bool mask;       /* cover what the OCI runtime specification covers */
	bool root_pivot; /* make it the root for good; else chroot(2) only */
};

/* In the new process, in its own mount namespace and as its root: put the tree together; it is the
 * working folder afterwards. */
int root_build(const struct root *root, struct tare_err *err);
/* Then, in its own network: /sys, which shows that, and "/" becomes the tree. */
int root_enter(const struct root *root, struct tare_err *err);

/* In the root folder at: make the places for our mounts. For a box's own copy of an image. */
int root_make_places(int at, struct tare_err *err);

/* In the new process of a probe: try what root_enter() needs of the kernel. */
int root_try(bool overlay, bool userxattr, struct tare_err *err);
