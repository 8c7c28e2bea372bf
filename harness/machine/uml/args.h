/* SPDX-License-Identifier: MIT */
#pragma once
/* args: the command line of User-Mode Linux, which is its kernel's too. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;

/* Its descriptors. It is another user who may not reach our folders: what it opens, it opens by
 * /proc/self/fd. */
enum uml_fd {
	UML_FD_CONSOLE = 1, /* and 2 */
	UML_FD_CHANNEL = 3, /* line 0: messages */
	UML_FD_STDIO,       /* line 1: bytes of exec */
	UML_FD_PULSE,       /* line 2: signs of life */
	UML_FD_KERNEL,
	UML_FD_INITRD,
	UML_FD_DISK,
	UML_FD_ROOT_DISK,
	UML_FDS
};

struct uml_args_config {
	uint64_t memory_bytes;
	const char *folder;   /* its own, for what it makes */
	bool disk, root_disk; /* they are there */
};

#define UML_ARGS_MAX 24

struct uml_args {
	char *argv[UML_ARGS_MAX]; /* ended by NULL */
	size_t n;
};

int uml_args_make(struct uml_args *args, const struct uml_args_config *config,
		  struct tare_err *err);
void uml_args_clear(struct uml_args *args);
