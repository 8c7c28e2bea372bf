/* SPDX-License-Identifier: MIT */
#include "kernel/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/cgroup_tree.h"
#include "kernel/journal.h"

/* A dead task leaves its group within a few ms, on a loaded machine within tens. */
#define REMOVE_TIMEOUT_MS 2000

struct cgroup_dir {
	char mount[sizeof(((struct cgroup_hierarchy *)0)->mount)];
	int version;
	unsigned int controllers; /* those asked for that it serves */
	int mount_fd;
	int fd;       /* -1: not made (yet) */
	int tasks_fd; /* v1 */
};

struct cgroup {
	char name[64];
	struct cgroup_dir dirs[CGROUP_MAX_MOUNTS];
	size_t n_dirs;
	uint64_t v2_id;
	struct journal *journal; /* that it is noted in; NULL: in none */
};

static int refuse(const char *what, const char *where, struct tare_err *err)
{
	int code = errno;

	if (code == EACCES || code == EPERM || code == EROFS)
		return err_set(err, code,
			       "%s '%s': not allowed: run as root, or give this user a delegated "
			       "cgroup",
			       what, where);
	return err_errno(err, "%s '%s'", what, where);
}

static int add_dir(struct cgroup *cgroup, const struct cgroup_hierarchy *at, unsigned int bits,
		   struct tare_err *err)
{
	struct cgroup_dir *dir = cgroup->dirs;
	struct cgroup_dir *end = cgroup->dirs + cgroup->n_dirs;

	while (dir < end && strcmp(dir->mount, at->mount) != 0)
		dir++;
	if (dir < end) {
		dir->controllers |= bits;
		return 0;
	}
	*dir = (struct cgroup_dir){
		.version = at->version, .controllers = bits, .fd = -1, .tasks_fd = -1};
	memcpy(dir->mount, at->mount, sizeof(dir->mount));
	dir->mount_fd = open(at->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->mount_fd < 0)
		return refuse("open cgroup mount", at->mount, err);
	cgroup->n_dirs++;
	return 0;
}

/* Which directories there have to be. */
static int plan_dirs(struct cgroup *cgroup, const struct cgroup_layout *layout,
		     unsigned int controllers, struct tare_err *err)
{
	int r;

	if (layout->unified.version && (r = add_dir(cgroup, &layout->unified, 0, err)) < 0)
		return r;
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++) {
		if (!(controllers & CGROUP_BIT(i)))
			continue;
		if (!layout->controllers[i].version)
			return err_set(err, ENOTSUP,
				       "cgroup controller '%s' is not to be had here: no mount "
				       "and no cgroup.controllers lists it",
				       cgroup_controller_name((enum cgroup_controller)i));
		if ((r = add_dir(cgroup, &layout->controllers[i], CGROUP_BIT(i), err)) < 0)
			return r;
	}
	if (cgroup->n_dirs == 0)
		return err_set(err, ENOTSUP,
			       "no cgroup filesystem is mounted: mount one of version 2 at "
			       "/sys/fs/cgroup");
	return 0;
}

static int enable_one(const struct cgroup_dir *dir, const char *name, struct tare_err *err)
{
	char text[32];
	int r;

	(void)snprintf(text, sizeof(text), "+%s", name);
	r = fd_write_file(dir->mount_fd, "cgroup.subtree_control", text, NULL);
	if (r == -EBUSY)
		return err_set(
			err, EBUSY,
			"cgroup controller '%s': '%s' holds processes of its own, so that it "
			"cannot be given on; start tare in a group below, or in the root",
			name, dir->mount);
	if (r == -ENOENT)
		return err_set(err, ENOTSUP,
			       "cgroup controller '%s' is not delegated to '%s', or disabled", name,
			       dir->mount);
	if (r < 0) {
		errno = -r;
		return refuse("enable the cgroup controllers of", dir->mount, err);
	}
	return 0;
}

/* Let a v2 mount's groups have the controllers. It is not undone: a controller without a limit
 * changes nothing, and others may have come to rely on it. */
static int enable_controllers(const struct cgroup_dir *dir, struct tare_err *err)
{
	static const enum cgroup_controller wanted[] = {CGROUP_CPU, CGROUP_CPUSET, CGROUP_MEMORY,
							CGROUP_PIDS, CGROUP_IO};
	unsigned int bits = dir->controllers;
	char have[512];
	int r;

	if (!bits)
		return 0;
	if (bits & CGROUP_BIT(CGROUP_CPUACCT))
		bits |= CGROUP_BIT(CGROUP_CPU);
	if (fd_read_file_quiet(dir->mount_fd, "cgroup.subtree_control", have, sizeof(have)) < 0)
		have[0] = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const char *name = cgroup_controller_name(wanted[i]);

		if (!(bits & CGROUP_BIT(wanted[i])) || text_has_word(have, " \n", name))
			continue;
		if ((r = enable_one(dir, name, err)) < 0)
			return r;
	}
	return 0;
}

