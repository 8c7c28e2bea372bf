/* SPDX-License-Identifier: MIT */
#pragma once
/* exec: one process in a box of the guest, with our stdin, stdout, stderr and signals. */

struct guest;
struct tare_err;
struct trial_spec;
struct machine_stdio;

/* As machine_ops.exec. */
int vm_exec(struct guest *guest, const struct trial_spec *spec, char *const *argv,
	    char *const *envp, const char *cwd, const struct machine_stdio *stdio, int *ret_status,
	    struct tare_err *err);
