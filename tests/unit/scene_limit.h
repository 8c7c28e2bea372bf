/* SPDX-License-Identifier: MIT */
#pragma once
/* scene_limit: limits of a scene's group, by the files of either version. */

#include "base/fd.h"
#include "scene.h"

/* Write a limit to the file that the hierarchy's version has for it; NULL: it has none. */
static inline void write_limit(const struct cgroup *cgroup, enum cgroup_controller controller,
			       const char *v1_file, const char *v1_text, const char *v2_file,
			       const char *v2_text)
{
	struct tare_err err = {0};
	int version = 0, fd = cgroup_controller_fd(cgroup, controller, &version);
	const char *file = version == 1 ? v1_file : v2_file;

	if (fd >= 0 && file)
		scene_need(fd_write_file(fd, file, version == 1 ? v1_text : v2_text, &err), &err);
}
