/* SPDX-License-Identifier: MIT */
#pragma once
/* box: what encloses a process on its kernel: nothing (bare), chroot, container, ...
 *
 * A file box/NAME.c defines `const struct box_ops box_ops_NAME` (helpers in box/NAME/). The same
 * code runs on the host and in the guest. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tare_err;
struct journal;
struct cgroup;
struct ulimits;
struct box;

struct box_option {
	const char *name;     /* "seccomp" */
	const char *values;   /* "on|off", or what it is: "PATH" */
	const char *fallback; /* "on" */
	const char *summary;  /* one line */
};

/* Where boxes are made: one per process of tare or tare-agent. */
struct box_place {
	const char
		*load_path; /* the static tare-load: seen inside as /bin/tare-load (bare: as is) */
	const char *cache_dir;   /* for the embedded root filesystem, by content */
	const char *work_dir;    /* the ext4 folder under test: /work inside; bare: as is */
	struct journal *journal; /* NULL in a guest */
	bool in_guest;           /* the kernel is a guest's */
};

struct box_config {
	const struct box_place *place;
	const json_t *options; /* {"seccomp": "off"}: texts, checked by box_check_options() */
	const json_t *extras;  /* of one command, see box/common/extras.h; NULL: none */
	const char *name;      /* "tare-RUN-N": host name inside, names of what is made */
	const json_t *limits;  /* as limits_to_json(): for a box that limits by itself; or NULL */
};

/* A process to start inside. argv[0] is looked for in the box's PATH if it has no slash. */
struct box_exec {
	char *const *argv;
	char *const *envp;
	int stdio[3];                  /* fds that become 0, 1, 2 */
	const struct cgroup *cgroup;   /* it is born in there; NULL: where we are */
	const struct ulimits *ulimits; /* NULL: ours */
	uint64_t cpus;                 /* affinity mask; 0: leave it */
	const char *cwd;               /* inside; NULL: "/", bare: where we are */
	bool as_user;                  /* be uid and gid inside; else the image's user, or root */
	uid_t uid;
	gid_t gid;
	bool terminal; /* make it a session of its own with stdin as terminal */
	int devpts_fd; /* a detached mount that the terminal is of, to be /dev/pts inside of a box
			* with a /dev of its own; 0 or -1: a new one is */
	/* What else has to be done before the program runs, such as the rest of its cgroup: called
	 * once by start(), while the box is being put up. May be NULL. */
	int (*meanwhile)(void *context, struct tare_err *err);
	/* Called once by start(), in us, when the process exists and waits to be let go: before it
	 * executes the program. May be NULL. */
	void (*born)(void *context, pid_t pid);
	void *context; /* of both */
};

struct box_process {
	pid_t pid; /* as seen from outside */
	int pidfd;
	uint64_t up_ns;   /* clock_now_ns() when the box stood around it, before exec */
	uint64_t exec_ns; /* when execve had succeeded */
	uint64_t up_user_us, up_system_us; /* its CPU time until up_ns, which is the box's */
};

struct box_ops {
	const char *name, *summary;
	const struct box_option *options; /* ended by name NULL; may be NULL */
	bool has_root;     /* a root of its own: tare-load is /bin/tare-load there, the work folder
			    * /work; else both are as in struct box_place */
	bool isolates;     /* it claims that the inside neither sees nor changes what is outside:
			    * `tare isolation` holds it to that */
	bool takes_extras; /* a volume, another user, ...: struct box_config.extras */
	unsigned int controllers; /* bits of CGROUP_BIT: a group of these is part of what the box
				   * is; 0 for a box that is none of cgroups' business */
	bool shapes_network; /* limits "net-rate" is its business: start() applies it and reads it
			      * back, open() refuses it where there is nothing to shape */
	bool limits_itself;  /* the limits under test are its own business: tare puts none on */
	int (*probe)(struct tare_err *err); /* 0, or -ENOTSUP and the reason in one sentence */
	int (*open)(const struct box_config *config, struct box **ret, struct tare_err *err);
	/* Put the box up around a new process. An error from inside, up to and including execve,
	 * comes out here as one sentence: "container: step 'mount /proc': ...". -ENOENT: no such
	 * program; -EACCES: not executable; others are tare's own failures. */
	int (*start)(struct box *box, const struct box_exec *exec, struct box_process *ret,
		     struct tare_err *err);
	/* As start(), with no argv, but the process then waits until box_pool_start() says what it
	 * is to run. *ret_order_fd is where it listens; its end is the process's. May be NULL. */
	int (*prepare)(struct box *box, const struct box_exec *exec, struct box_process *ret,
		       int *ret_order_fd, struct tare_err *err);
	/* Take it down when its processes are gone; frees it. Says what it could not undo. */
	int (*close)(struct box *box, struct tare_err *err);
};

/* Every implementation embeds this first. */
struct box {
	const struct box_ops *ops;
	bool host_root; /* in spite of ops->has_root: this one was asked to keep the host's */
	bool image;     /* its root is a user's image, into which tare-load is only mounted */
};

extern const struct box_ops *const box_ops_table[]; /* NULL-terminated, by name */

/* -ENOENT with "did you mean". */
int box_find(const char *name, const struct box_ops **ret, struct tare_err *err);
/* Every option is known and has an allowed value. */
int box_check_options(const struct box_ops *ops, const json_t *options, struct tare_err *err);
/* -ENOTSUP: one of the limits (as limits_to_json()) is for a box with a network of its own, or for
 * one whose processes tare starts itself. */
int box_check_limits(const struct box_ops *ops, const json_t *limits, struct tare_err *err);
/* The value of an option, or its fallback. */
const char *box_option(const struct box_ops *ops, const json_t *options, const char *name);

/* True: inside, the root is not the one around it. */
bool box_changes_root(const struct box_ops *ops, const json_t *options);

/* Where a program inside finds tare-load, and the folder under test. */
const char *box_load_path(const struct box *box, const struct box_place *place);
const char *box_work_path(const struct box *box, const struct box_place *place);
