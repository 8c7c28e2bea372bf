/* SPDX-License-Identifier: MIT */
#include "engine/chain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static const char *guest_of(const json_t *instance)
{
	if (strcmp(json_string_or(instance, "machine", "host"), "host") == 0)
		return "";
	return json_string_or(instance, "id", "");
}

uint64_t chain_next(struct chain *chain, const json_t *a, const json_t *b)
{
	const char *now[2] = {guest_of(a), guest_of(b)};
	bool same = false;

	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			same |= *now[i] &&
				strncmp(now[i], chain->last[j], sizeof(chain->last[j]) - 1) == 0;
	chain->number += !same;
	for (int i = 0; i < 2; i++)
		(void)snprintf(chain->last[i], sizeof(chain->last[i]), "%s", now[i]);
	return chain->number;
}
