/* SPDX-License-Identifier: MIT */
/* io-iops: direct reads and writes of the folder under test go at the limit's rate.
 *
 * What goes through the page cache is io-buffered's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "check/run/stream.h"

#define RATE    200
#define BLOCK   4096
#define LOW     0.9
#define HIGH    1.1
#define TURN_NS (5 * NS_PER_S)

extern const struct check_ops check_ops_io_iops;

static int io_iops_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_IO, err);
}

static int io_iops_measure(struct check_run *run, bool limited, struct check_figure *ret,
			   struct tare_err *err)
{
	static const char *const ways[] = {"read", "write"};
	const struct check_stream stream = {
		.rate = (double)RATE * BLOCK,
		.least = LOW,
		.most = HIGH,
		.op_bytes = BLOCK,
		.disk = true,
		.duration_ns = check_time(run, TURN_NS, 2 * NS_PER_S),
	};

	ret->details = json_pack("{s:f}", "per_s", (double)RATE);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char params[64], limits[192];
		const struct check_load load = {.load = "io-stream",
						.params = params,
						.limits = limits,
						.safety = "memory=512M cpus=0.9"};
		int r;

		(void)snprintf(params, sizeof(params), "rw=%s direct=on block=%dB", ways[i], BLOCK);
		(void)snprintf(limits, sizeof(limits), "device-%s-iops=%.120s:%d", ways[i],
			       check_work_dir(run), RATE);
		r = check_stream(run, &stream, ways[i], &load, limited, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct check_ops check_ops_io_iops = {
	.name = "io-iops",
	.summary =
		"operations per second of direct I/O over the limit, the worse of reads and writes",
	.claim = "direct reads and writes go at the limit's rate",
	.limits = "device-read-iops device-write-iops",
	.of_machines = true,
	.unit = "x",
	.low = LOW,
	.high = HIGH,
	.tolerance = "10 % of the rate over 5 s, the first slice included (blktests throtl/001 "
		     "lets 50 % pass)",
	.probe = io_iops_probe,
	.measure = io_iops_measure,
};
