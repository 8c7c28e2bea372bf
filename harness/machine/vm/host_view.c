/* SPDX-License-Identifier: MIT */
#include "machine/vm/host_view.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/guest.h"

/* What a guest does with its memory and disks is in its own account. */
static const char *const collectors[] = {"cpu", "footprint", NULL};

int host_view_open(struct host_view *view, const struct guest *guest, struct tare_err *err)
{
	const struct collector_target target = {.cgroup = guest->cgroup};
	int r = 0;

	*view = (struct host_view){.guest = guest};
	if (guest->cgroup && ((r = watch_choose_only(&view->watch, collectors, err)) < 0 ||
			      (r = watch_attach(&view->watch, &target, err)) < 0 ||
			      (r = watch_snapshot(&view->watch, COLLECTOR_BEGIN, err)) < 0))
		host_view_close(view);
	view->known = qemu_threads_times(&guest->qemu, &view->begin);
	return r;
}

void host_view_turn_begin(const struct host_view *view, struct qemu_times *ret)
{
	if (!view->known || !qemu_threads_times(&view->guest->qemu, ret))
		*ret = (struct qemu_times){0};
}

static struct qemu_times between(const struct qemu_times *begin, const struct qemu_times *end)
{
	return (struct qemu_times){
		end->at_ns - begin->at_ns, end->vcpus_run_ns - begin->vcpus_run_ns,
		end->vcpus_wait_ns - begin->vcpus_wait_ns, end->all_ns - begin->all_ns};
}

void host_view_turn_end(struct host_view *view, const struct qemu_times *begun)
{
	struct qemu_times now, of_it;

	if (!begun->at_ns || !qemu_threads_times(&view->guest->qemu, &now))
		return;
	of_it = between(begun, &now);
	view->turn.at_ns += of_it.at_ns;
	view->turn.vcpus_run_ns += of_it.vcpus_run_ns;
	view->turn.vcpus_wait_ns += of_it.vcpus_wait_ns;
	view->turn.all_ns += of_it.all_ns;
}

int host_view_sample(struct host_view *view, struct tare_err *err)
{
	return watch_sample(&view->watch, clock_now_ns(), err);
}

int host_view_end(struct host_view *view, struct tare_err *err)
{
	view->known = view->known && qemu_threads_times(&view->guest->qemu, &view->end);
	return watch_snapshot(&view->watch, COLLECTOR_END, err);
}

/* The clocks of a thread and of a process are not read at the same moment. */
static json_t *times_to_json(const struct qemu_times *t)
{
	uint64_t others = t->all_ns > t->vcpus_run_ns ? t->all_ns - t->vcpus_run_ns : 0;

	return json_pack("{s:o, s:o, s:o, s:o}", "run_ns", json_u64(t->vcpus_run_ns), "wait_ns",
			 json_u64(t->vcpus_wait_ns), "others_ns", json_u64(others), "wall_ns",
			 json_u64(t->at_ns));
}

int host_view_read(struct host_view *view, json_t **ret, struct tare_err *err)
{
	struct qemu_times whole = between(&view->begin, &view->end);
	cleanup_json json_t *seen = NULL;
	json_t *vcpus;
	int r = watch_read(&view->watch, &seen, err);

	if (r < 0)
		return r;
	if (view->known) {
		vcpus = times_to_json(&whole);
		(void)json_put(vcpus, "count", json_u64(view->guest->qemu.n_vcpus));
		(void)json_put(vcpus, "turns", times_to_json(&view->turn));
		if (json_put(seen, "vcpus", vcpus) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret = json_incref(seen);
	return 0;
}

void host_view_close(struct host_view *view)
{
	watch_detach(&view->watch);
	view->watch.n = 0;
}
