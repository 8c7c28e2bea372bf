/* SPDX-License-Identifier: MIT */
#pragma once
/* play: how the one who conducts and a player talk, over the player's stdin and stdout.
 *
 * `tare-load play LOAD MODE [NAME=VALUE]...` sets its load up and says PLAY_READY. Then, for
 * each struct play_request that it reads (one readv), it writes one struct play_reply (one
 * writev), followed by `payload` bytes. After its reply to PLAY_FINISH it ends with status 0.
 * A player that cannot go on answers with status < 0 and the reason as payload, and ends with
 * status 1. End of file on stdin ends it at once.
 *
 * A turn costs exactly one readv and one writev: counts of system calls are exact because of
 * it, and no load may use those two calls. Little-endian, fixed size: both ends are one
 * machine. The player is not trusted: lengths are checked against the bounds below. */

#include <stdint.h>

#include "base/loglin.h"

/* `tare-load` with this as its only argument writes CLOCK_REALTIME as main() found it, in
 * nanoseconds and a newline, and ends: the payload of `tare startup`. In a time namespace no other
 * clock is also that of outside. */
#define PLAY_FIRST "--first"

#define PLAY_MAGIC       0x74617265U /* "tare" */
#define PLAY_WHY_MAX     256         /* bytes of a reason */
#define PLAY_FIGURES     8
#define PLAY_PROGRAMS    2
#define PLAY_PAYLOAD_MAX 8192
/* System calls that one turn costs beside the load's operations. */
#define PLAY_TURN_READV  1
#define PLAY_TURN_WRITEV 1

enum play_kind {
	PLAY_READY, /* reply only: set up, waiting */
	PLAY_SLICE, /* lead_in untimed operations, then iters timed ones; in latency mode a clock
		     * pair for each of the iters */
	PLAY_SOLO, /* operations until duration_ns has passed, in latency mode each of them timed */
	PLAY_FINISH, /* payload of the reply: struct play_result */
};

struct play_request {
	uint32_t magic;
	uint32_t kind;
	uint64_t lead_in;
	uint64_t iters;
	uint64_t duration_ns;
};

struct play_reply {
	uint32_t magic;
	uint32_t kind;
	int32_t status;   /* 0, or a negative errno: then the payload says why */
	uint32_t payload; /* bytes that follow */
	uint64_t ops;     /* timed operations done */
	uint64_t ns;      /* time they took, CLOCK_MONOTONIC of the player's kernel */
	uint64_t lead_in; /* untimed operations done */
	uint64_t cpu_ns;  /* PLAY_SOLO: CPU time of the player's process over those ns */
};

struct play_figure {
	char name[24]; /* NUL-ended: "bytes_per_s" */
	char unit[8];
	double value;
};

/* A program of the environment's own that the load has started: is it one and the same file? */
struct play_program {
	char name[24];    /* NUL-ended */
	uint64_t bytes;   /* of its file */
	uint64_t content; /* FNV-1a of them: it tells files apart, and proves nothing */
};

struct play_result {
	uint64_t clock_ns_x1000; /* cost of one clock reading in this place, thousandths of a ns */
	uint64_t loop_ns_x1000;  /* cost of one turn of an empty loop, likewise */
	uint64_t user_us, system_us; /* CPU time of the player and its children */
	uint32_t n_figures;
	uint32_t has_latency; /* 1: latency[] is filled (latency mode) */
	struct play_figure figures[PLAY_FIGURES];
	uint64_t n_programs;
	struct play_program programs[PLAY_PROGRAMS];
	uint64_t latency_max_ns;
	uint64_t latency[LOGLIN_BUCKETS];
};

_Static_assert(sizeof(struct play_result) <= PLAY_PAYLOAD_MAX, "a result fits a payload");
