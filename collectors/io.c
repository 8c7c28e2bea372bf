/* SPDX-License-Identifier: MIT */
/* io: bytes and operations on each block device, from the kernel's own accounts; named, also how
 * long requests took, and how long they were held back. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "collector.h"
#include "common/series.h"
#include "common/statfile.h"
#include "io/blocks.h"

#define DEVICES_MAX 32

enum amount { RBYTES, WBYTES, RIOS, WIOS, AMOUNTS };
static const char *const amount_names[AMOUNTS] = {"rbytes", "wbytes", "rios", "wios"};

/* Of io.cost, in microseconds, where it is enabled on the disk (block/blk-iocost.c). */
enum cost { USAGE, WAIT, INDEBT, INDELAY, COSTS };
static const char *const cost_names[COSTS] = {"usage", "wait", "indebt", "indelay"};

struct device {
	unsigned int major, minor;
	uint64_t amounts[AMOUNTS];
	uint64_t costs[COSTS];
	bool has_cost[COSTS];
};

struct view {
	size_t n;
	struct device devices[DEVICES_MAX];
	uint64_t more; /* devices above DEVICES_MAX */
	uint64_t some_us, full_us;
	bool has_pressure;
};

struct io {
	struct collector collector;
	int version;                   /* 0: the group has no such controller */
	int stat_fd, bytes_fd, ops_fd; /* v2: the first; v1: the two others */
	int pressure_fd;
	uint64_t begin_ns;
	bool begun, ended;
	struct view begin, now;
	struct series series;
	void *blocks;        /* NULL: it does not trace */
	json_t *unsupported; /* NULL: it was not named */
	char text[STATFILE_SIZE];
};

static struct device *device_of(struct view *view, unsigned int major, unsigned int minor)
{
	for (size_t i = 0; i < view->n; i++)
		if (view->devices[i].major == major && view->devices[i].minor == minor)
			return &view->devices[i];
	if (view->n == DEVICES_MAX) {
		view->more++;
		return NULL;
	}
	view->devices[view->n] = (struct device){.major = major, .minor = minor};
	return &view->devices[view->n++];
}

/* The number behind " NAME=" in a line, or behind " PREFIX.NAME=". */
static bool find_value(const char *line, const char *prefix, const char *name, uint64_t *ret)
{
	const char *at;
	char key[32];

	(void)snprintf(key, sizeof(key), " %s%s=", prefix, name);
	at = strstr(line, key);
	if (at)
		*ret = strtoull(at + strlen(key), NULL, 10);
	return at != NULL;
}

/* The lines are the kernel's own: no number in them is out of range.
 * v2, io.stat: "259:0 rbytes=4096 wbytes=0 rios=1 wios=0 ..." */
static void parse_stat(char *text, struct view *view)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		unsigned int major, minor;
		struct device *device;

		/* NOLINTNEXTLINE(cert-err34-c) */
		if (sscanf(line, "%u:%u", &major, &minor) != 2)
			continue;
		device = device_of(view, major, minor);
		for (size_t i = 0; device && i < AMOUNTS; i++)
			(void)find_value(line, "", amount_names[i], &device->amounts[i]);
		for (size_t i = 0; device && i < COSTS; i++)
			device->has_cost[i] =
				find_value(line, "cost.", cost_names[i], &device->costs[i]);
	}
}

/* v1, blkio.throttle.io_service_bytes and _serviced: "259:0 Read 4096" */
static void parse_v1(char *text, struct view *view, enum amount read, enum amount write)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		unsigned int major, minor;
		unsigned long long value;
		struct device *device;
		char what[16];

		if (sscanf(line, "%u:%u %15s %llu", &major, &minor, what, /* NOLINT(cert-err34-c) */
			   &value) != 4)
			continue;
		device = device_of(view, major, minor);
		if (device && strcmp(what, "Read") == 0)
			device->amounts[read] = value;
		if (device && strcmp(what, "Write") == 0)
			device->amounts[write] = value;
	}
}

static int read_view(struct io *io, struct view *ret, struct tare_err *err)
{
	struct view *view = ret;
	int r;

	*view = (struct view){0};
	if (io->stat_fd >= 0) {
		r = statfile_read(io->stat_fd, "io.stat", io->text, sizeof(io->text), err);
		if (r < 0)
			return r;
		parse_stat(io->text, view);
	}
	if (io->bytes_fd >= 0) {
		r = statfile_read(io->bytes_fd, "blkio.throttle.io_service_bytes", io->text,
				  sizeof(io->text), err);
		if (r < 0)
			return r;
		parse_v1(io->text, view, RBYTES, WBYTES);
	}
	if (io->ops_fd >= 0) {
		r = statfile_read(io->ops_fd, "blkio.throttle.io_serviced", io->text,
				  sizeof(io->text), err);
		if (r < 0)
			return r;
		parse_v1(io->text, view, RIOS, WIOS);
	}
	if (io->pressure_fd >= 0 &&
	    statfile_read(io->pressure_fd, "io.pressure", io->text, sizeof(io->text), NULL) == 0)
		view->has_pressure = statfile_find(io->text, "some total", &view->some_us) &&
				     statfile_find(io->text, "full total", &view->full_us);
	return 0;
}

