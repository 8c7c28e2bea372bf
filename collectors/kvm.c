/* SPDX-License-Identifier: MIT */
/* kvm: what the virtual CPUs of a guest left it for, how long they were in it and out of it, and
 * what user space had to do for them: seen by eBPF from the kernel that runs the guest. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "collector.h"
#include "common/times_json.h"
#include "kvm/exits.h"
#include "kvm/reasons.h"

#define VCPU_LINK    "anon_inode:kvm-vcpu"
#define FIRST_PID_NS 0xeffffffcU /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

struct kvm {
	struct collector collector;
	int slot;
	bool taken[2];
	struct exits_view views[2]; /* by enum collector_moment */
};

extern const struct collector_ops collector_ops_kvm;

static int kvm_probe(struct tare_err *err)
{
	return exits_probe(err) < 0 ? -ENOTSUP : 0;
}

/* Its virtual CPUs are open files of the process that runs the guest. */
static bool has_vcpu(pid_t process)
{
	char path[64], link[64];
	struct dirent *entry;
	bool has = false;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", process);
	dir = opendir(path);
	/* readdir: no other thread has this stream. */
	while (dir && !has && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		has = strncmp(link, VCPU_LINK, strlen(VCPU_LINK)) == 0;
	}
	if (dir)
		(void)closedir(dir);
	return has;
}

static int check_target(const struct collector_target *target, struct tare_err *err)
{
	struct stat ns;

	if (!target->guest)
		return err_set(err, ENOTSUP,
			       "no guest is run here: exits are seen by the kernel that runs one");
	if (!has_vcpu(target->guest))
		return err_set(err, ENOTSUP,
			       "the guest is not run by KVM but emulated: it has no exits");
	if (stat("/proc/self/ns/pid", &ns) < 0 || ns.st_ino != FIRST_PID_NS)
		return err_set(err, ENOTSUP,
			       "tare is in a process namespace of its own, and BPF programs know "
			       "processes by their numbers outside");
	return 0;
}

static int kvm_attach(const struct collector_target *target, struct collector **ret,
		      struct tare_err *err)
{
	int r = check_target(target, err);
	struct kvm *k;

	if (r < 0)
		return r;
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_set(err, ENOMEM, "out of memory");
	k->collector.ops = &collector_ops_kvm;
	k->slot = exits_watch(target->guest, err);
	if (k->slot < 0) {
		r = k->slot;
		free(k);
		return r;
	}
	*ret = &k->collector;
	return 0;
}

static int kvm_snapshot(struct collector *collector, enum collector_moment moment,
			struct tare_err *err)
{
	struct kvm *k = (struct kvm *)collector;
	int r;

	exits_clear(&k->views[moment]);
	r = exits_read(k->slot, &k->views[moment], err);
	k->taken[moment] = r == 0;
	return r;
}

/* What had been seen of the same at the first snapshot. */
static const struct exits_vcpu *vcpu_before(const struct kvm *k, const struct exits_vcpu *vcpu)
{
	static const struct exits_vcpu none;
	const struct exits_view *begin = &k->views[COLLECTOR_BEGIN];

	for (size_t i = 0; i < begin->n_vcpus; i++)
		if (begin->vcpus[i].exit.thread.tid == vcpu->exit.thread.tid)
			return &begin->vcpus[i];
	return &none;
}

static const struct exits_cell *cell_before(const struct kvm *k, const struct exits_reason *reason)
{
	static const struct exits_cell none;
	const struct exits_view *begin = &k->views[COLLECTOR_BEGIN];

	for (size_t i = 0; i < begin->n_reasons; i++)
		if (begin->reasons[i].kind == reason->kind &&
		    begin->reasons[i].reason == reason->reason)
			return &begin->reasons[i].cell;
	return &none;
}

/* Sums over the virtual CPUs. */
struct totals {
	struct exits_vcpu sum;
	json_t *each;
};

#define ADD(field) (sum->field += end->field - begin->field)

static void add_vcpu(struct totals *totals, const struct exits_vcpu *begin,
		     const struct exits_vcpu *end)
{
	struct exits_vcpu *sum = &totals->sum;

	ADD(exits);
	ADD(in_ns);
	ADD(user_exits);
	ADD(emulated);
	ADD(emulation_failed);
	ADD(polled);
	ADD(polled_ns);
	ADD(waited);
	ADD(waited_ns);
	ADD(in_vain);
	ADD(grown);
	ADD(shrunk);
	ADD(unpaired);
	if (end->poll_ns > sum->poll_ns)
		sum->poll_ns = end->poll_ns;
	(void)json_array_append_new(
		totals->each,
		json_pack("{s:o,s:o,s:o,s:o}", "exits", json_u64(end->exits - begin->exits),
			  "in_ns", json_u64(end->in_ns - begin->in_ns), "user_exits",
			  json_u64(end->user_exits - begin->user_exits), "emulated",
			  json_u64(end->emulated - begin->emulated)));
}

struct reasons {
	json_t *exits, *user;
	uint32_t kind; /* of the exits */
	uint64_t out_ns, user_ns, in_flight;
};

