/* SPDX-License-Identifier: MIT */
/* io-bps: direct reads and writes of the folder under test go at the limit's rate.
 *
 * What goes through the page cache is io-buffered's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "check/run/stream.h"

#define RATE    4194304
#define LOW     0.9
#define HIGH    1.1
#define TURN_NS (5 * NS_PER_S)

extern const struct check_ops check_ops_io_bps;

static int io_bps_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs(run, CGROUP_IO, err);
}

static int io_bps_measure(struct check_run *run, bool limited, struct check_figure *ret,
			  struct tare_err *err)
{
	static const char *const ways[] = {"read", "write"};
	const struct check_stream stream = {
		.rate = RATE,
		.least = LOW,
		.most = HIGH,
		.op_bytes = 65536,
		.disk = true,
		.duration_ns = check_time(run, TURN_NS, 2 * NS_PER_S),
	};

	ret->details = json_pack("{s:f}", "bytes_per_s", (double)RATE);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char params[64], limits[192];
		const struct check_load load = {.load = "io-stream",
						.params = params,
						.limits = limits,
						.safety = "memory=512M cpus=0.9"};
		int r;

		(void)snprintf(params, sizeof(params), "rw=%s direct=on block=64K", ways[i]);
		(void)snprintf(limits, sizeof(limits), "device-%s-bps=%.120s:%dB", ways[i],
			       check_work_dir(run), RATE);
		r = check_stream(run, &stream, ways[i], &load, limited, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct check_ops check_ops_io_bps = {
	.name = "io-bps",
	.summary = "bytes per second of direct I/O over the limit, the worse of reads and writes",
	.claim = "direct reads and writes go at the limit's rate",
	.limits = "device-read-bps device-write-bps",
	.of_machines = true,
	.unit = "x",
	.low = LOW,
	.high = HIGH,
	.tolerance = "10 % of the rate over 5 s, the first slice included (blktests throtl/001 "
		     "lets 50 % pass)",
	.probe = io_bps_probe,
	.measure = io_bps_measure,
};
