/* SPDX-License-Identifier: MIT */
#pragma once
/* launch: what `tare startup` takes of one start of an environment: hyperfine's time of
 * `tare exec`, and the moments that we see when we do the same ourselves. */

#include <jansson.h>
#include <signal.h>
#include <stdint.h>

#include "engine/args.h"

struct tare_err;
struct places;

/* The folder of tare-load on the host comes after it: where a root has one, it is in /bin. */
#define LAUNCH_PATH "/usr/sbin:/usr/bin:/sbin:/bin:"

/* By their names, in the order in which they come; a guest has them all. */
enum launch_moment {
	LAUNCH_QEMU,      /* QEMU's execve had succeeded */
	LAUNCH_KERNEL,    /* the guest's kernel was entered */
	LAUNCH_INIT,      /* the first byte of the guest's first process */
	LAUNCH_HELLO,     /* that process answers */
	LAUNCH_BOX_UP,    /* the box stood; execve is next */
	LAUNCH_EXEC,      /* execve had succeeded, as seen by its parent */
	LAUNCH_PAYLOAD,   /* the payload's main() began */
	LAUNCH_EXIT,      /* the payload had ended */
	LAUNCH_POWER_OFF, /* the last byte that the guest said */
	LAUNCH_GONE,      /* everything was taken down */
	LAUNCH_MOMENTS
};
extern const char *const launch_moment_names[LAUNCH_MOMENTS];

struct launch_times {
	double wall_ns, user_us, system_us;
};

struct launch_spans {
	uint64_t at_ns[LAUNCH_MOMENTS]; /* since it was asked for, on our clock; 0: not seen */
	uint64_t uncertain_ns;          /* of what a guest's clock told */
	char accel[16], boot[16];       /* of a guest, else empty */
	json_t *instance;
};

/* "hyperfine 1.15.0"; -ENOTSUP: it is not installed. */
int launch_hyperfine_version(const struct places *places, char *ret, size_t size,
			     struct tare_err *err);
/* The command for hyperfine to time, its words quoted. Freed by the caller; NULL: no memory. */
char *launch_command(const char *tare, const struct env_choice *env, const char *libexec_dir);
int launch_by_hyperfine(const struct places *places, const char *command, struct launch_times *ret,
			struct tare_err *err);
/* What hyperfine exported. It may be of any version: -EBADMSG when the figures are not in it. */
int launch_read_export(const char *text, struct launch_times *ret, struct tare_err *err);

/* number: of the machines that were made so far, part of a guest's name. */
int launch_ourselves(struct places *places, const struct env_choice *env, unsigned int number,
		     volatile sig_atomic_t *interrupted, struct launch_spans *ret,
		     struct tare_err *err);
