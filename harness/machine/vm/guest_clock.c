/* SPDX-License-Identifier: MIT */
#include "machine/vm/guest_clock.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "machine/vm/channel.h"

#define PPM 1e6

/* A kernel calls the TSC "tsc-early" for its first second, until it has measured it better: the
 * same counter, whose rate is judged like any other. */
static bool is_same_source(const char *a, const char *b)
{
	static const char tsc[] = "tsc", early[] = "tsc-early";

	return strcmp(a, b) == 0 || (strcmp(a, early) == 0 && strcmp(b, tsc) == 0);
}

/* Why the trial is void; NULL: it is not. New reference. */
static json_t *find_fault(const struct channel_clock *begin, const struct channel_clock *end)
{
	double host = (double)end->host_ns - (double)begin->host_ns;
	double stray = (double)end->guest_ns - (double)begin->guest_ns - host;
	double unknown = ((double)begin->rtt_ns + (double)end->rtt_ns) / 2;

	if (!is_same_source(begin->clocksource, end->clocksource))
		return json_sprintf("the guest's clocksource changed from %s to %s",
				    begin->clocksource, end->clocksource);
	if (fabs(stray) - unknown > host * GUEST_CLOCK_DRIFT_PPM / PPM)
		return json_sprintf("the guest's clock drifts by %.0f ppm from the host's",
				    host > 0 ? stray / host * PPM : 0);
	return NULL;
}

json_t *guest_clock_judge(const struct channel_clock *begin, const struct channel_clock *end)
{
	double host = (double)end->host_ns - (double)begin->host_ns;
	double guest = (double)end->guest_ns - (double)begin->guest_ns;
	json_t *fault = find_fault(begin, end);

	return json_pack("{s:{s:I, s:o, s:o}, s:o, s:o*}", "clock", "offset_ns",
			 (json_int_t)(end->guest_ns - end->host_ns), "drift_ppm",
			 json_number(host > 0 ? (guest - host) / host * PPM : 0), "rtt_ns",
			 json_u64(begin->rtt_ns > end->rtt_ns ? begin->rtt_ns : end->rtt_ns),
			 "disturbed", fault ? json_pack("[O]", fault) : json_array(), "void",
			 fault);
}

uint64_t guest_clock_to_host(const struct channel_clock *clock, uint64_t guest_ns)
{
	return clock->host_ns + (guest_ns - clock->guest_ns);
}
