/* SPDX-License-Identifier: MIT */
#include "machine/vm/guest.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "kernel/net.h"
#include "machine/vm/channel.h"
#include "machine/vm/console.h"
#include "machine/vm/disk.h"
#include "machine/vm/message.h"
#include "machine/vm/snapshot.h"

#define KILL_TIMEOUT_MS  10000
/* Beyond the close of its sockets, until its memory is given back. */
#define END_GRACE_NS     (5 * NS_PER_S)
/* Fits into what a line holds (N_TTY_BUF_SIZE, 4096) without holding its sender up, see stdio.h. */
#define LINE_MESSAGE_MAX 3500

/* Of what a guest may take to answer: 60 s make it a hang after 30. */
#define PULSE_SHARE  12
#define SLOWNESS_MAX 100.0

uint64_t guest_patience_ns(double cpus, uint64_t ns)
{
	double slowness = cpus > 0 && cpus < 1 ? 1 / cpus : 1;

	return (uint64_t)((double)ns * (slowness < SLOWNESS_MAX ? slowness : SLOWNESS_MAX));
}

int guest_tend(struct guest *guest, struct tare_err *err)
{
	qemu_drain(&guest->qemu);
	return pulse_look(&guest->pulse, err);
}

static int tick_if_due(struct guest_tick *tick, struct tare_err *err)
{
	uint64_t now = clock_now_ns();

	if (!tick->interval_ns || now < tick->next_ns)
		return 0;
	tick->next_ns = now + tick->interval_ns;
	return tick->tick(tick->context, err);
}

int guest_wait(struct guest *guest, int fd, short events, uint64_t deadline_ns,
	       struct tare_err *err)
{
	pulse_rest(&guest->pulse);
	for (;;) {
		uint64_t look = guest->pulse.next_ns;
		uint64_t tick = guest->tick.interval_ns ? guest->tick.next_ns : UINT64_MAX;
		uint64_t soonest = look < tick ? look : tick;
		uint64_t until = soonest < deadline_ns ? soonest : deadline_ns;
		struct tare_err why = {0};
		int r = qemu_wait(&guest->qemu, fd, events, until, &why);

		if (r == 0)
			return 0;
		if (r != -ETIMEDOUT || clock_now_ns() >= deadline_ns)
			return err_set(err, -r, "%s", why.msg);
		r = tick_if_due(&guest->tick, err);
		if (r == 0)
			r = pulse_look(&guest->pulse, err);
		if (r < 0)
			return r;
	}
}

static int wait_for_guest(void *context, int fd, short events, uint64_t deadline_ns,
			  struct tare_err *err)
{
	return guest_wait(context, fd, events, deadline_ns, err);
}

void guest_attend(struct guest *guest, uint64_t silence_ns)
{
	const struct message_waiter waiter = {.wait = wait_for_guest, .context = guest};

	pulse_init(&guest->pulse, guest->qemu.pulse_fd,
		   guest_patience_ns(guest->cpus, silence_ns) / PULSE_SHARE);
	channel_wait_by(guest->channel, &waiter);
}

/* In a group of its own QEMU is seen as a whole. Without limits it is in no hierarchy but version
 * 2's, where that is to be had, for a controller would be an ingredient with a price. */
static unsigned int choose_controllers(const struct guest_plan *plan)
{
	unsigned int controllers = limits_controllers(&plan->limits);

	if (!plan->layout->unified.version && plan->layout->controllers[CGROUP_CPUACCT].version)
		controllers |= CGROUP_BIT(CGROUP_CPUACCT);
	return controllers;
}

