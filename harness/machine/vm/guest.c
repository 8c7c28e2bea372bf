/* SPDX-License-Identifier: MIT */
#include "machine/vm/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/channel.h"
#include "machine/vm/console.h"
#include "machine/vm/disk.h"

#define KILL_TIMEOUT_MS  10000
#define END_GRACE_NS     (500 * NS_PER_MS)
/* Fits into what a line holds (N_TTY_BUF_SIZE, 4096) without holding its sender up, see stdio.h. */
#define LINE_MESSAGE_MAX 3500

static int make_cgroup(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	unsigned int controllers = limits_controllers(&plan->limits);
	int r;

	if (!limits_any(&plan->limits) && !plan->own_cgroup)
		return 0;
	if (plan->layout->controllers[CGROUP_CPUACCT].version)
		controllers |= CGROUP_BIT(CGROUP_CPUACCT);
	r = cgroup_create(plan->layout, plan->qemu.name, controllers, plan->qemu.journal,
			  &guest->cgroup, err);
	if (r == 0)
		r = limits_apply(&plan->limits, guest->cgroup, err);
	if (r == 0 && limits_any(&plan->limits))
		r = limits_read_back(&plan->limits, guest->cgroup, &guest->limits, err);
	return r;
}

static int start_qemu(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	struct qemu_config config = plan->qemu;
	int r = 0;

	if (plan->disk)
		r = disk_copy(plan->disk, plan->disk_folder, config.name, config.journal,
			      &guest->disk, &guest->disk_direct, err);
	if (r < 0)
		return r;
	config.disk = guest->disk;
	config.disk_direct = guest->disk_direct;
	config.cgroup = guest->cgroup;
	config.incoming_fd = plan->state_fd;
	return (plan->start ? plan->start : qemu_start)(&guest->qemu, &config, plan->deadline_ns,
							err);
}

/* A saved guest has said its hello; that it answers shows that it is back. */
static int resume(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	struct channel_clock clock;
	int r = channel_open_restored(guest->qemu.channel_fd, plan->hello, &guest->channel, err);

	return r < 0 ? r : channel_ping(guest->channel, 1, plan->deadline_ns, &clock, err);
}

static int meet(const struct guest_plan *plan, struct guest *guest, struct tare_err *err)
{
	struct tare_err why = {0};
	int r;

	if (plan->hello) {
		r = resume(plan, guest, &why);
	} else {
		r = qemu_wait(&guest->qemu, guest->qemu.channel_fd, plan->deadline_ns, &why);
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
	struct guest guest = {.lines = plan->lines};
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
	    qemu_wait(&guest->qemu, -1, clock_now_ns() + END_GRACE_NS, &end) == -EPIPE)
		(void)err_set(&guest->failure, EPIPE, "%s", end.msg);
	else
		(void)err_set(&guest->failure, r == -ETIMEDOUT ? ETIMEDOUT : EPIPE, "%s", why->msg);
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
	int first = ask_to_end(guest, deadline_ns, err);
	int r = qemu_close(&guest->qemu, guest->failure.code ? 0 : deadline_ns, err);

	first = first ? first : r;
	if (guest->cgroup) {
		r = cgroup_kill(guest->cgroup, KILL_TIMEOUT_MS, err);
		first = first ? first : r;
	}
	r = cgroup_destroy(guest->cgroup, err);
	first = first ? first : r;
	if (guest->disk && unlink(guest->disk) < 0 && errno != ENOENT && first == 0)
		first = err_errno(err, "remove '%s'", guest->disk);
	free(guest->disk);
	json_decref(guest->limits);
	guest->cgroup = NULL;
	guest->disk = NULL;
	guest->limits = NULL;
	return first;
}
