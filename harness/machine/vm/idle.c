/* SPDX-License-Identifier: MIT */
#include "machine/vm/idle.h"

#include <time.h>

#include "base/clock.h"
#include "base/json.h"

bool idle_read_cpu(pid_t pid, uint64_t *ret)
{
	struct timespec t;
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return false;
	*ret = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	return true;
}

void idle_begin(struct idle *idle, pid_t qemu)
{
	idle->resting = idle_read_cpu(qemu, &idle->cpu_at);
	idle->wall_at = clock_now_ns();
}

void idle_end(struct idle *idle, pid_t qemu)
{
	uint64_t cpu;

	if (idle->resting && idle_read_cpu(qemu, &cpu) && cpu >= idle->cpu_at) {
		idle->cpu_ns += cpu - idle->cpu_at;
		idle->wall_ns += clock_now_ns() - idle->wall_at;
	}
	idle->resting = false;
}

json_t *idle_since(const struct idle *idle, const struct idle *then)
{
	if (idle->wall_ns == then->wall_ns)
		return NULL;
	return json_pack("{s:o, s:o}", "cpu_ns", json_u64(idle->cpu_ns - then->cpu_ns), "wall_ns",
			 json_u64(idle->wall_ns - then->wall_ns));
}
