/* SPDX-License-Identifier: MIT */
#include "image/stream.h"

#include <archive.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

#define BLOCK 65536

struct stream {
	struct archive *packed;
	EVP_MD_CTX *digest;
	const struct image_limits *limits;
	uint64_t packed_bytes, bytes, before;
	unsigned char block[BLOCK];
};

static int broken(struct archive *archive, struct tare_err *err)
{
	const char *why = archive_error_string(archive);

	return err_set(err, EBADMSG, "the layer cannot be unpacked: %s",
		       why ? why : "it is damaged");
}

static int choose_packing(struct archive *a, enum layer_packing packing)
{
	switch (packing) {
	case LAYER_GZIP:
		return archive_read_support_filter_gzip(a);
	case LAYER_ZSTD:
		return archive_read_support_filter_zstd(a);
	case LAYER_PLAIN:
		break;
	}
	return ARCHIVE_OK;
}

int stream_open(const struct layer_source *source, const struct image_limits *limits,
		uint64_t bytes_before, struct stream **ret, struct tare_err *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct archive_entry *entry;
	int r = 0;

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->limits = limits;
	s->before = bytes_before;
	s->packed_bytes = source->packing == LAYER_PLAIN ? 0 : source->packed_bytes;
	s->digest = EVP_MD_CTX_new();
	s->packed = archive_read_new();
	if (!s->digest || !s->packed || EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1)
		r = err_set(err, ENOMEM, "out of memory");
	/* What the media type says, and nothing that libarchive would guess. */
	else if (choose_packing(s->packed, source->packing) != ARCHIVE_OK ||
		 archive_read_support_format_raw(s->packed) != ARCHIVE_OK ||
		 archive_read_open_fd(s->packed, source->fd, BLOCK) != ARCHIVE_OK ||
		 archive_read_next_header(s->packed, &entry) != ARCHIVE_OK)
		r = broken(s->packed, err);
	else if (source->packing != LAYER_PLAIN && archive_filter_count(s->packed) < 2)
		r = err_set(err, EBADMSG, "the layer is not packed as its media type says");
	if (r < 0) {
		stream_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int check_size(const struct stream *s, struct tare_err *err)
{
	if (s->before + s->bytes > s->limits->bytes)
		return err_set(err, E2BIG, "the image unpacks to more than %llu MB",
			       (unsigned long long)(s->limits->bytes >> 20));
	if (s->packed_bytes && s->bytes > s->limits->ratio_from &&
	    s->bytes / s->limits->ratio > s->packed_bytes)
		return err_set(err, E2BIG,
			       "the layer unpacks to more than %llu times its size: it is a "
			       "decompression bomb",
			       (unsigned long long)s->limits->ratio);
	return 0;
}

ssize_t stream_read(struct stream *s, const void **ret, struct tare_err *err)
{
	la_ssize_t n = archive_read_data(s->packed, s->block, sizeof(s->block));
	int r;

	if (n < 0)
		return broken(s->packed, err);
	s->bytes += (uint64_t)n;
	r = check_size(s, err);
	if (r < 0)
		return r;
	if (EVP_DigestUpdate(s->digest, s->block, (size_t)n) != 1)
		return err_set(err, EIO, "libcrypto cannot digest");
	*ret = s->block;
	return n;
}

int stream_finish(struct stream *s, char ret_digest[DIGEST_SIZE], struct tare_err *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	const void *block;
	ssize_t n;

	do {
		n = stream_read(s, &block, err);
	} while (n > 0);
	if (n < 0)
		return (int)n;
	if (EVP_DigestFinal_ex(s->digest, sum, &size) != 1 || size * 2 + 1 != DIGEST_SIZE)
		return err_set(err, EIO, "libcrypto cannot digest");
	for (unsigned int i = 0; i < size; i++)
		(void)snprintf(ret_digest + (size_t)2 * i, 3, "%02x", sum[i]);
	return 0;
}

uint64_t stream_bytes(const struct stream *s)
{
	return s->bytes;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	if (s->packed)
		(void)archive_read_free(s->packed);
	EVP_MD_CTX_free(s->digest);
	free(s);
}
