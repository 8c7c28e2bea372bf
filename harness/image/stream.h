/* SPDX-License-Identifier: MIT */
#pragma once
/* stream: the bytes of a layer's archive, unpacked, counted and digested on their way. */

#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "image/layer.h"

struct tare_err;
struct stream;

int stream_open(const struct layer_source *source, const struct image_limits *limits,
		uint64_t bytes_before, struct stream **ret, struct tare_err *err);
/* The next block; 0 at the end. *ret is the stream's until the next call. -E2BIG, -EBADMSG. */
ssize_t stream_read(struct stream *stream, const void **ret, struct tare_err *err);
/* Read on to the end: an archive may be followed by padding, which the digest is over too. */
int stream_finish(struct stream *stream, char ret_digest[DIGEST_SIZE], struct tare_err *err);
uint64_t stream_bytes(const struct stream *stream);
void stream_close(struct stream *stream);
