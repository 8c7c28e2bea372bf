/* SPDX-License-Identifier: MIT */
#include "perf/survey.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "perf/encode.h"
#include "perf/open.h"
#include "perf/selftest.h"

const char *const survey_names[] = {
	"task-clock",
	"cpu-clock",
	"context-switches",
	"cpu-migrations",
	"page-faults",
	"minor-faults",
	"major-faults",
	"cgroup-switches",
	"cycles",
	"instructions",
	"branches",
	"branch-misses",
	"cache-references",
	"cache-misses",
	"bus-cycles",
	"ref-cycles",
	NULL,
};

#define WHY_SIZE 200

/* Why it is not to be had here, or "". */
static const char *look_at(const char *name, char why[WHY_SIZE])
{
	const struct open_place self = {.mode = OPEN_SELF, .cpu = -1, .leader = -1};
	struct encoded_event event;
	struct tare_err err = {0};
	int r = encode_event(name, &event, &err);

	why[0] = '\0';
	if (r < 0) {
		(void)snprintf(why, WHY_SIZE, "%.199s", err.msg);
		return why;
	}
	r = open_event(&event, &self);
	if (r < 0) {
		open_explain(r, &event, &self, why, WHY_SIZE);
		return why;
	}
	(void)close(r);
	return selftest_event(&event, selftest_work, why, WHY_SIZE);
}

int survey_events(json_t *figures, struct tare_err *err)
{
	char why[WHY_SIZE];

	for (const char *const *name = survey_names; *name; name++)
		if (look_at(*name, why)[0] && json_put(figures, *name, json_string(why)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int survey_probe(struct tare_err *err)
{
	char why[WHY_SIZE];

	/* Of software alone: every machine has it. With ":u" where more is not allowed. */
	if (look_at("page-faults", why)[0] && look_at("page-faults:u", why)[0])
		return err_set(err, ENOTSUP, "%s", why);
	return 0;
}
