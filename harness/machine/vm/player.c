/* SPDX-License-Identifier: MIT */
#include "machine/vm/player.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/balloon.h"
#include "machine/vm/call.h"
#include "machine/vm/guest_clock.h"
#include "machine/vm/guest_record.h"
#include "machine/vm/vm.h"

/* Whoever watches a guest from outside sees all of it from here on, not one of its players. */
static int watch_outside(const struct vm *vm, struct vm_player *player, struct tare_err *err)
{
	const struct collector_target target = {.guest = vm->boot.guest.qemu.process.pid};
	int r = watch_choose_outside(&player->outside, player->collectors, err);

	return r < 0 ? r : watch_attach(&player->outside, &target, err);
}

void vm_player_forget(struct vm_player *player)
{
	watch_detach(&player->outside);
	host_view_close(&player->view);
	json_decref(player->collectors);
	player->collectors = NULL;
	player->used = false;
}

static int start_inside(struct vm *vm, const struct trial_spec *spec, struct vm_player *player,
			struct tare_err *err)
{
	cleanup_json json_t *names = watch_names_inside(spec->collectors);
	struct trial_spec inside = *spec;

	inside.collectors = names;
	return channel_start(vm->boot.guest.channel, &inside, vm_call_deadline(vm, 0),
			     &player->remote, err);
}

static int begin_views(struct vm *vm, struct vm_player *player, struct tare_err *err)
{
	int r = watch_snapshot(&player->outside, COLLECTOR_BEGIN, err);

	if (r == 0)
		r = host_view_open(&player->view, &vm->boot.guest, err);
	if (r < 0)
		return r;
	return channel_ping(vm->boot.guest.channel, VM_PINGS, vm_call_deadline(vm, 0),
			    &player->clock, err);
}

/* We give it up, for a reason that the guest does not know of. */
static void abort_inside(struct vm *vm, const struct vm_player *player)
{
	(void)channel_abort(vm->boot.guest.channel, player->remote, vm_call_deadline(vm, 0), NULL);
}

int vm_player_start(struct vm *vm, const struct trial_spec *spec, struct vm_player *player,
		    struct tare_err *err)
{
	int r;

	player->asked_ns = clock_now_ns();
	player->sample_ns = spec->sample_ns;
	player->idle = vm->idle;
	player->collectors = json_incref(spec->collectors);
	r = watch_outside(vm, player, err);
	if (r == 0)
		r = start_inside(vm, spec, player, err);
	if (r < 0)
		return r;
	r = begin_views(vm, player, err);
	if (r < 0)
		abort_inside(vm, player);
	return r;
}

static int sample_view(void *view, struct tare_err *err)
{
	return host_view_sample(view, err);
}

int vm_player_slice(struct vm *vm, struct vm_player *player, const struct play_request *request,
		    struct trial_slice *ret, struct tare_err *err)
{
	struct guest *guest = &vm->boot.guest;
	uint64_t interval_ns = request->kind == PLAY_SOLO ? player->sample_ns : 0;
	struct qemu_times begun;
	int r;

	guest->tick = (struct guest_tick){interval_ns, clock_now_ns() + interval_ns, sample_view,
					  &player->view};
	host_view_turn_begin(&player->view, &begun);
	r = channel_slice(guest->channel, player->remote, request,
			  vm_call_deadline(vm, request->duration_ns), ret, err);
	host_view_turn_end(&player->view, &begun);
	guest->tick = (struct guest_tick){0};
	return r;
}

/* What the guest still has, by its balloon: that it was held down to the end. */
static void put_balloon(const struct vm *vm, json_t *seen)
{
	uint64_t bytes;

	if (vm->boot.settings.balloon_bytes &&
	    balloon_read(&vm->boot.guest.qemu, vm_call_deadline(vm, 0), &bytes, NULL) == 0)
		(void)json_put(seen, "balloon", json_pack("{so}", "actual_bytes", json_u64(bytes)));
}

/* What the host saw meanwhile. */
static int describe_host(const struct vm *vm, struct vm_player *player, json_t **ret,
			 struct tare_err *err)
{
	json_t *idle = idle_since(&vm->idle, &player->idle);
	int r = host_view_read(&player->view, ret, err);

	if (r == 0)
		put_balloon(vm, *ret);
	if (r == 0 && idle)
		(void)json_put(*ret, "idle", json_incref(idle));
	json_decref(idle);
	return r;
}

static int end_views(struct vm *vm, struct vm_player *player, struct channel_clock *ret_clock,
		     struct tare_err *err)
{
	int r = watch_snapshot(&player->outside, COLLECTOR_END, err);

	if (r == 0)
		r = channel_ping(vm->boot.guest.channel, VM_PINGS, vm_call_deadline(vm, 0),
				 ret_clock, err);
	return r < 0 ? r : host_view_end(&player->view, err);
}

int vm_player_finish(struct vm *vm, struct vm_player *player, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *told = NULL;
	cleanup_json json_t *record = NULL;
	cleanup_json json_t *seen = NULL;
	struct channel_clock clock;
	cleanup_json json_t *outside = NULL;
	int r = end_views(vm, player, &clock, err);

	if (r < 0) {
		abort_inside(vm, player);
		return r;
	}
	r = channel_finish(vm->boot.guest.channel, player->remote, vm_call_deadline(vm, 0), &told,
			   err);
	if (r == 0)
		r = guest_record_take(told, &record, err);
	if (r == 0 &&
	    json_object_get(json_object_get(json_object_get(told, "load"), "exit"), "signal"))
		r = vm_call_check_memory(vm, err);
	if (r == 0)
		r = watch_read(&player->outside, &outside, err);
	if (r == 0)
		r = describe_host(vm, player, &seen, err);
	if (r < 0)
		return r;
	/* A guest without a kernel is itself what ran. */
	if (vm->boot.settings.smoke)
		(void)json_put(record, "sha256", json_string(vm->boot.image.kernel_sha256));
	(void)json_put(record, "validity", guest_clock_judge(&player->clock, &clock));
	(void)json_put(record, "spans",
		       guest_record_spans(told, &player->clock, &clock,
					  vm->boot.guest.qemu.process.exec_ns, player->asked_ns));
	(void)json_object_update(seen, outside);
	(void)json_object_set(record, "host_collectors", seen);
	*ret = json_incref(record);
	return 0;
}
