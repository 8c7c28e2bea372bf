/* SPDX-License-Identifier: MIT */
/* io-bps: direct reads and writes of the folder under test go at the limit's rate.
 *
 * Buffered writes are no part of it: cgroup v1 charges them to nobody (blkio-controller.rst). */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "check/run/stream.h"

#define RATE    4194304
#define BLOCK   "64K"
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

	ret->details = json_pack("{s:f}", "bytes_per_s", (double)RATE);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char params[64], limits[192];
		const struct check_load load = {.load = "io-stream",
						.params = params,
						.limits = limits,
						.safety = "memory=512M cpus=0.9"};
		double rate;
		int r;

		(void)snprintf(params, sizeof(params), "rw=%s direct=on block=" BLOCK, ways[i]);
		(void)snprintf(limits, sizeof(limits), "device-%s-bps=%.120s:%dB", ways[i],
			       check_work_dir(run), RATE);
		r = check_stream(run, &load, limited, check_time(run, TURN_NS, 2 * NS_PER_S), &rate,
				 err);
		if (r < 0)
			return r;
		rate /= (double)RATE;
		(void)json_object_set_new(ret->details, ways[i], json_number(rate));
		if (i == 0 || fabs(log(rate)) > fabs(log(ret->value)))
			ret->value = rate;
		ret->n++;
	}
	return 0;
}

const struct check_ops check_ops_io_bps = {
	.name = "io-bps",
	.summary = "bytes per second of direct I/O over the limit, the worse of reads and writes",
	.claim = "direct reads and writes go at the limit's rate",
	.limits = "device-read-bps device-write-bps",
	.unit = "x",
	.low = 0.9,
	.high = 1.1,
	.tolerance = "10 % of the rate over 5 s, the first slice included (blktests throtl/001 "
		     "lets 50 % pass)",
	.probe = io_bps_probe,
	.measure = io_bps_measure,
};
