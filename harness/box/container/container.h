/* SPDX-License-Identifier: MIT */
#pragma once
/* container: what the options ask for, and how a process is put into it. */

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "box/box.h"
#include "box/common/extras.h"
#include "box/common/imaged.h"
#include "box/common/root.h"
#include "box/common/rootfs.h"

struct tare_err;
struct net;

enum container_root { CONTAINER_OVERLAY, CONTAINER_BIND, CONTAINER_COPY, CONTAINER_HOST_ROOT };

struct container {
	struct box box;
	const struct box_place *place;
	char name[64];       /* host name inside */
	uint64_t namespaces; /* CLONE_NEW... */
	enum container_root root;
	bool seccomp, drop_caps, masks, init;
	struct sock_fprog filter; /* of a user's profile; filter NULL: the one made at build time */
	uint64_t capabilities;    /* those kept, if drop_caps */
	bool rootless;            /* not root outside: only our own ids, pieces made from inside */
	uid_t owner;              /* of the tree, and of the nodes in /dev */
	char tree[ROOTFS_PATH_SIZE]; /* by container_find_tree() */
	struct imaged imaged;        /* instead of the tree, or its copy */
	uid_t work_owner;            /* of the work folder before it was given away */
	gid_t work_group;
	bool work_given;
	struct extras extras;
	bool veth;
	struct net *net; /* of veth */
};

/* Read the options. -EINVAL: two of them do not go together. */
int container_read_options(const struct box_ops *ops, const json_t *options, struct container *ret,
			   struct tare_err *err);

/* Put the box up around a new process. ret_order_fd not NULL: which waits, see box_ops.prepare. */
int container_launch(struct container *container, const struct box_exec *exec,
		     struct box_process *ret, int *ret_order_fd, struct tare_err *err);

/* Find, or make, tare's own tree unless the root is an image. */
int container_find_tree(struct container *container, struct tare_err *err);

/* Try all of it that does not need a tree. */
int container_try(const struct container *container, struct tare_err *err);
