/* SPDX-License-Identifier: MIT */
#pragma once
/* child: the new process's way from clone3 to execve. */

#include <stdint.h>

#include "base/err.h"
#include "box/common/spawn.h"

/* One message to the parent: err.code 0 says that the box stands. */
struct child_report {
	uint64_t up_ns; /* 0 until then: a failure before it is the box's, not the program's */
	struct tare_err err;
};

/* Never comes back: neither must the parent's cleanups run here. */
_Noreturn void child_run(const struct spawn *spawn, const struct box_exec *exec, int sock,
			 int parents_sock);
