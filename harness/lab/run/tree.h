/* SPDX-License-Identifier: MIT */
#pragma once
/* tree: the image of the lab on union filesystems: a shell, df, and large files. */

#include <stddef.h>

struct tare_err;
struct lab_work;

#define TREE_IMAGE    "tare-lab-union"
#define TREE_FILES    8
#define TREE_FILE_MIB 8

/* -ENOTSUP: there is no static busybox. */
int tree_probe(struct tare_err *err);
/* Have the image, which stays in the store: all who do the lab need the same one. */
int tree_image(const struct lab_work *work, struct tare_err *err);
