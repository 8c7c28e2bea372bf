/* SPDX-License-Identifier: MIT */
#include "common/trace.h"

#include <sys/stat.h>

#include "base/err.h"

int trace_missing(const struct trace_ops *ops, json_t *figures, struct tare_err *err)
{
	void *trace = NULL;
	int r = ops->open(NULL, figures, &trace, err);

	ops->close(trace);
	return r;
}

int trace_group_id(const struct cgroup *group, enum cgroup_controller controller, uint64_t *ret,
		   struct tare_err *err)
{
	int fd = cgroup_controller_fd(group, controller, NULL);
	struct stat st;

	if (fd < 0)
		return err_set(err, ENOTSUP, "the group has no controller '%s'",
			       cgroup_controller_name(controller));
	if (fstat(fd, &st) < 0)
		return err_errno(err, "look at the group's directory");
	*ret = st.st_ino;
	return 0;
}
