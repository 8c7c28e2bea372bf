/* SPDX-License-Identifier: MIT */
#pragma once
/* player: a tare-load process in a box, and the turn protocol spoken with it (base/play.h). */

#include <stdbool.h>

#include "base/play.h"
#include "box/box.h"

struct tare_err;
struct trial_place;
struct trial_spec;

struct player {
	struct box_process process;
	int request_fd;         /* its stdin */
	int reply_fd;           /* its stdout */
	bool running;           /* it has not been reaped */
	bool ended;             /* it closed its side, or has said that it cannot go on */
	int wait_status;        /* as wait(2), once it is not running */
	char why[PLAY_WHY_MAX]; /* its own words for what went wrong, "" for none */
};

/* Start it in the box and wait until it is ready; a set-up that fails in the load is -EIO,
 * with the load's words. On failure nothing is left running. born, if any, is called as that of
 * struct box_exec. */
struct player_birth {
	void (*born)(void *context, pid_t pid);
	void *context;
};
int player_start(struct player *player, struct box *box, const struct trial_place *place,
		 const struct trial_spec *spec, const struct cgroup *cgroup,
		 const struct player_birth *birth, struct tare_err *err);

/* Ask for a turn and read the answer. Calls tick(context), if any, every interval_ns while
 * waiting. A death is no error: player->ended is true then. payload may be NULL; *ret_payload is
 * how much of it was filled. */
struct player_tick {
	uint64_t interval_ns; /* 0: no ticks */
	int (*tick)(void *context, struct tare_err *err);
	void *context;
};
int player_turn(struct player *player, const struct play_request *request,
		const struct player_tick *tick, struct play_reply *ret, void *payload,
		struct tare_err *err);

/* The two halves of a turn, for players that play at the same time. */
int player_ask(struct player *player, const struct play_request *request, struct tare_err *err);
/* 1: it answered, or died; 0: not within timeout_ms. payload has room for PLAY_PAYLOAD_MAX. */
int player_answer(struct player *player, uint32_t kind, int timeout_ms, struct play_reply *ret,
		  void *payload, struct tare_err *err);

/* Wait for its end, at most timeout_ms; then it is killed. Closes everything. */
int player_end(struct player *player, int timeout_ms, struct tare_err *err);
