/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of arguments and campaigns share: loads as tare-load would describe them. */

#include <jansson.h>
#include <string.h>

#include "base/err.h"

static const char described_text[] =
	"{\"loads\": ["
	"{\"name\": \"getppid\", \"groups\": [\"syscall\", \"core\"],"
	" \"params\": [], \"solo\": false},"
	"{\"name\": \"pread\", \"groups\": [\"io\", \"core\"],"
	" \"params\": [{\"name\": \"size\"}], \"solo\": false},"
	"{\"name\": \"pingpong\", \"groups\": [\"sched\", \"core\"],"
	" \"params\": [{\"name\": \"cpu\"}, {\"name\": \"command\"}], \"solo\": false},"
	"{\"name\": \"cpu-burn\", \"groups\": [\"limits\"], \"params\": [{\"name\": \"threads\"}],"
	" \"solo\": true},"
	"{\"name\": \"mem-fill\", \"groups\": [\"limits\"], \"params\": [], \"solo\": true}]}";

static inline json_t *describe_loads(void)
{
	return json_loads(described_text, 0, NULL);
}

#define assert_says(err, words)                                                                    \
	do {                                                                                       \
		if (!strstr((err).msg, words))                                                     \
			fail_msg("'%s' does not say '%s'", (err).msg, words);                      \
	} while (0)
