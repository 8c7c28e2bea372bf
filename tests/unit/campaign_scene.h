/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of arguments and campaigns share: loads as tare-load would describe them, and
 * campaigns read with these. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "engine/campaign.h"

static const char described_text[] =
	"{\"loads\": ["
	"{\"name\": \"getppid\", \"groups\": [\"syscall\", \"core\"],"
	" \"params\": [{\"name\": \"delay\"}], \"solo\": false},"
	"{\"name\": \"pread\", \"groups\": [\"io\", \"core\"],"
	" \"params\": [{\"name\": \"size\"}], \"solo\": false},"
	"{\"name\": \"pingpong\", \"groups\": [\"sched\", \"core\"],"
	" \"params\": [{\"name\": \"cpu\"}, {\"name\": \"command\"}], \"solo\": false},"
	"{\"name\": \"cpu-burn\", \"groups\": [\"limits\"], \"params\": [{\"name\": \"threads\"}],"
	" \"solo\": true},"
	"{\"name\": \"mem-fill\", \"groups\": [\"limits\"], \"params\": [], \"solo\": true}]}";

static json_t *described;

static inline int describe_set_up(void **state)
{
	(void)state;
	described = json_loads(described_text, 0, NULL);
	return described ? 0 : -1;
}

static inline int describe_tear_down(void **state)
{
	(void)state;
	json_decref(described);
	return 0;
}

static inline int parse(const char *text, struct campaign *ret, struct tare_err *err)
{
	return campaign_from_text("c.yaml", text, strlen(text), described, ret, err);
}

static inline struct campaign parsed(const char *text)
{
	struct campaign campaign;
	struct tare_err err = {0};

	if (parse(text, &campaign, &err) < 0)
		fail_msg("%s", err.msg);
	return campaign;
}

#define assert_says(err, words)                                                                    \
	do {                                                                                       \
		if (!strstr((err).msg, words))                                                     \
			fail_msg("'%s' does not say '%s'", (err).msg, words);                      \
	} while (0)
