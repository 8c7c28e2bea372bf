/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"

/* A machine with some ten thousand containers has this much; more is not read. */
#define MOUNTINFO_MAX (16U << 20)

/* v1: the word in the mount's options. v2: the word in cgroup.controllers, NULL: part of
 * another one or of the core. */
static const struct {
	const char *name, *v1, *v2;
} controllers[CGROUP_N_CONTROLLERS] = {
	[CGROUP_CPU] = {"cpu", "cpu", "cpu"},
	[CGROUP_CPUACCT] = {"cpuacct", "cpuacct", "cpu"},
	[CGROUP_CPUSET] = {"cpuset", "cpuset", "cpuset"},
	[CGROUP_MEMORY] = {"memory", "memory", "memory"},
	[CGROUP_PIDS] = {"pids", "pids", "pids"},
	[CGROUP_IO] = {"io", "blkio", "io"},
	[CGROUP_FREEZER] = {"freezer", "freezer", NULL},
};

/* What is used of a line of /proc/PID/mountinfo, see proc_pid_mountinfo(5). */
struct mount_line {
	char *root, *point, *type, *options;
};

const char *cgroup_controller_name(enum cgroup_controller controller)
{
	return controllers[controller].name;
}

/* "\040" and the like, which the kernel writes for blanks and backslashes, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' && at[2] <= '7' &&
		    at[3] >= '0' && at[3] <= '7') {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

static bool split_line(char *line, struct mount_line *ret)
{
	char *fields[6];
	char *field;

	for (size_t i = 0; i < 6; i++)
		if (!(fields[i] = strsep(&line, " ")))
			return false;
	do {
		field = strsep(&line, " ");
	} while (field && strcmp(field, "-") != 0);
	ret->root = fields[3];
	ret->point = fields[4];
	ret->type = strsep(&line, " ");
	(void)strsep(&line, " "); /* the source */
	ret->options = strsep(&line, " ");
	if (!field || !ret->type || !ret->options || ret->point[0] != '/')
		return false;
	unescape(ret->root);
	unescape(ret->point);
	return true;
}

/* Of several mounts of a hierarchy the first that shows its root is best: the others are
 * bound into containers. */
static void offer(struct cgroup_hierarchy *to, bool *has_root, int version,
		  const struct mount_line *line)
{
	bool is_root = strcmp(line->root, "/") == 0;

	if (to->version && (*has_root || !is_root))
		return;
	to->version = version;
	(void)snprintf(to->mount, sizeof(to->mount), "%s", line->point);
	*has_root = is_root;
}

static void take_line(struct cgroup_layout *layout, bool has_root[CGROUP_N_CONTROLLERS + 1],
		      const struct mount_line *line)
{
	if (strlen(line->point) >= sizeof(layout->unified.mount))
		return;
	if (strcmp(line->type, "cgroup2") == 0)
		offer(&layout->unified, &has_root[CGROUP_N_CONTROLLERS], 2, line);
	if (strcmp(line->type, "cgroup") != 0)
		return;
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++)
		if (text_has_word(line->options, ",", controllers[i].v1))
			offer(&layout->controllers[i], &has_root[i], 1, line);
}

/* Give the controllers that v2 has to v2. A controller is in one hierarchy only, so what
 * cgroup.controllers lists is in no v1 mount, and a mount that claims otherwise is stale. */
static void take_unified(struct cgroup_layout *layout, int root_fd)
{
	char path[192], list[512];
	struct stat st;

	/* "Exists in all cgroups except for the root" (cgroup-v2.rst on cgroup.events). */
	(void)snprintf(path, sizeof(path), "./%s/cgroup.events", layout->unified.mount);
	layout->nested |= fstatat(root_fd, path, &st, 0) == 0;

	(void)snprintf(path, sizeof(path), "./%s/cgroup.controllers", layout->unified.mount);
	if (fd_read_file_quiet(root_fd, path, list, sizeof(list)) < 0)
		list[0] = '\0';
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++)
		if (controllers[i].v2 && text_has_word(list, " \n", controllers[i].v2) &&
		    (i != CGROUP_CPUACCT || !layout->controllers[i].version))
			layout->controllers[i] = layout->unified;
	if (!layout->controllers[CGROUP_FREEZER].version)
		layout->controllers[CGROUP_FREEZER] = layout->unified;
}

int cgroup_layout_parse(const char *mountinfo, int root_fd, struct cgroup_layout *ret,
			struct tare_err *err)
{
	bool has_root[CGROUP_N_CONTROLLERS + 1] = {false};
	struct cgroup_layout layout = {0};
	cleanup_free char *copy = strdup(mountinfo);
	char *rest = copy, *text;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	while ((text = strsep(&rest, "\n"))) {
		struct mount_line line;

		if (split_line(text, &line))
			take_line(&layout, has_root, &line);
	}
	if (layout.unified.version) {
		layout.nested = !has_root[CGROUP_N_CONTROLLERS];
		take_unified(&layout, root_fd);
	}
	*ret = layout;
	return 0;
}

/* A line stays in mountinfo when another mount covers it. */
static void drop_if_covered(struct cgroup_hierarchy *hierarchy)
{
	struct statfs fs;

	if (statfs(hierarchy->mount, &fs) < 0 ||
	    fs.f_type != (hierarchy->version == 2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC))
		*hierarchy = (struct cgroup_hierarchy){0};
}

int cgroup_layout_read(struct cgroup_layout *ret, struct tare_err *err)
{
	cleanup_close int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	ssize_t n = -EFBIG;
	int r;

	if (root_fd < 0)
		return err_errno(err, "open '/'");
	for (size_t size = 1U << 16; n == -EFBIG && size <= MOUNTINFO_MAX; size *= 4) {
		char *more = realloc(text, size);

		if (!more)
			return err_set(err, ENOMEM, "out of memory");
		text = more;
		n = fd_read_file_quiet(AT_FDCWD, "/proc/self/mountinfo", text, size);
	}
	if (n < 0)
		return err_set(err, (int)-n, "read '/proc/self/mountinfo': is /proc mounted?");
	r = cgroup_layout_parse(text, root_fd, ret, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++)
		if (ret->controllers[i].version)
			drop_if_covered(&ret->controllers[i]);
	if (ret->unified.version)
		drop_if_covered(&ret->unified);
	return 0;
}

bool cgroup_layout_read_v2(struct cgroup_layout *ret)
{
	static const char *const places[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};

	*ret = (struct cgroup_layout){0};
	for (size_t i = 0; i < 2 && !ret->unified.version; i++) {
		ret->unified.version = 2;
		(void)snprintf(ret->unified.mount, sizeof(ret->unified.mount), "%s", places[i]);
		drop_if_covered(&ret->unified);
	}
	return ret->unified.version == 2;
}

const char *cgroup_layout_mode(const struct cgroup_layout *layout)
{
	bool v1 = false;

	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++)
		v1 |= layout->controllers[i].version == 1;
	if (layout->unified.version)
		return v1 ? "hybrid" : "v2";
	return v1 ? "v1" : "none";
}

size_t cgroup_layout_mounts(const struct cgroup_layout *layout,
			    const struct cgroup_hierarchy *ret[CGROUP_MAX_MOUNTS])
{
	size_t n = 0;

	if (layout->unified.version)
		ret[n++] = &layout->unified;
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++) {
		size_t seen = 0;

		if (!layout->controllers[i].version)
			continue;
		while (seen < n && strcmp(ret[seen]->mount, layout->controllers[i].mount) != 0)
			seen++;
		if (seen == n)
			ret[n++] = &layout->controllers[i];
	}
	return n;
}