/* A v1 cpuset starts without CPUs and memory nodes, and takes no task so (cpusets.rst). */
static int seed_cpuset(const struct cgroup_dir *dir, struct tare_err *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char text[1024];

	for (size_t i = 0; i < 2; i++) {
		ssize_t n = fd_read_file(dir->mount_fd, files[i], text, sizeof(text), err);
		int r = n < 0 ? (int)n : fd_write_file(dir->fd, files[i], text, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_dir(struct cgroup *cgroup, struct cgroup_dir *dir, struct tare_err *err)
{
	struct stat st;

	if (mkdirat(dir->mount_fd, cgroup->name, 0755) < 0)
		return refuse("make a cgroup in", dir->mount, err);
	dir->fd = openat(dir->mount_fd, cgroup->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		int r = err_errno(err, "open cgroup '%s/%s'", dir->mount, cgroup->name);

		(void)unlinkat(dir->mount_fd, cgroup->name, AT_REMOVEDIR);
		return r;
	}
	if (dir->version == 2) {
		if (fstat(dir->fd, &st) == 0)
			cgroup->v2_id = st.st_ino;
		return 0;
	}
	/* Opened now, since the child that joins may do nothing but write. */
	dir->tasks_fd = openat(dir->fd, "tasks", O_WRONLY | O_CLOEXEC);
	if (dir->tasks_fd < 0)
		return err_errno(err, "open cgroup '%s/%s/tasks'", dir->mount, cgroup->name);
	return dir->controllers & CGROUP_BIT(CGROUP_CPUSET) ? seed_cpuset(dir, err) : 0;
}

static int make_first(struct cgroup *cgroup, struct journal *journal, struct tare_err *err)
{
	int r;

	for (struct cgroup_dir *dir = cgroup->dirs; dir < cgroup->dirs + cgroup->n_dirs; dir++) {
		if (dir->version == 2 && (r = enable_controllers(dir, err)) < 0)
			return r;
		/* Before it is journaled: else somebody else's group would be taken down. */
		if (faccessat(dir->mount_fd, cgroup->name, F_OK, 0) == 0)
			return err_set(err, EEXIST, "cgroup '%s/%s' exists already", dir->mount,
				       cgroup->name);
	}
	r = journal_note(journal, JOURNAL_CGROUP, cgroup->name, err);
	if (r < 0)
		return r;
	cgroup->journal = journal;
	/* That of v2 comes first. */
	return cgroup->dirs[0].version == 2 ? make_dir(cgroup, &cgroup->dirs[0], err) : 0;
}

static int new_group(const char *name, struct cgroup **ret, struct tare_err *err)
{
	if (strncmp(name, "tare-", 5) != 0 || !text_is_name(name))
		return err_set(err, EINVAL,
			       "cgroup '%.64s': a name must be tare-... of [a-z0-9._-]", name);
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return err_set(err, ENOMEM, "out of memory");
	(void)snprintf((*ret)->name, sizeof((*ret)->name), "%s", name);
	return 0;
}

/* A group whose directories have been planned, r being how that went. */
static int make_planned(struct cgroup *cgroup, int r, struct journal *journal, struct cgroup **ret,
			struct tare_err *err)
{
	if (r == 0)
		r = make_first(cgroup, journal, err);
	if (r < 0) {
		(void)cgroup_destroy(cgroup, NULL);
		return r;
	}
	*ret = cgroup;
	return 0;
}

int cgroup_begin(const struct cgroup_layout *layout, const char *name, unsigned int controllers,
		 struct journal *journal, struct cgroup **ret, struct tare_err *err)
{
	struct cgroup *cgroup;
	int r = new_group(name, &cgroup, err);

	if (r < 0)
		return r;
	r = plan_dirs(cgroup, layout, controllers, err);
	return make_planned(cgroup, r, journal, ret, err);
}

int cgroup_complete(struct cgroup *cgroup, struct tare_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < cgroup->n_dirs; i++)
		if (cgroup->dirs[i].version == 1)
			r = make_dir(cgroup, &cgroup->dirs[i], err);
	return r;
}

static int complete_or_destroy(struct cgroup **cgroup, struct tare_err *err)
{
	int r = cgroup_complete(*cgroup, err);

	if (r < 0) {
		(void)cgroup_destroy(*cgroup, NULL);
		*cgroup = NULL;
	}
	return r;
}

int cgroup_create(const struct cgroup_layout *layout, const char *name, unsigned int controllers,
		  struct journal *journal, struct cgroup **ret, struct tare_err *err)
{
	int r = cgroup_begin(layout, name, controllers, journal, ret, err);

	return r < 0 ? r : complete_or_destroy(ret, err);
}

static int plan_dirs_below(struct cgroup *cgroup, const struct cgroup *above, struct tare_err *err)
{
	for (size_t i = 0; i < above->n_dirs; i++) {
		const struct cgroup_dir *over = &above->dirs[i];
		struct cgroup_dir *dir = &cgroup->dirs[i];

		*dir = (struct cgroup_dir){.version = over->version,
					   .controllers = over->controllers,
					   .fd = -1,
					   .tasks_fd = -1};
		if ((size_t)snprintf(dir->mount, sizeof(dir->mount), "%s/%s", over->mount,
				     above->name) >= sizeof(dir->mount))
			return err_set(err, ENAMETOOLONG, "the path of cgroup '%s' is too long",
				       above->name);
		dir->mount_fd = fcntl(over->fd, F_DUPFD_CLOEXEC, 0);
		if (dir->mount_fd < 0)
			return err_errno(err, "dup cgroup '%s'", above->name);
		cgroup->n_dirs++;
	}
	return 0;
}

int cgroup_create_below(const struct cgroup *above, const char *name, struct cgroup **ret,
			struct tare_err *err)
{
	struct cgroup *cgroup;
	int r = new_group(name, &cgroup, err);

	if (r < 0)
		return r;
	r = plan_dirs_below(cgroup, above, err);
	/* The one above is in the journal, and goes with all that is below it. */
	r = make_planned(cgroup, r, NULL, ret, err);
	return r < 0 ? r : complete_or_destroy(ret, err);
}

const char *cgroup_name(const struct cgroup *cgroup)
{
	return cgroup->name;
}

int cgroup_v2_fd(const struct cgroup *cgroup)
{
	return cgroup->dirs[0].version == 2 ? cgroup->dirs[0].fd : -1;
}

uint64_t cgroup_v2_id(const struct cgroup *cgroup)
{
	return cgroup->v2_id;
}

int cgroup_controller_fd(const struct cgroup *cgroup, enum cgroup_controller controller,
			 int *ret_version)
{
	for (size_t i = 0; i < cgroup->n_dirs; i++) {
		if (!(cgroup->dirs[i].controllers & CGROUP_BIT(controller)))
			continue;
		if (ret_version)
			*ret_version = cgroup->dirs[i].version;
		return cgroup->dirs[i].fd;
	}
	return -1;
}

int cgroup_join_v1_self(const struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->n_dirs; i++)
		if (cgroup->dirs[i].tasks_fd >= 0 && write(cgroup->dirs[i].tasks_fd, "0", 1) < 0)
			return -errno;
	return 0;
}

int cgroup_join(const struct cgroup *cgroup, pid_t pid, struct tare_err *err)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < cgroup->n_dirs; i++) {
		/* cgroup.procs, also in v1: it moves all threads. */
		int r = fd_write_file(cgroup->dirs[i].fd, "cgroup.procs", text, err);

		if (r < 0)
			return err_wrap(err, r, "cgroup '%s/%s'", cgroup->dirs[i].mount,
					cgroup->name);
	}
	return 0;
}

