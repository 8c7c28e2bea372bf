/* SPDX-License-Identifier: MIT */
#pragma once
/* source: where an image comes from: oci:DIR[:TAG], oci-archive:FILE[:TAG],
 * docker-archive:FILE[:TAG] or rootfs:DIR, in the words of containers-transports(5). */

#include <jansson.h>
#include <sys/types.h>

#include "base/digest.h"
#include "image/limits.h"

struct tare_err;

enum source_kind { SOURCE_OCI, SOURCE_OCI_ARCHIVE, SOURCE_DOCKER_ARCHIVE, SOURCE_TREE };

struct source {
	enum source_kind kind;
	char *path, *tag; /* tag NULL: none given */
	int dir_fd;       /* with the image's files */
};

/* -EINVAL: what text says is no source. */
int source_parse(const char *text, struct source *ret, struct tare_err *err);
/* Open it; an archive is unpacked into the empty folder work_fd first. */
int source_open(struct source *source, int work_fd, const struct image_limits *limits,
		struct tare_err *err);
void source_close(struct source *source);

/* A regular file of the source, beneath its folder and through no link. digest NULL: unknown. It
 * is checked before anything of the file is looked at. */
int source_open_file(const struct source *source, const char *path, const char *digest,
		     off_t *ret_size, struct tare_err *err);
/* A file of JSON. */
int source_read_json(const struct source *source, const char *path, const char *digest,
		     json_t **ret, struct tare_err *err);