static int make_cgroup(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	bool needed = limits_any(&plan->limits) || plan->needs_cgroup;
	struct limits limits = plan->limits;
	struct tare_err why = {0};
	int r = cgroup_create(plan->layout, plan->qemu.name, choose_controllers(plan),
			      plan->qemu.journal, &guest->cgroup, &why);

	/* A guest that nothing is to hold can do without. */
	if (!needed && (r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOTSUP))
		return 0;
	if (r < 0)
		return err_set(err, -r, "%s", why.msg);
	limits.work_dir = plan->disk_folder;
	r = limits_apply(&limits, guest->cgroup, err);
	if (r == 0 && limits_any(&limits))
		r = limits_read_back(&limits, guest->cgroup, &guest->limits, err);
	return r;
}

static int connect_network(const struct guest_plan *plan, struct guest *guest, int *ret_tap,
			   struct tare_err *err)
{
	int r = net_open(plan->limits.net_rate, &guest->net, err);

	return r < 0 ? r : net_connect_tap(guest->net, ret_tap, err);
}

/* What is written out of the host's page cache is written on nobody's account, or by memory's, and
 * what is read from it was no I/O: such a limit would not hold. */
static int check_io_limits(const struct guest_plan *plan, const struct guest *guest,
			   struct tare_err *err)
{
	if ((!plan->limits.n_devices && !plan->limits.blkio_weight) ||
	    disk_mode_is_direct(&guest->disk_mode))
		return 0;
	return err_set(err, ENOTSUP,
		       "%s: this guest's disk goes through the host's page cache, where it would "
		       "not hold; use a vm with disk-cache=none, or limit a container in it",
		       plan->limits.n_devices ? "limit on block I/O" : "limit 'blkio-weight'");
}

static int make_disk(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	const struct disk_plan disk = {
		.image = plan->disk,
		.bytes = plan->disk_bytes,
		.folder = plan->disk_folder,
		.name = plan->qemu.name,
		.journal = plan->qemu.journal,
	};
	bool direct = false;
	int r = disk_make(&disk, &guest->disk, &direct, err);

	guest->disk_mode = plan->qemu.disk_mode;
	if (r == 0)
		r = disk_mode_settle(&guest->disk_mode, direct, guest->disk, err);
	return r < 0 ? r : check_io_limits(plan, guest, err);
}

static int start_qemu(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	struct qemu_config config = plan->qemu;
	cleanup_close int tap = -1; /* QEMU's copy is the one that keeps the device */
	int r = 0;

	if (config.network)
		r = connect_network(plan, guest, &tap, err);
	if (r == 0 && plan->has_disk)
		r = make_disk(plan, guest, err);
	if (r < 0)
		return r;
	config.disk = guest->disk;
	config.disk_mode = guest->disk_mode;
	config.cgroup = guest->cgroup;
	config.incoming_fd = plan->state_fd;
	config.tap_fd = tap;
	r = (plan->start ? plan->start : qemu_start)(&guest->qemu, &config, plan->deadline_ns, err);
	if (r == 0 && guest->disk)
		guest->disk_direct = disk_is_open_direct(guest->qemu.process.pid, guest->disk);
	return r;
}

/* A saved guest has said its hello; that it answers shows that it is back. */
static int resume(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	struct channel_clock clock;
	int r = snapshot_resume(guest->qemu.qmp, plan->deadline_ns, err);

	if (r == 0)
		r = channel_open_restored(guest->qemu.channel_fd, plan->hello, &guest->channel,
					  err);
	return r < 0 ? r : channel_ping(guest->channel, 1, plan->deadline_ns, &clock, err);
}

static int meet(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	struct tare_err why = {0};
	int r;

	if (plan->hello) {
		r = resume(plan, guest, &why);
	} else {
		r = qemu_wait(&guest->qemu, guest->qemu.channel_fd, POLLIN, plan->deadline_ns,
			      &why);
		if (r == 0)
			r = channel_open(guest->qemu.channel_fd, plan->deadline_ns, &guest->channel,
					 &why);
	}
	guest->hello_ns = clock_now_ns();
	if (r == 0 && plan->lines)
		channel_limit(guest->channel, LINE_MESSAGE_MAX);
	return r < 0 ? guest_failed(guest, r, &why, err) : 0;
}

