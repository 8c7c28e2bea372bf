/* SPDX-License-Identifier: MIT */
#pragma once
/* machine: a kernel to run trials on: the host's, or a guest's that is booted for it.
 *
 * A file machine/NAME.c defines `const struct machine_ops machine_ops_NAME`. A machine that
 * has failed (a guest that crashed, hangs or lies) gives -EPIPE or -ETIMEDOUT from then on, with
 * the reason and its console's last words; the engine closes it and opens another. */

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "check/run/account.h"
#include "trial/trial.h"

struct tare_err;
struct journal;
struct machine;
struct trial_account;

struct machine_option {
	const char *name;     /* "accel" */
	const char *values;   /* "auto|kvm|tcg" */
	const char *fallback; /* "auto" */
	const char *summary;
	bool to_box; /* the box in it has the same option, and is given it too */
};

struct machine_config {
	const struct trial_place *place; /* the host's */
	const json_t *options;           /* {"accel": "tcg"}: checked by machine_check_options() */
	struct limits limits;            /* on the machine as a whole: QEMU's cgroup, -m */
	bool saved_will_do;              /* what boots may be one saved once, unless asked for */
	uint64_t cpus;                   /* where its vCPU (or the players) run: mask */
	const char *name;                /* "tare-RUN-N" */
	uint64_t deadline_ns; /* a guest that is not up by then is given up; 0: its own patience */
	struct journal *journal;
	const char *cache_dir;   /* for guest images, snapshots, verdicts */
	const char *libexec_dir; /* where tare-load and tare-agent are */
};

/* Descriptors for a command's 0, 1 and 2, when it is killed (clock_now_ns(); 0: never), and what
 * is told of it. */
struct machine_stdio {
	int fds[3];
	bool none; /* /dev/null of its own kernel instead: nothing is carried to and fro meanwhile
		    */
	uint64_t deadline_ns;
	/* A signal that would end us is put here, and the command is killed; NULL: it is passed on
	 * to the command. */
	volatile sig_atomic_t *stopped;
	struct trial_account *account; /* NULL: none */
	/* SHA-256 of the program that its kernel ran, of DIGEST_SIZE; "" when it ended too soon to
	 * be looked at. It is worked out after the command's end. NULL: not asked for. */
	char *program_sha256;
	int *program_fd; /* of host_exec() alone, the same as a file; NULL: not asked for */
};

struct machine_outside {
	const struct cgroup *cgroup; /* the machine's */
	pid_t pid;                   /* the process that runs it */
};

/* A player on that machine: a number that machine_start gave. */
typedef unsigned int machine_player;

struct machine_ops {
	const char *name, *summary;
	const struct machine_option *options; /* ended by name NULL; may be NULL */
	bool is_guest;
	int (*probe)(struct tare_err *err);
	int (*open)(const struct machine_config *config, struct machine **ret,
		    struct tare_err *err);
	/* The instance as recorded: {"id", "machine", "kernel", "clocksource", ...; guests also
	 * "accel", "qemu", "boot": {"kind": "cold"|"restored", "spans": {...}}}. New reference. */
	json_t *(*describe)(struct machine *machine);
	int (*start)(struct machine *machine, const struct trial_spec *spec, machine_player *ret,
		     struct tare_err *err);
	int (*slice)(struct machine *machine, machine_player player,
		     const struct play_request *request, struct trial_slice *ret,
		     struct tare_err *err);
	int (*finish)(struct machine *machine, machine_player player, json_t **ret,
		      struct tare_err *err);
	int (*abort)(struct machine *machine, machine_player player, struct tare_err *err);
	/* Run a command in a box of it; *ret_status is as wait(2) gives it. argv ends with NULL.
	 * stdio NULL: with ours, for `tare exec`. */
	int (*exec)(struct machine *machine, const struct trial_spec *spec, char *const *argv,
		    char *const *envp, const char *cwd, const struct machine_stdio *stdio,
		    int *ret_status, struct tare_err *err);
	/* Carry a check out there: *ret_account as of check_carry_out(). */
	int (*check)(struct machine *machine, const struct check_request *request,
		     json_t **ret_account, struct tare_err *err);
	/* What of it this kernel sees and holds. NULL: it has no group of its own here, or is many
	 * processes. */
	int (*outside)(struct machine *machine, struct machine_outside *ret, struct tare_err *err);
	/* Take it down but keep what there is to tell: describe() then tells of its end too. For
	 * guests; NULL: there is no more. */
	int (*stop)(struct machine *machine, struct tare_err *err);
	/* Says what it could not take down; frees it. */
	int (*close)(struct machine *machine, struct tare_err *err);
};

struct machine {
	const struct machine_ops *ops;
	const char *work_dir; /* the folder under test, where a box keeps the machine's root */
};

extern const struct machine_ops *const machine_ops_table[]; /* NULL-terminated, by name */

int machine_find(const char *name, const struct machine_ops **ret, struct tare_err *err);
/* 0, or -errno and the reason: the machine's, else the box's. What a guest's kernel offers a box is
 * for the guest to say: there only the machine is asked. */
int machine_probe(const struct machine_ops *machine, const struct box_ops *box,
		  struct tare_err *err);
int machine_check_options(const struct machine_ops *ops, const json_t *options,
			  struct tare_err *err);
const char *machine_option(const struct machine_ops *ops, const json_t *options, const char *name);

/* A guest's option limit-at, the same of all guests. */
#define MACHINE_LIMIT_AT                                                                           \
	{                                                                                          \
		"limit-at", "auto|machine|box", "auto",                                            \
			"limits on the guest as a whole, or on the box in it; auto: bare, whole",  \
			false                                                                      \
	}
/* Where the limits of an environment lie: true: on the machine as a whole. */
bool machine_is_limited(const struct machine_ops *ops, const json_t *options, const char *box);
/* Which of them are for the machine, and which for the box and the process in it. */
void machine_split_limits(const struct machine_ops *ops, const json_t *options, const char *box,
			  const struct limits *limits, struct limits *ret_machine,
			  struct limits *ret_box);
