/* SPDX-License-Identifier: MIT */
#pragma once
/* run: what a check may do: start loads in boxes of the kind under test, let them play, look. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/play.h"
#include "kernel/cgroup.h"

struct tare_err;
struct check_figure;
struct check_run;
struct check_player; /* a tare-load in a box and a group of its own */

/* Limits are texts "cpus=0.5 memory=64M", NULL for none. */
struct check_load {
	const char *load;   /* "cpu-burn" */
	const char *params; /* "threads=2 x=y"; NULL: its defaults */
	const char *limits; /* under test: put on in the limited measurement only, by the box */
	const char *given;  /* put on by the box in both: what the limit under test builds on */
	const char
		*safety; /* held by tare in both, also around a box that limits by itself; what
			  * `limits` or `given` also set gives way to them where tare sets those */
	uint64_t cpus;   /* affinity mask, 0: any */
	/* Its group must have the same parent as the others' that say so, also where the box makes
	 * the groups: those boxes then share one group of ours, with the safety of the first. */
	bool siblings;
	/* Limits of a group of ours around the groups of all loads that say so; the first one's
	 * hold. NULL: its group is at the top. */
	const char *around;
};

struct check_turn {
	uint64_t ops, ns;
	uint64_t cpu_ns; /* CLOCK_PROCESS_CPUTIME_ID of the load over the turn, as it read it */
	bool ended;      /* it died or gave up in this turn */
};

/* The kernel's groups; where the controllers are. */
const struct cgroup_layout *check_layout(const struct check_run *run);
/* -ENOTSUP and a sentence when no hierarchy has it. */
int check_needs(const struct check_run *run, enum cgroup_controller controller,
		struct tare_err *err);
/* True: the box is somebody else's and sets the limits itself; tare's group around it holds the
 * safety limits only. */
bool check_box_limits_itself(const struct check_run *run);
/* A guest's kernel: what is set on it disturbs nobody, and vanishes with it. */
bool check_kernel_is_ours(const struct check_run *run);
/* -ENOTSUP unless the box has a network device of its own, with somebody at its other end. */
int check_needs_network(const struct check_run *run, struct tare_err *err);
/* Time shortened by --scale, but not below at_least. n likewise. */
uint64_t check_time(const struct check_run *run, uint64_t full_ns, uint64_t at_least_ns);
unsigned int check_times(const struct check_run *run, unsigned int full, unsigned int at_least);
/* A mask of one CPU that we may use, the last; and of all. */
uint64_t check_one_cpu(const struct check_run *run);
uint64_t check_all_cpus(const struct check_run *run);
/* The folder under test of the host (what is /work inside). */
const char *check_work_dir(const struct check_run *run);

/* Put a box up and the load in it, until it is ready to play. `limited` as measure() was told. */
int check_start(struct check_run *run, const struct check_load *load, bool limited,
		struct check_player **ret, struct tare_err *err);
/* Let it play for a time, without waiting for the end: several can play at once. */
int check_begin(struct check_player *player, uint64_t duration_ns, struct tare_err *err);
/* Wait for the end of the turn. 1: here it is; 0: not within timeout_ms. */
int check_end(struct check_player *player, int timeout_ms, struct check_turn *ret,
	      struct tare_err *err);
/* Both of the above; a turn that does not end within a minute more than its time is -ETIMEDOUT. */
int check_play(struct check_player *player, uint64_t duration_ns, struct check_turn *ret,
	       struct tare_err *err);
/* The load's own account; it ends. -ENODATA: it is dead and tells nothing. */
int check_finish(struct check_player *player, struct play_result *ret, struct tare_err *err);
/* One of its figures. -ENOENT. */
int check_figure_of(const struct play_result *result, const char *name, double *ret,
		    struct tare_err *err);
/* Kill it and all in its group, take its box down. Done for all at the end of a measurement. */
int check_stop(struct check_player *player, struct tare_err *err);

/* 1 when nobody has the load's stdout open any more: it and its children are dead, wherever they
 * were; 0 after timeout_ms. */
int check_wait_silence(struct check_player *player, int timeout_ms, struct tare_err *err);
/* What /proc/PID/fd/1 of whoever has it open is a link to: "pipe:[4711]". */
int check_stdout_name(const struct check_player *player, char *buf, size_t size,
		      struct tare_err *err);
/* The process that the box gave back, and 1 with its wait status when it has ended. */
pid_t check_pid(const struct check_player *player);
int check_wait_exit(struct check_player *player, int timeout_ms, int *ret_status,
		    struct tare_err *err);
/* Its group: tare's own, that holds the safety limits, and the limits too where tare sets them. */
const struct cgroup *check_cgroup(const struct check_player *player);
/* -ENOTSUP when the box made a group of its own below ours, where a limit that says how much of
 * what is shared a group gets would be reckoned within ours, and show nothing. v2. */
int check_refuse_group_below(const struct check_player *player, struct tare_err *err);
/* What that group is to be had with, in both versions: a file's number. */
int check_read_u64(const struct check_player *player, enum cgroup_controller controller,
		   const char *file_v1, const char *file_v2, uint64_t *ret, struct tare_err *err);

/* What else happened on the machine between two moments, of all its CPUs and disks together. */
struct check_machine {
	uint64_t at_ns;
	double busy_s, steal_s; /* of all processes; taken by the host of this kernel */
	double disk_bytes;      /* to and from disks */
};
void check_machine_read(struct check_machine *ret);
/* CPUs that others used between the two, or the hypervisor took, beside own_cpu_ns. */
double check_others(const struct check_machine *before, const struct check_machine *after,
		    uint64_t own_cpu_ns);
/* Say in the figure that others used CPUs meanwhile, if they used more than a few hundredths: for
 * one that is too low because of it. */
void check_disturbed(const struct check_machine *before, const struct check_machine *after,
		     uint64_t own_cpu_ns, struct check_figure *figure);
/* The same of what moves bytes, and may wait for a disk too: own_disk_bytes of it are its own. */
void check_disturbed_io(const struct check_machine *before, const struct check_machine *after,
			uint64_t own_cpu_ns, double own_disk_bytes, struct check_figure *figure);
