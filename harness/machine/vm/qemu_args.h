/* SPDX-License-Identifier: MIT */
#pragma once
/* qemu_args: QEMU's command line. */

#include <stddef.h>

struct qemu_config;
struct tare_err;

/* Descriptors that QEMU inherits. */
enum qemu_fd {
	QEMU_FD_QMP = 3,
	QEMU_FD_CHANNEL,
	QEMU_FD_STDIO,
	QEMU_FD_PULSE,
	QEMU_FD_DEBUG,
	QEMU_FD_CONSOLE,
	QEMU_FD_INCOMING,
	QEMU_FD_MEMORY,
	QEMU_FD_TAP,
	QEMU_FDS,
};

/* Of the guest's network device; the frames go through QEMU itself, not the host's kernel (vhost).
 */
#define QEMU_NETWORK_MODEL   "virtio-net-pci"
#define QEMU_NETWORK_ADDRESS "52:54:00:fe:00:02"

#define QEMU_ARGS_MAX 96

struct qemu_args {
	char *argv[QEMU_ARGS_MAX + 1];
	size_t n;
	int failed; /* -ENOMEM, -E2BIG */
};

int qemu_args_make(struct qemu_args *args, const struct qemu_config *config, struct tare_err *err);
void qemu_args_clear(struct qemu_args *args);
