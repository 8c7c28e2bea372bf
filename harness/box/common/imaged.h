/* SPDX-License-Identifier: MIT */
#pragma once
/* imaged: an image as the root of a box: its layers as pieces of the root, or a copy of all of
 * them, and how its programs are started. */

#include <stdbool.h>

#include "box/box.h"
#include "box/common/root.h"
#include "box/common/stored.h"

struct tare_err;

/* The option `image` of a box; this value is tare's own small root filesystem. */
#define IMAGED_NONE "tare"
#define IMAGED_LOAD "/.tare/load"

struct imaged {
	bool given;
	struct stored_image image;
	const struct box_place *place;
	char copy[STORED_PATH_SIZE]; /* the box's own copy; "": none */
};

/* Read the image that the box's options name, if they do. -EPERM: not root. */
int imaged_open(const struct box_ops *ops, const struct box_config *config, struct imaged *ret,
		struct tare_err *err);
/* Copy what tree_fd shows (the image's layers; tree NULL) or the tree into a folder of the box's
 * own, for rootfs=copy. It is journaled, and removed by imaged_close(). */
int imaged_copy(struct imaged *imaged, const struct box_config *config, const char *tree,
		struct tare_err *err);
int imaged_close(struct imaged *imaged, struct tare_err *err);

/* The pieces for root_enter(), closed by imaged_drop_pieces(), also after a failure. */
struct imaged_pieces {
	int layer_fds[STORED_LAYERS_MAX];
	size_t n_layers;
	int load_fd;
};
int imaged_make_pieces(const struct imaged *imaged, struct imaged_pieces *ret, struct root *root,
		       struct tare_err *err);
void imaged_drop_pieces(struct imaged_pieces *pieces);

/* exec, with what the image says where exec says nothing. *ret_envp is freed by the caller. */
int imaged_exec(const struct imaged *imaged, const struct box_exec *exec, struct box_exec *ret,
		char ***ret_envp, struct tare_err *err);

/* In the new process: be that user, in that group and in those beside it. */
int imaged_become(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups, struct tare_err *err);
