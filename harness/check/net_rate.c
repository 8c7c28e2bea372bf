/* SPDX-License-Identifier: MIT */
/* net-rate: what goes through a box's network device, in either direction, is its rate.
 *
 * What is counted is payload, some 4 % less than what the shaper counts (headers of Ethernet, IP
 * and TCP on segments of 1448 bytes); its bucket, full at first, is 1 % more over the turn. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/check.h"
#include "check/run/run.h"
#include "check/run/stream.h"

#define RATE_BITS  40e6
#define RATE_LIMIT "net-rate=40mbit"
#define LOW        0.9
#define HIGH       1.1
#define TURN_NS    (3 * NS_PER_S)

extern const struct check_ops check_ops_net_rate;

static int net_rate_probe(struct check_run *run, struct tare_err *err)
{
	return check_needs_network(run, err);
}

static int net_rate_measure(struct check_run *run, bool limited, struct check_figure *ret,
			    struct tare_err *err)
{
	static const char *const ways[] = {"send", "receive"};
	const struct check_stream stream = {
		.rate = RATE_BITS / 8,
		.least = LOW,
		.most = HIGH,
		.duration_ns = check_time(run, TURN_NS, NS_PER_S),
	};

	ret->details = json_pack("{s:f}", "bits_per_s", RATE_BITS);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char params[32];
		const struct check_load load = {.load = "net-stream",
						.params = params,
						.limits = RATE_LIMIT,
						.safety = "memory=256M cpus=0.9"};
		int r;

		(void)snprintf(params, sizeof(params), "way=%s", ways[i]);
		r = check_stream(run, &stream, ways[i], &load, limited, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct check_ops check_ops_net_rate = {
	.name = "net-rate",
	.summary = "payload through the box's network device over its rate, the worse direction",
	.claim = "no more than the rate goes through the box's network device, either way",
	.limits = "net-rate",
	.unit = "x",
	.low = LOW,
	.high = HIGH,
	.tolerance =
		"10 % of the rate, headers included (as Firecracker's own test of its limiter)",
	.on_device = RATE_LIMIT,
	.probe = net_rate_probe,
	.measure = net_rate_measure,
};
