/* SPDX-License-Identifier: MIT */
#include "density/climb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/site.h"
#include "machine/machine.h"

/* What waits in each box: it does nothing until its turn, which never comes. */
#define PLAYER "getppid"

struct standing {
	struct machine *machine;
	machine_player player;
};

bool density_has_room(const struct density_plan *plan, uint64_t before, uint64_t available,
		      uint64_t dearest)
{
	double floor = (1 - plan->share) * (double)before;

	return (double)available - (double)dearest > floor;
}

static int read_available(uint64_t *ret, struct tare_err *err)
{
	static const char key[] = "\nMemAvailable:";
	char text[4096];
	const char *at;
	ssize_t n = fd_read_file(AT_FDCWD, "/proc/meminfo", text, sizeof(text), err);

	if (n < 0)
		return (int)n;
	at = strstr(text, key);
	if (!at)
		return err_set(err, ENOTSUP, "/proc/meminfo does not tell MemAvailable");
	*ret = strtoull(at + sizeof(key) - 1, NULL, 10) * 1024;
	return 0;
}

static int start_player(const struct density_ascent *a, struct standing *box, struct tare_err *err)
{
	struct trial_spec spec;
	int r = site_spec(a->env, &spec, err);

	(void)snprintf(spec.load, sizeof(spec.load), PLAYER);
	if (r == 0)
		r = box->machine->ops->start(box->machine, &spec, &box->player, err);
	trial_spec_clear(&spec);
	return r;
}

static int put_up(const struct density_ascent *a, struct standing *box, struct density_box *ret,
		  struct tare_err *err)
{
	const struct site_machine wanted = {
		.env = a->env, .number = *a->machines, .saved_will_do = true};
	uint64_t asked_ns = clock_now_ns();
	int r = site_open(&a->plan->site, &wanted, &box->machine, err);

	(*a->machines)++;
	if (r == 0)
		r = start_player(a, box, err);
	if (r < 0)
		return *a->plan->interrupted ? -EINTR : r;
	ret->start_ns = clock_now_ns() - asked_ns;
	return read_available(&ret->available_bytes, err);
}

static int take_down(struct standing *box, struct tare_err *err)
{
	int r = box->machine ? box->machine->ops->close(box->machine, err) : 0;

	*box = (struct standing){0};
	return r;
}

/* Of a guest it is QEMU that counts here. */
static void read_weight(const json_t *record, bool is_guest, struct density_box *ret)
{
	const json_t *seen = json_object_get(record, is_guest ? "host_collectors" : "collectors");

	ret->pss_bytes = json_u64_or(json_object_get(seen, "footprint"), "pss", 0);
	ret->group_bytes = json_u64_or(json_object_get(seen, "memory"), "current", 0);
}

static int weigh(struct standing *box, size_t up, struct density_box *ret, struct tare_err *err)
{
	const struct machine_ops *ops = box->machine->ops;
	cleanup_json json_t *record = NULL;
	int r;

	r = ops->finish(box->machine, box->player, &record, err);
	if (r < 0)
		return r;
	read_weight(record, ops->is_guest, ret);
	ret->up = up;
	return 0;
}

/* Down from the first on, all of them whatever happens; the first failure is told. What did not
 * come to its bound is not weighed: a signal may have ended the players, too. */
static int descend(struct standing *standing, struct density_climb *climb,
		   struct density_box *boxes, bool weighed, struct tare_err *err)
{
	int first = 0;

	for (size_t i = 0; i < climb->boxes; i++) {
		struct tare_err *once = first < 0 ? NULL : err;
		int r = 0, q;

		if (weighed && i < DENSITY_WEIGHED && standing[i].machine)
			r = weigh(&standing[i], climb->boxes - i, &boxes[i], once);
		q = take_down(&standing[i], r < 0 ? NULL : once);
		first = first < 0 ? first : r < 0 ? r : q;
	}
	return first;
}

/* What ends the climb before another box: -1: nothing does. */
static int bound_met(const struct density_ascent *a, const struct density_climb *climb,
		     uint64_t begun_ns, uint64_t available, uint64_t dearest)
{
	if (climb->boxes == a->max)
		return DENSITY_AT_MAX;
	if (!density_has_room(a->plan, climb->available_bytes, available, dearest))
		return DENSITY_MEMORY;
	return clock_now_ns() - begun_ns >= a->plan->climb_ns ? DENSITY_TIME : -1;
}

/* That the first one cannot be put up is an error; of a later one it is where the climb ends. */
static int refused(struct density_climb *climb, struct standing *box, int r,
		   const struct tare_err *why, struct tare_err *err)
{
	bool is_error = r != -EINTR && climb->boxes == 0;
	/* -ETIME is the end of the time budget, not of a guest's patience. */
	int code = r == -ETIME ? ETIMEDOUT : -r, q;

	if (is_error)
		(void)err_set(err, code, "%s", why->msg);
	q = take_down(box, is_error ? NULL : err);
	if (is_error || q < 0)
		return is_error ? -code : q;
	if (r == -EINTR)
		return r;
	climb->stop = DENSITY_REFUSED;
	memcpy(climb->why, why->msg, sizeof(climb->why));
	return 0;
}

static int ascend(const struct density_ascent *a, struct standing *standing,
		  struct density_climb *climb, struct density_box *boxes, struct tare_err *err)
{
	uint64_t begun_ns = clock_now_ns(), available, dearest = 0;
	int r = read_available(&climb->available_bytes, err), met;

	available = climb->available_bytes;
	while (r == 0) {
		struct density_box *box = &boxes[climb->boxes];
		struct tare_err why = {0};

		climb->up_ns = clock_now_ns() - begun_ns;
		met = bound_met(a, climb, begun_ns, available, dearest);
		if (met >= 0) {
			climb->stop = (enum density_stop)met;
			return 0;
		}
		*box = (struct density_box){.n = climb->boxes + 1};
		r = put_up(a, &standing[climb->boxes], box, &why);
		if (r < 0)
			return refused(climb, &standing[climb->boxes], r, &why, err);
		if (available > box->available_bytes && available - box->available_bytes > dearest)
			dearest = available - box->available_bytes;
		available = box->available_bytes;
		climb->boxes++;
		a->progress(climb->boxes, a->context);
		if (*a->plan->interrupted)
			return -EINTR;
		if (a->deadline_ns && clock_now_ns() >= a->deadline_ns)
			return -ETIME;
	}
	return r;
}

int density_climb(const struct density_ascent *ascent, struct density_climb *climb,
		  struct density_box *ret_boxes, struct tare_err *err)
{
	cleanup_free struct standing *standing = calloc(ascent->max, sizeof(*standing));
	uint64_t begun_ns = clock_now_ns();
	bool ended;
	int r, q;

	if (!standing)
		return err_set(err, ENOMEM, "out of memory");
	r = ascend(ascent, standing, climb, ret_boxes, err);
	if (standing[0].machine)
		climb->instance = standing[0].machine->ops->describe(standing[0].machine);
	ended = r == -EINTR || r == -ETIME;
	q = descend(standing, climb, ret_boxes, r == 0, r < 0 && !ended ? NULL : err);
	climb->took_ns = clock_now_ns() - begun_ns;
	return r == 0 || (ended && q < 0) ? q : r;
}
