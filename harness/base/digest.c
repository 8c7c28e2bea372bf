/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

static void cleanup_ctxp(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static int begin(EVP_MD_CTX **ret, struct tare_err *err)
{
	*ret = EVP_MD_CTX_new();
	if (!*ret || EVP_DigestInit_ex(*ret, EVP_sha256(), NULL) != 1)
		return err_set(err, ENOMEM, "sha256: libcrypto cannot begin");
	return 0;
}

static int end(EVP_MD_CTX *ctx, char hex[DIGEST_SIZE], struct tare_err *err)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	if (EVP_DigestFinal_ex(ctx, raw, &size) != 1 || size != 32)
		return err_set(err, EIO, "sha256: libcrypto cannot finish");
	for (size_t i = 0; i < size; i++)
		(void)snprintf(hex + i * 2, 3, "%02x", raw[i]);
	return 0;
}

int digest_fd(int fd, char ret_hex[DIGEST_SIZE], struct tare_err *err)
{
	__attribute__((cleanup(cleanup_ctxp))) EVP_MD_CTX *ctx = NULL;
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
			return end(ctx, ret_hex, err);
		if (EVP_DigestUpdate(ctx, buf, (size_t)n) != 1)
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
	__attribute__((cleanup(cleanup_ctxp))) EVP_MD_CTX *ctx = NULL;
	int r = begin(&ctx, err);

	if (r < 0)
		return r;
	if (EVP_DigestUpdate(ctx, bytes, size) != 1)
		return err_set(err, EIO, "sha256: libcrypto cannot go on");
	return end(ctx, ret_hex, err);
}
