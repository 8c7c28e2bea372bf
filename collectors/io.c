/* SPDX-License-Identifier: MIT */
/* io: bytes and operations on each block device, from the kernel's own accounts. */

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

#define DEVICES_MAX 32

enum amount { RBYTES, WBYTES, RIOS, WIOS, AMOUNTS };
static const char *const amount_names[AMOUNTS] = {"rbytes", "wbytes", "rios", "wios"};

struct device {
	unsigned int major, minor;
	uint64_t amounts[AMOUNTS];
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

/* The lines are the kernel's own: no number in them is out of range.
 * v2, io.stat: "259:0 rbytes=4096 wbytes=0 rios=1 wios=0 ..." */
static void parse_stat(char *text, struct view *view)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		unsigned int major, minor;
		struct device *device;
		char key[32];

		/* NOLINTNEXTLINE(cert-err34-c) */
		if (sscanf(line, "%u:%u", &major, &minor) != 2)
			continue;
		device = device_of(view, major, minor);
		for (size_t i = 0; device && i < AMOUNTS; i++) {
			const char *at;

			(void)snprintf(key, sizeof(key), " %s=", amount_names[i]);
			at = strstr(line, key);
			if (at)
				device->amounts[i] = strtoull(at + strlen(key), NULL, 10);
		}
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

static uint64_t begin_amount(const struct io *io, const struct device *device, enum amount amount)
{
	for (size_t i = 0; i < io->begin.n; i++) {
		const struct device *d = &io->begin.devices[i];

		if (d->major == device->major && d->minor == device->minor)
			return d->amounts[amount];
	}
	return 0;
}

extern const struct collector_ops collector_ops_io;

static int io_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

static int io_attach(const struct collector_target *target, struct collector **ret,
		     struct tare_err *err)
{
	struct io *io = calloc(1, sizeof(*io));
	int dirfd;

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
	*ret = &io->collector;
	return 0;
}

static int io_snapshot(struct collector *collector, enum collector_moment moment,
		       struct tare_err *err)
{
	struct io *io = (struct io *)collector;
	int r = read_view(io, moment == COLLECTOR_BEGIN ? &io->begin : &io->now, err);

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
	uint64_t row[AMOUNTS] = {0};
	int r;

	if (io->version == 0 || !io->begun)
		return 0;
	r = read_view(io, &io->now, err);
	if (r < 0)
		return r;
	for (size_t d = 0; d < io->now.n; d++)
		for (size_t i = 0; i < AMOUNTS; i++)
			row[i] += io->now.devices[d].amounts[i] -
				  begin_amount(io, &io->now.devices[d], (enum amount)i);
	return series_add(&io->series, now_ns > io->begin_ns ? now_ns - io->begin_ns : 0, row, err);
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
			uint64_t amount =
				device->amounts[i] - begin_amount(io, device, (enum amount)i);

			used |= amount;
			(void)json_put(object, amount_names[i], json_u64(amount));
		}
		(void)snprintf(name, sizeof(name), "%u:%u", device->major, device->minor);
		if (used)
			(void)json_put(devices, name, object);
		else
			json_decref(object);
	}
	return devices;
}

static int io_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	struct io *io = (struct io *)collector;
	cleanup_json json_t *object = NULL;
	int r = 0;

	if (!io->begun || !io->ended)
		return err_set(err, EINVAL, "read before its two snapshots");
	object = json_pack("{s:{s:o,s:o}}", "lost", "points", json_u64(io->series.lost), "devices",
			   json_u64(io->now.more));
	if (io->version != 0)
		r |= json_put(object, "devices", devices_to_json(io));
	if (io->begin.has_pressure && io->now.has_pressure)
		r |= json_put(object, "pressure",
			      json_pack("{s:o,s:o}", "some_us",
					json_u64(io->now.some_us - io->begin.some_us), "full_us",
					json_u64(io->now.full_us - io->begin.full_us)));
	if (io->series.n_points > 0)
		r |= json_put(object, "series", series_to_json(&io->series));
	if (!object || r != 0)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(object);
	return 0;
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
	series_clear(&io->series);
	free(io);
}

const struct collector_ops collector_ops_io = {
	.name = "io",
	.summary = "bytes and operations on each block device, and pressure, from cgroup files",
	.controllers = CGROUP_BIT(CGROUP_IO),
	.probe = io_probe,
	.attach = io_attach,
	.snapshot = io_snapshot,
	.sample = io_sample,
	.read = io_read,
	.detach = io_detach,
};
