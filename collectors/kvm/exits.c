/* SPDX-License-Identifier: MIT */
#include "kvm/exits.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "common/skeleton.h"
#include "common/times_json.h"
#include "kvm.skel.h"

static struct {
	struct kvm_bpf *bpf;
	unsigned int users_of[EXITS_GUESTS];
} exits;

static void unload(void)
{
	kvm_bpf__destroy(exits.bpf);
	exits.bpf = NULL;
}

static int load(struct tare_err *err)
{
	int r;

	if (access("/sys/module/kvm", F_OK) < 0)
		return err_set(err, ENOTSUP,
			       "this kernel has no KVM tracepoints: it was built without KVM, or "
			       "its module 'kvm' is not loaded");
	skeleton_quiet();
	exits.bpf = kvm_bpf__open_and_load();
	if (!exits.bpf)
		return skeleton_error(err, -errno, "load the BPF programs of KVM's exits");
	r = kvm_bpf__attach(exits.bpf);
	if (r < 0) {
		r = skeleton_error(err, r, "attach to KVM's tracepoints");
		unload();
	}
	return r;
}

static struct skeleton_shared shared = {.load = load, .unload = unload};

int exits_probe(struct tare_err *err)
{
	return skeleton_probe(&shared, err);
}

static unsigned int slot_of(pid_t process)
{
	unsigned int slot = 0;

	while (slot < EXITS_GUESTS && exits.bpf->bss->guests[slot] != (__u32)process)
		slot++;
	return slot;
}

int exits_watch(pid_t process, struct tare_err *err)
{
	unsigned int slot;
	int r = skeleton_join(&shared, err);

	if (r < 0)
		return r;
	slot = slot_of(process);
	if (slot == EXITS_GUESTS)
		slot = slot_of(0);
	if (slot == EXITS_GUESTS) {
		skeleton_leave(&shared);
		return err_set(err, EBUSY, "%d guests are watched already", EXITS_GUESTS);
	}
	exits.users_of[slot]++;
	__atomic_store_n(&exits.bpf->bss->guests[slot], (__u32)process, __ATOMIC_RELEASE);
	if (exits.bpf->bss->n_guests <= slot)
		__atomic_store_n(&exits.bpf->bss->n_guests, slot + 1, __ATOMIC_RELEASE);
	return (int)slot;
}

/* All keys of a map, which begin with the thread, that are of the guest. Only this process deletes
 * any, so that none is passed over. */
static int list_keys(const struct bpf_map *map, int slot, struct exits_key **ret, size_t *ret_n,
		     struct tare_err *err)
{
	cleanup_free struct exits_key *keys =
		calloc(bpf_map__max_entries(map), sizeof(struct exits_key));
	struct exits_key at = {.kind = 0}, *previous = NULL;
	size_t n = 0;

	if (!keys)
		return err_set(err, ENOMEM, "out of memory");
	while (n < bpf_map__max_entries(map) &&
	       bpf_map_get_next_key(bpf_map__fd(map), previous, &at) == 0) {
		keys[n] = at;
		n += at.thread.guest == (__u32)slot;
		previous = &at;
	}
	*ret = take_pointer(keys);
	*ret_n = n;
	return 0;
}

static void forget(const struct bpf_map *map, int slot)
{
	cleanup_free struct exits_key *keys = NULL;
	size_t n = 0;

	if (list_keys(map, slot, &keys, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		(void)bpf_map_delete_elem(bpf_map__fd(map), &keys[i]);
}

void exits_unwatch(int slot)
{
	if (slot < 0)
		return;
	if (--exits.users_of[slot] == 0) {
		__atomic_store_n(&exits.bpf->bss->guests[slot], 0, __ATOMIC_RELEASE);
		forget(exits.bpf->maps.vcpus, slot);
		forget(exits.bpf->maps.cells, slot);
		exits.bpf->bss->no_room[slot] = 0;
	}
	skeleton_leave(&shared);
}

static int by_thread(const void *a, const void *b)
{
	const struct exits_vcpu *one = a, *other = b;
	__u32 x = one->exit.thread.tid, y = other->exit.thread.tid;

	return x < y ? -1 : x > y;
}

static int read_vcpus(int slot, struct exits_view *view, struct tare_err *err)
{
	const struct bpf_map *map = exits.bpf->maps.vcpus;
	cleanup_free struct exits_key *keys = NULL;
	size_t n = 0;
	int r = list_keys(map, slot, &keys, &n, err);

	if (r < 0)
		return r;
	view->vcpus = calloc(n + 1, sizeof(*view->vcpus));
	if (!view->vcpus)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (bpf_map_lookup_elem(bpf_map__fd(map), &keys[i], &view->vcpus[view->n_vcpus]) ==
		    0)
			view->n_vcpus++;
	qsort(view->vcpus, view->n_vcpus, sizeof(*view->vcpus), by_thread);
	return 0;
}

static struct exits_reason *reason_of(struct exits_view *view, const struct exits_key *key)
{
	struct exits_reason *reason = view->reasons;

	while (reason < view->reasons + view->n_reasons &&
	       (reason->kind != key->kind || reason->reason != key->reason))
		reason++;
	if (reason == view->reasons + view->n_reasons) {
		view->n_reasons++;
		reason->kind = key->kind;
		reason->reason = key->reason;
	}
	return reason;
}

static int by_reason(const void *a, const void *b)
{
	const struct exits_reason *one = a, *other = b;

	if (one->kind != other->kind)
		return one->kind < other->kind ? -1 : 1;
	return one->reason < other->reason ? -1 : one->reason > other->reason;
}

static int read_reasons(int slot, struct exits_view *view, struct tare_err *err)
{
	const struct bpf_map *map = exits.bpf->maps.cells;
	cleanup_free struct exits_key *keys = NULL;
	size_t n = 0;
	int r = list_keys(map, slot, &keys, &n, err);

	if (r < 0)
		return r;
	view->reasons = calloc(n + 1, sizeof(*view->reasons));
	if (!view->reasons)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct exits_reason *sum;
		struct exits_cell cell;

		if (bpf_map_lookup_elem(bpf_map__fd(map), &keys[i], &cell) < 0)
			continue;
		sum = reason_of(view, &keys[i]);
		sum->cell.n += cell.n;
		times_join(&sum->cell.away, &cell.away);
	}
	qsort(view->reasons, view->n_reasons, sizeof(*view->reasons), by_reason);
	return 0;
}

int exits_read(int slot, struct exits_view *ret, struct tare_err *err)
{
	int r;

	*ret = (struct exits_view){.at_ns = clock_now_ns()};
	r = read_vcpus(slot, ret, err);
	if (r == 0)
		r = read_reasons(slot, ret, err);
	if (r == 0)
		r = skeleton_misses(exits.bpf->obj, &ret->misses, err);
	ret->no_room = __atomic_load_n(&exits.bpf->bss->no_room[slot], __ATOMIC_RELAXED);
	if (r < 0)
		exits_clear(ret);
	return r;
}

void exits_clear(struct exits_view *view)
{
	free(view->vcpus);
	free(view->reasons);
	*view = (struct exits_view){0};
}
