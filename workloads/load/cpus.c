/* SPDX-License-Identifier: MIT */
#include "cpus.h"

#include <sched.h>

#include "base/err.h"

static int bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* The player's own mask may be narrower than the cpuset. */
int cpus_leave(int own)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (cpu != own && bind_to(cpu) == 0)
			return 0;
	return -1;
}

/* Before the helper is there: whether it will find a CPU. Ends where it began. */
int cpus_stay(bool needs_other, struct tare_err *err)
{
	int own = sched_getcpu();

	if (own < 0)
		return err_errno(err, "getcpu");
	if (needs_other && cpus_leave(own) < 0)
		return err_set(err, ENOTSUP,
			       "a second CPU is needed, and CPU %d is the only one here", own);
	if (bind_to(own) < 0)
		return err_errno(err, "stay on CPU %d", own);
	return own;
}
