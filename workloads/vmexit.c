/* SPDX-License-Identifier: MIT */
/* What a hypervisor must carry out itself, without a system call: CPUID leaves a guest always, a
 * byte to a port that nobody listens to leaves it by another way. On a machine that is none's
 * guest they are the control. How a guest's idle CPU is woken is seen by pingpong,cpu=other. */

#include <cpuid.h>
#include <sys/io.h>

#include "base/err.h"
#include "param.h"
#include "refusal.h"
#include "workload.h"

#define PORT 0x80 /* of diagnostic codes at boot */

enum vmexit_by { VMEXIT_CPUID, VMEXIT_PORT };

struct vmexit {
	int by;
};

static int vmexit_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct vmexit *s = state;

	s->by = param_choice("by", params[0], "cpuid|port", err);
	if (s->by < 0)
		return s->by;
	if (s->by == VMEXIT_PORT && ioperm(PORT, 1, 1) < 0)
		return refusal_errno(err, "ioperm");
	return 0;
}

static int vmexit_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct vmexit *s = state;
	unsigned int a, b, c, d;

	(void)err;
	if (s->by == VMEXIT_PORT) {
		for (uint64_t i = 0; i < iters; i++)
			outb(0, PORT);
		return 0;
	}
	for (uint64_t i = 0; i < iters; i++)
		__cpuid(0, a, b, c, d);
	return 0;
}

const struct workload workload_vmexit = {
	.name = "vmexit",
	.summary = "an instruction that a guest's hypervisor carries out",
	.op = "CPUID, or OUT to port 0x80",
	.groups = "syscall",
	.params = (const struct workload_param[]){{"by", "the instruction: cpuid|port", "cpuid"},
						  {NULL, NULL, NULL}},
	.state_size = sizeof(struct vmexit),
	.setup = vmexit_setup,
	.run = vmexit_run,
};