/* The device as it was at the first snapshot; all 0: it had not been used. */
static const struct device *begin_of(const struct io *io, const struct device *device)
{
	static const struct device unused;

	for (size_t i = 0; i < io->begin.n; i++) {
		const struct device *d = &io->begin.devices[i];

		if (d->major == device->major && d->minor == device->minor)
			return d;
	}
	return &unused;
}

static uint64_t amount_since(const struct io *io, const struct device *device, size_t amount)
{
	return device->amounts[amount] - begin_of(io, device)->amounts[amount];
}

extern const struct collector_ops collector_ops_io;

static int io_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

static int name_missing(int version, json_t *figures, struct tare_err *err)
{
	int r = 0;

	if (version == 0)
		r |= json_put(figures, "devices", json_string("there is no controller 'io'"));
	if (version == 1)
		r |= json_put(figures, "cost",
			      json_string("io.cost is of cgroup v2, and 'io' is of v1 here"));
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int io_missing(json_t *figures, struct tare_err *err)
{
	struct cgroup_layout layout;
	int r = cgroup_layout_read(&layout, err);

	if (r == 0)
		r = name_missing(layout.controllers[CGROUP_IO].version, figures, err);
	return r < 0 ? r : trace_missing(&blocks_trace, figures, err);
}

/* What only a named collector does: to trace, and to say what it lacks. */
static int start_trace(struct io *io, const struct cgroup *cgroup, struct tare_err *err)
{
	int r;

	io->unsupported = json_object();
	r = name_missing(io->version, io->unsupported, err);
	if (r == 0 && io->pressure_fd < 0 &&
	    json_put(io->unsupported, "pressure",
		     json_string(cgroup_v2_fd(cgroup) < 0 ? "no cgroup v2 is mounted"
							  : "the kernel has no 'io.pressure'")) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = blocks_trace.open(cgroup, io->unsupported, &io->blocks, err);
	if (io->blocks && !json_object_get(io->unsupported, "held"))
		series_add_column(&io->series, "held_us");
	return r;
}

static void io_detach(struct collector *collector);

static int io_attach(const struct collector_target *target, struct collector **ret,
		     struct tare_err *err)
{
	struct io *io = calloc(1, sizeof(*io));
	int dirfd, r;

	if (!io)
		return err_set(err, ENOMEM, "out of memory");
	io->collector.ops = &collector_ops_io;
	dirfd = cgroup_controller_fd(target->cgroup, CGROUP_IO, &io->version);
	if (dirfd < 0)
		io->version = 0;
	io->stat_fd = io->version == 2 ? statfile_open(dirfd, "io.stat") : -1;
	io->bytes_fd = -1;
	io->ops_fd = -1;
	if (io->version == 1) {
		io->bytes_fd = statfile_open(dirfd, "blkio.throttle.io_service_bytes");
		io->ops_fd = statfile_open(dirfd, "blkio.throttle.io_serviced");
	}
	io->pressure_fd = statfile_open(cgroup_v2_fd(target->cgroup), "io.pressure");
	if (io->version != 0)
		for (size_t i = 0; i < AMOUNTS; i++)
			series_add_column(&io->series, amount_names[i]);
	r = target->named ? start_trace(io, target->cgroup, err) : 0;
	if (r < 0) {
		io_detach(&io->collector);
		return r;
	}
	*ret = &io->collector;
	return 0;
}

static int io_snapshot(struct collector *collector, enum collector_moment moment,
		       struct tare_err *err)
{
	struct io *io = (struct io *)collector;
	int r = read_view(io, moment == COLLECTOR_BEGIN ? &io->begin : &io->now, err);

	if (r == 0 && io->blocks)
		r = blocks_trace.snapshot(io->blocks, moment, err);
	if (r < 0)
		return r;
	if (moment == COLLECTOR_BEGIN) {
		io->begin_ns = clock_now_ns();
		io->begun = true;
	} else {
		io->ended = true;
	}
	return 0;
}

static int io_sample(struct collector *collector, uint64_t now_ns, struct tare_err *err)
{
	struct io *io = (struct io *)collector;
	uint64_t row[AMOUNTS + 1] = {0};
	int r;

	if (io->version == 0 || !io->begun)
		return 0;
	r = read_view(io, &io->now, err);
	if (r < 0)
		return r;
	for (size_t d = 0; d < io->now.n; d++)
		for (size_t i = 0; i < AMOUNTS; i++)
			row[i] += amount_since(io, &io->now.devices[d], i);
	if (io->series.n_columns > AMOUNTS)
		row[AMOUNTS] = blocks_held_us(io->blocks);
	return series_add(&io->series, now_ns > io->begin_ns ? now_ns - io->begin_ns : 0, row, err);
}

static int put_costs(const struct io *io, const struct device *device, json_t *object)
{
	json_t *costs = NULL;
	char name[32];
	int r = 0;

	for (size_t i = 0; i < COSTS; i++) {
		if (!device->has_cost[i])
			continue;
		if (!costs)
			r |= json_put(object, "cost", costs = json_object());
		(void)snprintf(name, sizeof(name), "%s_us", cost_names[i]);
		r |= json_put(costs, name,
			      json_u64(device->costs[i] - begin_of(io, device)->costs[i]));
	}
	return r;
}

/* Only devices that were used. */
static json_t *devices_to_json(const struct io *io)
{
	json_t *devices = json_object();
	char name[32];

	for (size_t d = 0; d < io->now.n; d++) {
		const struct device *device = &io->now.devices[d];
		json_t *object = json_object();
		uint64_t used = 0;

		for (size_t i = 0; i < AMOUNTS; i++) {
			used |= amount_since(io, device, i);
			(void)json_put(object, amount_names[i],
				       json_u64(amount_since(io, device, i)));
		}
		(void)put_costs(io, device, object);
		(void)snprintf(name, sizeof(name), "%u:%u", device->major, device->minor);
		if (used)
			(void)json_put(devices, name, object);
		else
			json_decref(object);
	}
	return devices;
}

/* Nobody's io.cost is enabled: there is no figure of it. */
static int name_no_cost(const struct io *io)
{
	for (size_t d = 0; d < io->now.n; d++)
		if (io->now.devices[d].has_cost[USAGE])
			return 0;
	return io->version != 2
		       ? 0
		       : json_put(io->unsupported, "cost",
				  json_string("io.cost is enabled on no disk that was used "
					      "(io.cost.qos of the root group)"));
}

static int io_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	struct io *io = (struct io *)collector;
	cleanup_json json_t *object = json_object();
	json_t *lost = json_pack("{s:o,s:o}", "points", json_u64(io->series.lost), "devices",
				 json_u64(io->now.more));
	int r = json_put(object, "lost", lost);

	if (!io->begun || !io->ended)
		return err_set(err, EINVAL, "read before its two snapshots");
	if (io->version != 0)
		r |= json_put(object, "devices", devices_to_json(io));
	if (io->begin.has_pressure && io->now.has_pressure)
		r |= json_put(object, "pressure",
			      json_pack("{s:o,s:o}", "some_us",
					json_u64(io->now.some_us - io->begin.some_us), "full_us",
					json_u64(io->now.full_us - io->begin.full_us)));
	if (io->series.n_points > 0)
		r |= json_put(object, "series", series_to_json(&io->series));
	if (io->unsupported)
		r |= name_no_cost(io) |
		     json_put(object, "unsupported", json_incref(io->unsupported));
	if (r != 0)
		return err_set(err, ENOMEM, "out of memory");
	r = io->blocks ? blocks_trace.read(io->blocks, object, lost, err) : 0;
	if (r == 0)
		*ret = take_pointer(object);
	return r;
}

static void io_detach(struct collector *collector)
{
	struct io *io = (struct io *)collector;

	if (!io)
		return;
	cleanup_closep(&io->stat_fd);
	cleanup_closep(&io->bytes_fd);
	cleanup_closep(&io->ops_fd);
	cleanup_closep(&io->pressure_fd);
	blocks_trace.close(io->blocks);
	json_decref(io->unsupported);
	series_clear(&io->series);
	free(io);
}

const struct collector_ops collector_ops_io = {
	.name = "io",
	.summary = "bytes and operations on each disk, pressure, from cgroup files; named: "
		   "latency, throttling",
	.controllers = CGROUP_BIT(CGROUP_IO),
	.probe = io_probe,
	.missing = io_missing,
	.attach = io_attach,
	.snapshot = io_snapshot,
	.sample = io_sample,
	.read = io_read,
	.detach = io_detach,
};
