/* SPDX-License-Identifier: MIT */
#pragma once
/* player: a trial in a guest, from its start to its record, as the guest tells of it and as the
 * host sees it. */

#include <jansson.h>

struct play_request;
struct tare_err;
struct trial_slice;
struct trial_spec;
struct vm;
struct vm_player;

/* On failure it is still to be forgotten. */
int vm_player_start(struct vm *vm, const struct trial_spec *spec, struct vm_player *player,
		    struct tare_err *err);
/* One turn, which the host looks at from its side, in intervals where it is a long one. */
int vm_player_slice(struct vm *vm, struct vm_player *player, const struct play_request *request,
		    struct trial_slice *ret, struct tare_err *err);
/* *ret: its record, a new reference. */
int vm_player_finish(struct vm *vm, struct vm_player *player, json_t **ret, struct tare_err *err);
/* What the host holds for it; the guest is not asked. */
void vm_player_forget(struct vm_player *player);
