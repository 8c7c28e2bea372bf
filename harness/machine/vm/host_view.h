/* SPDX-License-Identifier: MIT */
#pragma once
/* host_view: what the host's kernel sees of a guest during a trial: what collectors say of QEMU's
 * group, and how long its vCPUs ran and waited. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine/vm/qemu_threads.h"
#include "trial/watch.h"

struct guest;
struct tare_err;

struct host_view {
	const struct guest *guest;
	struct watch watch; /* empty: the guest has no group of its own */
	struct qemu_times begin, end;
	struct qemu_times turn; /* the sums over turns; at_ns: how long they took */
	bool known;             /* the begin is */
};

/* Begin to look, from now on. A zeroed view may be closed. */
int host_view_open(struct host_view *view, const struct guest *guest, struct tare_err *err);
/* Around a turn: before it, and after it with what the former gave. */
void host_view_turn_begin(const struct host_view *view, struct qemu_times *ret);
void host_view_turn_end(struct host_view *view, const struct qemu_times *begun);
/* One point of the time series. */
int host_view_sample(struct host_view *view, struct tare_err *err);
/* Now is the end. */
int host_view_end(struct host_view *view, struct tare_err *err);
/* {COLLECTOR: ..., "vcpus": {"count", "run_ns", "wait_ns", "others_ns", "wall_ns", "turns":
 * {"run_ns", "wait_ns", "others_ns", "wall_ns"}}}, without what nobody tells. */
int host_view_read(struct host_view *view, json_t **ret, struct tare_err *err);
void host_view_close(struct host_view *view);
