/* SPDX-License-Identifier: MIT */
/* io-buffered: writes through the page cache go at the limit's rate in the end.
 *
 * Whoever writes is let go on until so many of its group's pages are dirty, and from then on only
 * as fast as they are written back, which cgroup v2 puts down to the group (cgroup-v2.rst,
 * Writeback). The limit of memory keeps that many few; the first seconds, in which they are used
 * up, are not counted. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "check/run/stream.h"

#define RATE    8388608
#define LOW     0.8
#define HIGH    1.2
#define SKIP_NS (3 * NS_PER_S)
#define TURN_NS (8 * NS_PER_S)

extern const struct check_ops check_ops_io_buffered;

static int io_buffered_probe(struct check_run *run, struct tare_err *err)
{
	const struct cgroup_hierarchy *io = &check_layout(run)->controllers[CGROUP_IO];
	const struct cgroup_hierarchy *memory = &check_layout(run)->controllers[CGROUP_MEMORY];
	int r = check_needs(run, CGROUP_IO, err);

	if (r == 0)
		r = check_needs(run, CGROUP_MEMORY, err);
	if (r == 0 && (io->version == 1 || memory->version == 1))
		return err_set(err, ENOTSUP,
			       "cgroup v1 writes the page cache back on nobody's account, so that "
			       "blkio does not limit it (blkio-controller.rst)");
	return r;
}

static int io_buffered_measure(struct check_run *run, bool limited, struct check_figure *ret,
			       struct tare_err *err)
{
	const struct check_stream stream = {
		.rate = RATE,
		.least = LOW,
		.most = HIGH,
		.op_bytes = 65536,
		.disk = true,
		/* Nothing has to be used up where nothing is limited. */
		.skip_ns = limited ? SKIP_NS : NS_PER_S,
		.duration_ns = limited ? check_time(run, TURN_NS, 5 * NS_PER_S) : NS_PER_S,
	};
	char limits[192];
	const struct check_load load = {.load = "io-stream",
					.params = "rw=write direct=off block=64K size=24M",
					.limits = limits,
					.given = "memory=32M",
					.safety = "memory=48M cpus=0.9"};

	(void)snprintf(limits, sizeof(limits), "device-write-bps=%.120s:%dB", check_work_dir(run),
		       RATE);
	ret->details = json_pack("{s:f}", "bytes_per_s", (double)RATE);
	return check_stream(run, &stream, "write", &load, limited, ret, err);
}

const struct check_ops check_ops_io_buffered = {
	.name = "io-buffered",
	.summary = "bytes per second written through the page cache, over the limit",
	.claim = "writes through the page cache go, in the long run, at the limit's rate",
	.limits = "device-write-bps",
	.unit = "x",
	.low = LOW,
	.high = HIGH,
	.tolerance = "20 % of the rate over 8 s: what is dirty swings by part of a second's worth "
		     "(balance_dirty_pages, mm/page-writeback.c)",
	.probe = io_buffered_probe,
	.measure = io_buffered_measure,
};
