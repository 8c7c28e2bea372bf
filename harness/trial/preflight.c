/* SPDX-License-Identifier: MIT */
#include "trial/preflight.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/json.h"
#include "trial/trial.h"

int trial_try_limits(const struct trial_place *place, const struct limits *limits,
		     struct tare_err *err)
{
	static atomic_uint number;
	struct limits here = *limits;
	cleanup_json json_t *read_back = NULL;
	struct cgroup *cgroup;
	char name[96];
	int r, gone;

	(void)snprintf(name, sizeof(name), "%.60s-try%u", place->group_prefix,
		       atomic_fetch_add(&number, 1));
	r = cgroup_create(&place->layout, name, limits_controllers(limits), place->box.journal,
			  &cgroup, err);
	if (r < 0)
		return r;
	here.work_dir = place->box.work_dir;
	r = limits_apply(&here, cgroup, err);
	if (r == 0)
		r = limits_read_back(&here, cgroup, &read_back, err);
	gone = cgroup_destroy(cgroup, err);
	return r < 0 ? r : gone;
}