int guest_open(const struct guest_plan *plan, struct guest *ret, struct tare_err *err)
{
	struct guest guest = {.cpus = plan->limits.cpus, .lines = plan->lines};
	int r;

	qemu_init(&guest.qemu);
	r = make_cgroup(plan, &guest, err);
	if (r == 0)
		r = start_qemu(plan, &guest, err);
	if (r == 0)
		r = meet(plan, &guest, err);
	if (r < 0) {
		(void)guest_close(&guest, 0, NULL);
		return r;
	}
	*ret = guest;
	return 0;
}

static bool is_lost(int r)
{
	return r == -EPIPE || r == -ETIMEDOUT || r == -EBADMSG;
}

int guest_failed(struct guest *guest, int r, const struct tare_err *why, struct tare_err *err)
{
	struct tare_err end = {0};

	if (!is_lost(r) || guest->failure.code)
		return err_set(err, -r, "%s", why->msg);
	/* How QEMU ended says more than that a socket was closed. */
	if (r == -EPIPE &&
	    qemu_wait(&guest->qemu, -1, 0, clock_now_ns() + END_GRACE_NS, &end) == -EPIPE)
		(void)err_set(&guest->failure, EPIPE, "%s", end.msg);
	else
		(void)err_set(&guest->failure, r == -ETIMEDOUT ? ETIMEDOUT : EPIPE, "%s", why->msg);
	qemu_add_last_words(&guest->qemu, &guest->failure);
	return guest_check(guest, err);
}

int guest_check_memory(struct guest *guest, struct tare_err *err)
{
	if (guest->failure.code)
		return 0;
	(void)console_drain(guest->qemu.console);
	if (!console_says(guest->qemu.console, CONSOLE_OUT_OF_MEMORY))
		return 0;
	(void)err_set(&guest->failure, EPIPE,
		      "the guest ran out of memory, and its kernel killed what it chose");
	qemu_add_last_words(&guest->qemu, &guest->failure);
	return guest_check(guest, err);
}

int guest_check(const struct guest *guest, struct tare_err *err)
{
	if (!guest->failure.code)
		return 0;
	return err_set(err, guest->failure.code, "%s", guest->failure.msg);
}

/* Once it has said that it will, nothing is lost by how QEMU ends: its exit from a thread of the
 * guest's (isa-debug-exit) may crash or hang. */
static int ask_to_end(struct guest *guest, uint64_t deadline_ns, struct tare_err *err)
{
	struct tare_err why = {0};
	int r = 0;

	if (guest->channel && !guest->failure.code && deadline_ns)
		r = channel_call(guest->channel, "shutdown", NULL, deadline_ns, NULL, &why);
	if (r < 0)
		r = err_wrap(err, guest_failed(guest, r, &why, err),
			     "the guest did not shut down when asked");
	channel_close(guest->channel);
	guest->channel = NULL;
	return r;
}

int guest_close(struct guest *guest, uint64_t deadline_ns, struct tare_err *err)
{
	int first, r;

	guest->end_asked_ns = clock_now_ns();
	first = ask_to_end(guest, deadline_ns, err);
	r = qemu_close(&guest->qemu, guest->failure.code ? 0 : deadline_ns, err);

	first = first ? first : r;
	if (guest->cgroup) {
		r = cgroup_kill(guest->cgroup, KILL_TIMEOUT_MS, err);
		first = first ? first : r;
	}
	net_close(guest->net);
	r = cgroup_destroy(guest->cgroup, err);
	first = first ? first : r;
	if (guest->disk && unlink(guest->disk) < 0 && errno != ENOENT && first == 0)
		first = err_errno(err, "remove '%s'", guest->disk);
	free(guest->disk);
	json_decref(guest->limits);
	guest->cgroup = NULL;
	guest->net = NULL;
	guest->disk = NULL;
	guest->limits = NULL;
	return first;
}
