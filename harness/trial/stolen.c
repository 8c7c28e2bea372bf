/* SPDX-License-Identifier: MIT */
#include "trial/stolen.h"

#include "base/clock.h"
#include "base/json.h"
#include "kernel/cpu_times.h"

void stolen_read(struct stolen *ret)
{
	struct cpu_times times = {0};
	bool known = cpu_times_read(CPU_TIMES_ALL, &times);

	*ret = (struct stolen){clock_now_ns(), times.steal_us, known};
}

json_t *stolen_between(const struct stolen *begin, const struct stolen *end)
{
	if (!begin->known || !end->known || end->us < begin->us)
		return NULL;
	return json_pack("{s:o, s:o}", "steal_us", json_u64(end->us - begin->us), "wall_ns",
			 json_u64(end->at_ns - begin->at_ns));
}