/* "n" is of those that came between the snapshots, the times of those that ended. */
static void add_reason(struct reasons *all, const struct exits_reason *reason,
		       const struct exits_cell *begin)
{
	bool user = reason->kind == EXITS_USER || reason->kind == EXITS_RETURN;
	uint64_t n = reason->cell.n - begin->n;
	uint64_t ended = reason->cell.away.n - begin->away.n;
	uint64_t sum_ns = reason->cell.away.sum_ns - begin->away.sum_ns;
	char name[REASON_SIZE];
	json_t *seen;

	if (n == 0 && ended == 0)
		return;
	seen = times_to_json(&begin->away, &reason->cell.away);
	(void)json_put(seen, "ended", json_u64(ended));
	(void)json_put(seen, "n", json_u64(n));
	(void)json_put(user ? all->user : all->exits,
		       reason_name(reason->kind, reason->reason, name), seen);
	if (user) {
		all->user_ns += sum_ns;
		return;
	}
	all->kind = reason->kind;
	all->out_ns += sum_ns;
	all->in_flight += n > ended ? n - ended : 0;
}

static json_t *halts_to_json(const struct exits_vcpu *sum)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "polled", json_u64(sum->polled),
			 "polled_ns", json_u64(sum->polled_ns), "waited", json_u64(sum->waited),
			 "waited_ns", json_u64(sum->waited_ns), "in_vain", json_u64(sum->in_vain),
			 "grown", json_u64(sum->grown), "shrunk", json_u64(sum->shrunk),
			 "poll_limit_ns", json_u64(sum->poll_ns));
}

/* What a reader of the figures would else take for nothing. */
static void put_isa(json_t *object, const struct reasons *all, const struct exits_vcpu *sum)
{
	char name[REASON_SIZE];

	if (sum->exits)
		(void)json_put(object, "isa", json_string(reason_isa(all->kind, name)));
	else if (sum->emulated)
		(void)json_put(object, "untold",
			       json_string("this KVM interprets the guest's kernel: it tells of "
					   "instructions that it emulated, and of no exits"));
}

static json_t *describe(const struct kvm *k, const struct totals *totals, const struct reasons *all)
{
	const struct exits_view *a = &k->views[COLLECTOR_BEGIN], *b = &k->views[COLLECTOR_END];
	const struct exits_vcpu *sum = &totals->sum;
	json_t *object =
		json_pack("{s:O,s:O,s:O,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:o,s:o,s:o,s:o}}",
			  "exits", all->exits, "user", all->user, "vcpus", totals->each, "n_exits",
			  json_u64(sum->exits), "n_user", json_u64(sum->user_exits), "in_ns",
			  json_u64(sum->in_ns), "out_ns", json_u64(all->out_ns), "user_ns",
			  json_u64(all->user_ns), "halts", halts_to_json(sum), "emulated",
			  json_u64(sum->emulated), "emulation_failed",
			  json_u64(sum->emulation_failed), "wall_ns", json_u64(b->at_ns - a->at_ns),
			  "lost", "no_room", json_u64(b->no_room - a->no_room), "recursion_misses",
			  json_u64(b->misses - a->misses), "unpaired", json_u64(sum->unpaired),
			  "in_flight", json_u64(all->in_flight));

	if (object)
		put_isa(object, all, sum);
	return object;
}

static int kvm_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	const struct kvm *k = (const struct kvm *)collector;
	const struct exits_view *end = &k->views[COLLECTOR_END];
	struct totals totals = {.each = json_array()};
	struct reasons all = {.exits = json_object(), .user = json_object()};
	int r = 0;

	if (!k->taken[COLLECTOR_BEGIN] || !k->taken[COLLECTOR_END])
		r = err_set(err, EINVAL, "read before its two snapshots");
	for (size_t i = 0; r == 0 && i < end->n_vcpus; i++)
		add_vcpu(&totals, vcpu_before(k, &end->vcpus[i]), &end->vcpus[i]);
	for (size_t i = 0; r == 0 && i < end->n_reasons; i++)
		add_reason(&all, &end->reasons[i], cell_before(k, &end->reasons[i]));
	if (r == 0) {
		*ret = describe(k, &totals, &all);
		r = *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	json_decref(totals.each);
	json_decref(all.exits);
	json_decref(all.user);
	return r;
}

static void kvm_detach(struct collector *collector)
{
	struct kvm *k = (struct kvm *)collector;

	if (!k)
		return;
	exits_unwatch(k->slot);
	exits_clear(&k->views[COLLECTOR_BEGIN]);
	exits_clear(&k->views[COLLECTOR_END]);
	free(k);
}

const struct collector_ops collector_ops_kvm = {
	.name = "kvm",
	.summary = "exits of a guest by reason, time in and out of it, halts, by eBPF on its host",
	.traces = true,
	.of_guest = true,
	.probe = kvm_probe,
	.attach = kvm_attach,
	.snapshot = kvm_snapshot,
	.read = kvm_read,
	.detach = kvm_detach,
};
