/* SPDX-License-Identifier: MIT */
#pragma once
/* process: User-Mode Linux as a program of the host: a Linux kernel, which traces the processes of
 * its guest by ptrace(2) and carries their system calls out itself.
 *
 * Its kernel's code is a process of ours: whoever is root in the guest can have it do any system
 * call, by a module. So it is a user whom nobody else is, in a PID namespace of its own; when it
 * is killed, the guest's processes, which would go on as the host's, die with it. */

#include "machine/vm/qemu.h"

struct tare_err;

/* As qemu_start(), and its end by qemu_close(). Of the config it takes memory_bytes, kernel,
 * initrd, disk, root_disk, cpus, name, cgroup and journal. */
int uml_start(struct qemu *ret, const struct qemu_config *config, uint64_t deadline_ns,
	      struct tare_err *err);

/* Where the guests' memory is, as files; *ret_swift: on no disk. */
const char *uml_memory_folder(bool *ret_swift);
/* Remove what it made. */
int uml_remove_folder(const char *name, struct tare_err *err);
