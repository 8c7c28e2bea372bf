/* SPDX-License-Identifier: MIT */
#include "machine/vm/idle.h"

#include "base/clock.h"
#include "base/json.h"
#include "kernel/program.h"

void idle_begin(struct idle *idle, pid_t qemu)
{
	idle->resting = program_cpu_ns(qemu, &idle->cpu_at);
	idle->wall_at = clock_now_ns();
}

void idle_end(struct idle *idle, pid_t qemu)
{
	uint64_t cpu;

	if (idle->resting && program_cpu_ns(qemu, &cpu) && cpu >= idle->cpu_at) {
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
