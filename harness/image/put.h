/* SPDX-License-Identifier: MIT */
#pragma once
/* put: puts one planned entry into a layer's folder, by descriptors, following no link. */

#include <stdint.h>
#include <sys/stat.h>

#include "image/plan.h"

struct archive_entry;
struct tare_err;

/* The folder a plan names, made where it is missing, with those above it: *ret_made of them, the
 * last parts of the way. -EBADMSG: a part of it is a link or a file. */
int put_open_parent(int dir_fd, const char *parent, size_t *ret_made, struct tare_err *err);

/* Hide name of the layers below: unless this layer has something of that name. */
int put_whiteout(int parent_fd, const char *name, struct tare_err *err);
/* Hide all that the layers below have in this folder. */
int put_opaque(int folder_fd, struct tare_err *err);
/* Another name of target, a file of this layer. */
int put_hardlink(int dir_fd, const char *target, int parent_fd, const char *name,
		 struct tare_err *err);

/* Make name as the entry says, replacing what is there; a regular file stays open for its data
 * as *ret_fd, else it is -1. */
int put_entry(int parent_fd, const char *name, struct archive_entry *entry, int *ret_fd,
	      struct tare_err *err);
/* Owner, mode, attributes and times, when the data are there. fd: of the file or -1. Counts in
 * *left_out the attributes that an image may not have. */
int put_metadata(int parent_fd, const char *name, int fd, struct archive_entry *entry,
		 uint64_t *left_out, struct tare_err *err);