int cgroup_kill(const struct cgroup *cgroup, int timeout_ms, struct tare_err *err)
{
	uint64_t end_ns = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;

	for (size_t i = 0; i < cgroup->n_dirs; i++)
		if (cgroup->dirs[i].version == 1)
			cgroup_tree_thaw(cgroup->dirs[i].fd);
	/* All hierarchies: a process may have left one of them. v2 comes first. */
	for (size_t i = 0; i < cgroup->n_dirs; i++) {
		const struct cgroup_dir *dir = &cgroup->dirs[i];
		int r = cgroup_tree_kill(dir->fd, dir->version, cgroup->name, end_ns, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_destroy(struct cgroup *cgroup, struct tare_err *err)
{
	uint64_t end_ns = clock_now_ns() + REMOVE_TIMEOUT_MS * NS_PER_MS;
	int failed = 0;

	if (!cgroup)
		return 0;
	for (size_t i = 0; i < cgroup->n_dirs; i++) {
		struct cgroup_dir *dir = &cgroup->dirs[i];
		int r = 0;

		/* Mostly there is nothing below and nobody inside. */
		if (dir->fd >= 0 && unlinkat(dir->mount_fd, cgroup->name, AT_REMOVEDIR) < 0)
			r = cgroup_tree_remove(dir->mount_fd, cgroup->name, end_ns, err);
		if (r < 0 && r != -ENOENT && !failed)
			failed = err_wrap(err, r, "cgroup mount '%s'", dir->mount);
		cleanup_closep(&dir->tasks_fd);
		cleanup_closep(&dir->fd);
		cleanup_closep(&dir->mount_fd);
	}
	if (!failed)
		journal_gone(cgroup->journal, JOURNAL_CGROUP);
	free(cgroup);
	return failed;
}
