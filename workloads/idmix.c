/* SPDX-License-Identifier: MIT */
/* Five short calls that share nothing but the way in and out: the classic mix, whose figure says
 * little about any one of them, and is known from other suites. */

#include <sys/stat.h>
#include <unistd.h>

#include "dup.h"
#include "workload.h"

static int idmix_run(void *state, uint64_t iters, struct tare_err *err)
{
	(void)state;
	for (uint64_t i = 0; i < iters; i++) {
		int r = dup_and_close(err);

		if (r < 0)
			return r;
		(void)getpid();
		(void)getuid();
		(void)umask(022);
	}
	return 0;
}

const struct workload workload_idmix = {
	.name = "idmix",
	.summary = "five short system calls",
	.op = "dup(2), close(2), getpid(2), getuid(2) and umask(2)",
	.groups = "syscall",
	.syscalls = (const struct workload_syscall[]){{"dup", 1, NULL},
						      {"close", 1, NULL},
						      {"getpid", 1, NULL},
						      {"getuid", 1, NULL},
						      {"umask", 1, NULL},
						      {NULL, 0, NULL}},
	.run = idmix_run,
};
