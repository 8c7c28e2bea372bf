/* SPDX-License-Identifier: MIT */
#pragma once
/* mounts: the descriptor-based mount calls, with the step that failed in the error.
 *
 * A mount is made detached, set up, and then put in place in one move: nobody ever sees half of
 * it. No memory, no lock: usable between clone3 and execve. */

#include <stdbool.h>
#include <stddef.h>

struct tare_err;

struct mount_option {
	const char *key, *value; /* value NULL: a flag. A list ends with key NULL */
};

/* A new detached filesystem; attributes as fsmount(2) wants them (MOUNT_ATTR_NOSUID, ...). */
int mounts_new(const char *type, const struct mount_option *options, unsigned int attributes,
	       struct tare_err *err);

/* A new detached overlayfs. Paths are absolute or from the working folder; those with ':' or ','
 * in them are refused. The top layer is the first. */
struct mounts_overlay {
	const char *const *lowers;
	size_t n_lowers;
	const char *upper, *work; /* NULL: read-only */
	bool userxattr;           /* opaque folders are marked by user.* attributes */
};
int mounts_new_overlay(const struct mounts_overlay *overlay, unsigned int attributes,
		       struct tare_err *err);

/* A detached copy of the mount at path ("": of dirfd itself), with further attributes; tree: with
 * those below it. */
enum mounts_depth { MOUNTS_ONE, MOUNTS_TREE };
int mounts_clone(int dirfd, const char *path, enum mounts_depth depth, unsigned int attributes,
		 struct tare_err *err);

/* Put a detached mount at path of dirfd ("": on dirfd itself). */
int mounts_attach(int mount_fd, int dirfd, const char *path, struct tare_err *err);

/* Nothing that is mounted from here on is seen outside of this mount namespace. */
int mounts_make_private(struct tare_err *err);
