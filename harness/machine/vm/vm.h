/* SPDX-License-Identifier: MIT */
#pragma once
/* vm: a machine whose kernel is a guest's, with an agent in it: the calls that are the same
 * whatever it is that runs the guest. As machine_ops has them. */

#include <stdbool.h>

#include "machine/machine.h"
#include "machine/vm/boot.h"
#include "machine/vm/channel.h"
#include "machine/vm/host_view.h"
#include "machine/vm/idle.h"
#include "trial/watch.h"

struct tare_err;

#define VM_PLAYERS 256
#define VM_PINGS   8 /* that a comparison of clocks takes */

struct vm_player {
	bool used;
	unsigned int remote; /* the agent's number */
	uint64_t asked_ns, sample_ns;
	struct channel_clock clock;
	struct host_view view;
	struct idle idle;     /* as it was then */
	json_t *collectors;   /* as asked for; the watch points into it */
	struct watch outside; /* those of the guest as a whole, on the host */
};

struct vm {
	struct machine machine;
	char name[64];
	bool memory_limited;
	bool footprint_asked;
	json_t *footprint; /* NULL: not asked for yet, or not told */
	json_t *lacks;     /* what its kernel was built without; NULL: not asked for */
	json_t *ended;     /* its description, once it has been stopped */
	struct vm_boot boot;
	struct idle idle;
	struct vm_player players[VM_PLAYERS];
};

/* As vm_boot(). */
typedef int (*vm_booter)(const struct machine_config *config, struct vm_boot *ret,
			 struct tare_err *err);
/* Boot one and look after it from then on. */
int vm_open_by(const struct machine_ops *ops, vm_booter boot, const struct machine_config *config,
	       struct machine **ret, struct tare_err *err);
int vm_start(struct machine *machine, const struct trial_spec *spec, machine_player *ret,
	     struct tare_err *err);
int vm_slice(struct machine *machine, machine_player player, const struct play_request *request,
	     struct trial_slice *ret, struct tare_err *err);
int vm_finish(struct machine *machine, machine_player player, json_t **ret, struct tare_err *err);
int vm_abort(struct machine *machine, machine_player player, struct tare_err *err);
int vm_run(struct machine *machine, const struct trial_spec *spec, char *const *argv,
	   char *const *envp, const char *cwd, const struct machine_stdio *stdio, int *ret_status,
	   struct tare_err *err);
int vm_check(struct machine *machine, const struct check_request *request, json_t **ret_account,
	     struct tare_err *err);
int vm_stop(struct machine *machine, struct tare_err *err);
int vm_close(struct machine *machine, struct tare_err *err);
