/* SPDX-License-Identifier: MIT */
#pragma once
/* trace_scene: a limit at work in a scene, and what a collector traced of it. */

#include <math.h>

#include "base/clock.h"
#include "scene_limit.h"

#define MIB (1UL << 20)

static inline double number_in(const json_t *seen, const char *group, const char *name)
{
	double value = json_double_or(group ? json_object_get(seen, group) : seen, name, -1);

	if (value < 0)
		fail_msg("there is no %s.%s", group ? group : "", name);
	return value;
}

static inline void assert_within(double seen, double truth, double share)
{
	if (fabs(seen - truth) > share * truth)
		fail_msg("%.0f is not within %.0f %% of %.0f", seen, 100 * share, truth);
}

static inline void assert_nothing_lost(const json_t *seen)
{
	const char *kind;
	json_t *n;

	json_object_foreach(json_object_get(seen, "lost"), kind, n)
	{
		if (json_integer_value(n) != 0)
			fail_msg("%s: %lld lost", kind, json_integer_value(n));
	}
}

#define FILES_FOLDER "/var/tmp"

#define WRITTEN (64 * MIB)

/* In a part: WRITTEN, or from half of it on what there is time for, to a file that is gone with
 * whoever has it open. */
static inline void write_file(uint64_t end_ns)
{
	char path[] = FILES_FOLDER "/tare-test-XXXXXX", buf[65536] = "";
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0 || unlink(path) < 0)
		_exit(1);
	scene_stay_on_one_cpu();
	for (size_t done = 0; done < WRITTEN; done += sizeof(buf)) {
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			_exit(1);
		if (done >= WRITTEN / 2 && clock_now_ns() > end_ns)
			break;
	}
	(void)close(fd);
}
