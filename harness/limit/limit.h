/* SPDX-License-Identifier: MIT */
#pragma once
/* limit: what an environment may consume: parsed, applied to a cgroup, read back.
 *
 * Names and meanings are docker's where docker has them. A limit that cannot be applied is an
 * error that names the file and the controller; it is never left out. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cgroup.h"
#include "kernel/ulimit.h"

struct tare_err;

#define LIMIT_DEVICES 8
/* The folder under test, as it is called inside: for each environment the disk that carries its
 * own; for a guest as a whole, the disk that its work disk's image is on. */
#define LIMIT_WORK    "/work"

enum limit_rate { LIMIT_READ_BPS, LIMIT_WRITE_BPS, LIMIT_READ_IOPS, LIMIT_WRITE_IOPS, LIMIT_RATES };

struct limit_device {
	char path[128];             /* as asked: "/dev/vda", or any path on the device; or
				     * LIMIT_WORK */
	uint64_t rate[LIMIT_RATES]; /* per second; 0: none */
};

/* Zeroed: no limit at all. */
struct limits {
	double cpus;            /* --cpus 0.5: quota over a period; 0: none */
	uint64_t cpu_period_us; /* --cpu-period; 0: 100 ms */
	uint64_t cpu_shares;    /* --cpu-shares: docker's 2 to 262144; v2: as a weight of it */
	uint64_t cpu_burst_us;  /* --cpu-burst: quota that may be saved up */
	uint64_t cpuset;        /* --cpuset-cpus: mask; 0: none */
	uint64_t memory_bytes;  /* --memory: RAM, and RAM + swap together without memory_swap */
	uint64_t memory_swap;   /* --memory-swap: RAM + swap together */
	uint64_t memory_reservation; /* --memory-reservation: v1's soft limit, v2's memory.low */
	uint64_t memory_min, memory_high, oom_group; /* v2 only */
	uint64_t pids;                               /* --pids-limit */
	uint64_t blkio_weight;                       /* --blkio-weight: docker's 10 to 1000 */
	uint64_t net_rate; /* --net-rate: bits per second each way; the box's business */
	struct limit_device devices[LIMIT_DEVICES];
	size_t n_devices;
	/* What a device's path LIMIT_WORK stands for; NULL: for itself. Not part of what is asked:
	 * who applies them knows. */
	const char *work_dir;
	struct ulimits ulimits; /* --ulimit: of the process, not of a group */
};

/* One row a limit: from it come the flags of every command, their help, and `tare list limits`. */
struct limit_option {
	const char *flag;       /* "memory", without "--" */
	const char *argument;   /* "SIZE" */
	const char *help;       /* one line, unit and example included */
	const char *controller; /* "memory", for people */
};
extern const struct limit_option limit_options[]; /* ended by flag NULL */

/* Take one limit: flag "memory", text "64M". -EINVAL and a sentence with the flag. Also refuses
 * what is impossible here (more CPUs than there are, memory below 1M ...). */
int limits_set(struct limits *limits, const char *flag, const char *text, struct tare_err *err);

/* Hand over each limit that is set, but those on devices and ulimits, as limits_set() takes it. */
void limits_each(const struct limits *limits,
		 void (*take)(const char *flag, const char *text, void *context), void *context);

/* One for a group or a network. */
bool limits_any(const struct limits *limits);
/* One of those, or a ulimit. */
bool limits_given(const struct limits *limits);
/* Those that are a process's own, wherever it runs: its ulimits. */
struct limits limits_of_process(const struct limits *limits);
/* Each ulimit as limits_set() takes it. */
void limits_each_ulimit(const struct limits *limits,
			void (*take)(const char *flag, const char *text, void *context),
			void *context);
/* The controllers they need, as bits of CGROUP_BIT. */
unsigned int limits_controllers(const struct limits *limits);

/* {"cpus": 0.5, "memory": 67108864, "cpuset-cpus": "0-1", "pids-limit": 10,
 *  "device-write-bps": [{"path": "/dev/vda", "rate": 1048576}],
 *  "ulimit": {"nofile": {"soft": 1024, "hard": -1}}}; only what is set. */
json_t *limits_to_json(const struct limits *limits);
int limits_from_json(const json_t *object, struct limits *ret, struct tare_err *err);

/* Write them to the group, which has the controllers. Devices are those that carry the path. */
int limits_apply(const struct limits *limits, const struct cgroup *cgroup, struct tare_err *err);
/* What the kernel says they are now, in the shape of limits_to_json plus "files": {"memory/
 * memory.limit_in_bytes": "67108864", ...}. -ERANGE: the kernel holds something else than was
 * asked (rounding to pages apart). */
int limits_read_back(const struct limits *limits, const struct cgroup *cgroup, json_t **ret,
		     struct tare_err *err);
/* The ulimits of the process, as the kernel has them, into the object. -ERANGE likewise. */
int limits_read_ulimits(const struct limits *limits, pid_t pid, json_t *into, struct tare_err *err);

/* "254:0": the whole disk that carries a path: a block device, or any file of a filesystem on
 * one. -ENOTSUP: it is on none, and the sentence says on what. */
int limit_device_number(const char *path, char *ret, size_t size, struct tare_err *err);
