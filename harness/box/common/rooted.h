/* SPDX-License-Identifier: MIT */
#pragma once
/* rooted: a process with a root of its own, by chroot(2), and by pivot_root(2) where it is the
 * machine's (ROOTED_OVERLAY). The mount namespace is only there for the mounts to vanish with the
 * process. */

#include "box/box.h"
#include "box/common/imaged.h"
#include "box/common/rootfs.h"

struct tare_err;

enum rooted_kind { ROOTED_READ_ONLY, ROOTED_COPY, ROOTED_OVERLAY };

struct rooted {
	const char *box; /* its name, in errors */
	const struct box_place *place;
	enum rooted_kind kind;
	char tree[ROOTFS_PATH_SIZE]; /* without an image */
	struct imaged imaged;
};

/* As the box's options say, an image or tare's own tree. */
int rooted_open(const struct box_ops *ops, const struct box_config *config, enum rooted_kind kind,
		struct rooted *ret, struct tare_err *err);
int rooted_start(const struct rooted *rooted, const struct box_exec *exec, struct box_process *ret,
		 struct tare_err *err);
int rooted_close(struct rooted *rooted, struct tare_err *err);
