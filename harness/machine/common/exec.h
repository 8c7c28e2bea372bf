/* SPDX-License-Identifier: MIT */
#pragma once
/* exec: one process in a box on the host, with our stdin, stdout and stderr. */

struct tare_err;
struct trial_place;
struct trial_spec;
struct machine_stdio;

/* As machine_ops.exec. */
int host_exec(const struct trial_place *place, const struct trial_spec *spec, char *const *argv,
	      char *const *envp, const char *cwd, const struct machine_stdio *stdio,
	      int *ret_status, struct tare_err *err);
