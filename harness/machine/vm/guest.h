/* SPDX-License-Identifier: MIT */
#pragma once
/* guest: a guest that is up: QEMU, its disk, its cgroup, and the talk with its agent. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "limit/limit.h"
#include "machine/vm/pulse.h"
#include "machine/vm/qemu.h"

struct tare_err;
struct channel;
struct net;

/* What is to be booted, or restored. */
struct guest_plan {
	struct qemu_config qemu; /* its disk, cgroup, incoming_fd and tap_fd are filled in here,
				  * and its disk_mode is settled */
	bool has_disk;           /* a work disk of its own: */
	const char *disk;        /* the raw image that is copied for it; NULL: a new one */
	uint64_t disk_bytes;     /* of a new one; 0: as the recipe says */
	const char *disk_folder; /* where the copy goes: the filesystem under test */
	const json_t *hello;     /* of the guest that was saved; NULL: boot */
	int state_fd;            /* its state; -1: boot */
	struct limits limits;    /* on QEMU's cgroup and the network; without memory, which is -m */
	const struct cgroup_layout *layout;
	uint64_t deadline_ns; /* until it must have answered */
	bool needs_cgroup;    /* a group of its own is a must, also without limits */
	bool lines;           /* serial lines instead of ports, see stdio.h */
	/* As qemu_start(); NULL: that. */
	int (*start)(struct qemu *qemu, const struct qemu_config *config, uint64_t deadline_ns,
		     struct tare_err *err);
};

/* What is done at intervals while a guest is waited for. */
struct guest_tick {
	uint64_t interval_ns, next_ns; /* 0: nothing */
	int (*tick)(void *context, struct tare_err *err);
	void *context;
};

struct guest {
	struct qemu qemu;
	struct channel *channel;
	struct pulse pulse;
	struct guest_tick tick;
	double cpus;           /* its quota; 0: none */
	struct cgroup *cgroup; /* NULL: none of its own */
	json_t *limits;        /* as the kernel has them; NULL: none */
	struct net *net;       /* NULL: none */
	char *disk;
	struct disk_mode disk_mode; /* as it came out */
	bool disk_direct;           /* QEMU has it open with O_DIRECT */
	bool lines;
	bool input_owed;         /* the end of the last command's input, see stdio.h */
	uint64_t hello_ns;       /* clock_now_ns() at the first message */
	uint64_t end_asked_ns;   /* of its own accord, or by a kill; 0: it is up */
	struct tare_err failure; /* the first one; from then on it answers no more */
};

/* On failure everything is taken down; the sentence ends with the guest's last words. */
int guest_open(const struct guest_plan *plan, struct guest *ret, struct tare_err *err);

/* What a deadline becomes under a quota on QEMU (0: none), which slows the guest. */
uint64_t guest_patience_ns(double cpus, uint64_t ns);

/* From now on every wait for the guest also drains what it writes elsewhere and looks for signs of
 * life: silence_ns is what it may take to answer. The guest must not move in memory any more. */
void guest_attend(struct guest *guest, uint64_t silence_ns);
/* Wait until fd has one of the events of poll(2). -ETIMEDOUT; -EPIPE: it has ended, and how. */
int guest_wait(struct guest *guest, int fd, short events, uint64_t deadline_ns,
	       struct tare_err *err);
/* The same for who polls by himself: at each turn, and by pulse.next_ns. */
int guest_tend(struct guest *guest, struct tare_err *err);

/* After a failed call over the channel: gives back r, and if the guest is lost by it, makes the
 * sentence say how it ended, with its last words. */
int guest_failed(struct guest *guest, int r, const struct tare_err *why, struct tare_err *err);
/* After a player or command was killed: -EPIPE when that was for lack of memory in the whole guest,
 * which is then no longer what was asked for. */
int guest_check_memory(struct guest *guest, struct tare_err *err);
/* -EPIPE or -ETIMEDOUT with the first failure, if there was one. */
int guest_check(const struct guest *guest, struct tare_err *err);

/* Shut it down, or kill it at the deadline; takes everything down. Says what it could not. */
int guest_close(struct guest *guest, uint64_t deadline_ns, struct tare_err *err);
