/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

/* libcrypto's EVP interface fetches its algorithms from a provider, reads openssl.cnf and takes
 * 1.5 ms for that at the first digest, as long as a whole container's launch: these functions,
 * deprecated in its version 3, do not. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static int begin(SHA256_CTX *ctx, struct tare_err *err)
{
	if (SHA256_Init(ctx) != 1)
		return err_set(err, EIO, "sha256: libcrypto cannot begin");
	return 0;
}

static int end(SHA256_CTX *ctx, char hex[DIGEST_SIZE], struct tare_err *err)
{
	unsigned char raw[SHA256_DIGEST_LENGTH];

	if (SHA256_Final(raw, ctx) != 1)
		return err_set(err, EIO, "sha256: libcrypto cannot finish");
	for (size_t i = 0; i < sizeof(raw); i++)
		(void)snprintf(hex + i * 2, 3, "%02x", raw[i]);
	return 0;
}

int digest_fd(int fd, char ret_hex[DIGEST_SIZE], struct tare_err *err)
{
	SHA256_CTX ctx;
	char buf[65536];
	off_t at = 0;
	int r = begin(&ctx, err);

	if (r < 0)
		return r;
	for (;;) {
		ssize_t n = pread(fd, buf, sizeof(buf), at);

		if (n < 0)
			return err_errno(err, "read");
		if (n == 0)
			return end(&ctx, ret_hex, err);
		if (SHA256_Update(&ctx, buf, (size_t)n) != 1)
			return err_set(err, EIO, "sha256: libcrypto cannot go on");
		at += n;
	}
}

int digest_file(const char *path, char ret_hex[DIGEST_SIZE], struct tare_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "open '%s'", path);
	return err_wrap(err, digest_fd(fd, ret_hex, err), "sha256 of '%s'", path);
}

int digest_bytes(const void *bytes, size_t size, char ret_hex[DIGEST_SIZE], struct tare_err *err)
{
	SHA256_CTX ctx;
	int r = begin(&ctx, err);

	if (r < 0)
		return r;
	if (SHA256_Update(&ctx, bytes, size) != 1)
		return err_set(err, EIO, "sha256: libcrypto cannot go on");
	return end(&ctx, ret_hex, err);
}
