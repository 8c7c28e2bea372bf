/* SPDX-License-Identifier: MIT */
#pragma once
/* digest: SHA-256 as 64 hexadecimal digits. */

#include <stddef.h>

#define DIGEST_SIZE 65

struct tare_err;

/* Of all that can be read from fd, from its start. */
int digest_fd(int fd, char ret_hex[DIGEST_SIZE], struct tare_err *err);
int digest_file(const char *path, char ret_hex[DIGEST_SIZE], struct tare_err *err);
int digest_bytes(const void *bytes, size_t size, char ret_hex[DIGEST_SIZE], struct tare_err *err);
