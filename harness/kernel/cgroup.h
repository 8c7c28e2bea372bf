/* SPDX-License-Identifier: MIT */
#pragma once
/* cgroup: control groups of version 2, version 1 and both mixed, behind one interface.
 *
 * Each controller is in exactly one hierarchy; which one is read from /proc/self/mountinfo and
 * cgroup.controllers. A group of tare is one name at the top of every hierarchy it needs: the
 * v2 one always (for CLONE_INTO_CGROUP, cgroup.kill, cgroup.freeze, the eBPF filter and
 * pressure files, which work even where v2 has no controllers), v1 ones only for the controllers
 * asked for. On a pure v2 system the controllers are enabled in the parent's
 * cgroup.subtree_control.
 *
 * Joining: a task that moves itself into v1 by writing 0 to `tasks`, and clone3 with
 * CLONE_INTO_CGROUP on v2, cost microseconds; any other way costs an RCU grace period,
 * milliseconds (cgroup_attach_lock, kernel/cgroup/cgroup.c). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;
struct journal;
struct cgroup;

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_CPUACCT, /* v1 only; on v2 part of cpu */
	CGROUP_CPUSET,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_IO,      /* v1: blkio */
	CGROUP_FREEZER, /* v1 only; v2 has cgroup.freeze */
	CGROUP_N_CONTROLLERS,
};

#define CGROUP_BIT(controller) (1U << (controller))

struct cgroup_hierarchy {
	int version;     /* 0: this controller is not to be had here; else 1 or 2 */
	char mount[128]; /* "/sys/fs/cgroup/memory" */
};

/* What this system offers. */
struct cgroup_layout {
	struct cgroup_hierarchy controllers[CGROUP_N_CONTROLLERS];
	struct cgroup_hierarchy unified; /* version 2, or 0 where no cgroup2 is mounted */
	/* The v2 mount shows a part of the kernel's tree only: tare runs in a cgroup namespace or
	 * a container, and limits further up hold too, unseen from here. */
	bool nested;
};

/* "cpu", "memory", "io", ... */
const char *cgroup_controller_name(enum cgroup_controller controller);

/* Read the layout of the process's own mount namespace. */
int cgroup_layout_read(struct cgroup_layout *ret, struct tare_err *err);
/* The same from the text of a mountinfo; mount points are looked up below root_fd. The text is
 * not trusted: a line that is none, or whose mount point is too long, is passed over. */
int cgroup_layout_parse(const char *mountinfo, int root_fd, struct cgroup_layout *ret,
			struct tare_err *err);
/* Version 2 alone, where it usually is, without reading all mounts: what a group that limits
 * nothing needs. False: it is somewhere else, or nowhere. */
bool cgroup_layout_read_v2(struct cgroup_layout *ret);
/* "v2", "v1", "hybrid" or "none". */
const char *cgroup_layout_mode(const struct cgroup_layout *layout);

/* Make a group. name: "tare-..."; controllers: bits of CGROUP_BIT. It is journaled first.
 * -ENOTSUP: a controller is not to be had, and the sentence names it. -EEXIST: somebody has it.
 * -EACCES, -EPERM, -EROFS: root or a delegated cgroup is needed. A v1 cpuset is given its
 * parent's cpus and mems at once, since it takes no task without them. */
int cgroup_create(const struct cgroup_layout *layout, const char *name, unsigned int controllers,
		  struct journal *journal, struct cgroup **ret, struct tare_err *err);

/* The same in two steps. The first makes what a process is born in; the second, which may come
 * while the process is being put up, what it joins by itself: the v1 directories. */
int cgroup_begin(const struct cgroup_layout *layout, const char *name, unsigned int controllers,
		 struct journal *journal, struct cgroup **ret, struct tare_err *err);
int cgroup_complete(struct cgroup *cgroup, struct tare_err *err);

/* Make a group below another, in the same hierarchies and with the same controllers: it is taken
 * down with that one too. On v2 the one above must hold no process, and can hold none from now
 * on. */
int cgroup_create_below(const struct cgroup *above, const char *name, struct cgroup **ret,
			struct tare_err *err);

const char *cgroup_name(const struct cgroup *cgroup);
/* The v2 directory, an O_PATH-free directory fd for clone3 and openat; -1: none. */
int cgroup_v2_fd(const struct cgroup *cgroup);
/* The inode number of the v2 directory, which is the id that BPF sees; 0: none. */
uint64_t cgroup_v2_id(const struct cgroup *cgroup);
/* The directory that serves a controller (v1's or v2's), -1 when the group has none;
 * *ret_version says which (may be NULL). Owned by the group. */
int cgroup_controller_fd(const struct cgroup *cgroup, enum cgroup_controller controller,
			 int *ret_version);

/* In a fresh single-threaded child made with CLONE_INTO_CGROUP on cgroup_v2_fd(): join the v1
 * hierarchies. Async-signal-safe, allocates nothing. 0 or -errno. */
int cgroup_join_v1_self(const struct cgroup *cgroup);
/* Move any process into all of the group's hierarchies: slow, see above. */
int cgroup_join(const struct cgroup *cgroup, pid_t pid, struct tare_err *err);

/* SIGKILL everything in it (v2: cgroup.kill; else by pid from cgroup.procs, repeated while
 * there is somebody), groups below it included, and wait until it is empty. -ETIMEDOUT: it
 * says who is left. Afterwards the group is only fit to be destroyed: on Linux 6.18 whatever
 * is cloned into a v2 group whose cgroup.kill was written once is born dead. */
int cgroup_kill(const struct cgroup *cgroup, int timeout_ms, struct tare_err *err);

/* Remove the directories (empty by then) and free it, while its journal is still open. -EBUSY after
 * a bounded wait. NULL is fine. */
int cgroup_destroy(struct cgroup *cgroup, struct tare_err *err);

/* Files. Keys are matched whole at the start of a line. -ENOENT: no such file, or no key. */
int cgfile_read_u64(int dirfd, const char *file, uint64_t *ret,
		    struct tare_err *err); /* "max": UINT64_MAX */
int cgfile_read_key(int dirfd, const char *file, const char *key, uint64_t *ret,
		    struct tare_err *err);
