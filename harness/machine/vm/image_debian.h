/* SPDX-License-Identifier: MIT */
#pragma once
/* image_debian: the newest cloud kernel of Debian, or its User-Mode Linux, by apt's lists, without
 * installing it. */

#include "machine/vm/image.h"

struct tare_err;

struct image_debian {
	char package[128]; /* "linux-image-6.1.0-56-cloud-amd64" */
	char version[128];
};

/* Ask apt which it is (config->uml: of which). -ENOTSUP: this system has no apt; -ENOENT: apt does
 * not know it. */
int image_debian_find(const struct image_config *config, struct image_debian *ret,
		      struct tare_err *err);

/* Of what `apt-cache show linux-image-cloud-amd64` says. -EBADMSG: it does not. */
int image_debian_parse(const char *text, struct image_debian *ret, struct tare_err *err);

/* Of what it says of user-mode-linux, which is the kernel itself. */
int image_debian_parse_uml(const char *text, struct image_debian *ret, struct tare_err *err);

/* Fetch it and unpack it at TEMP/root. */
int image_debian_unpack(const struct image_config *config, const struct image_debian *debian,
			const char *temp, struct tare_err *err);
