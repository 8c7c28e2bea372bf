/* SPDX-License-Identifier: MIT */
/* What a campaign file may hold; a campaign that is taken is printed and must be taken again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/campaign_scene.h"
#include "engine/campaign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct campaign campaign, again;
	struct tare_err err = {0};
	char *text = NULL;
	size_t length;
	FILE *to;

	if (!described && describe_set_up(NULL) < 0)
		abort();
	if (campaign_from_text("c", (const char *)data, size, described, &campaign, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort(); /* a refusal has a sentence */
		return 0;
	}
	to = open_memstream(&text, &length);
	if (!to || campaign_to_yaml(&campaign, to, &err) < 0 || fclose(to) != 0)
		abort();
	if (campaign_from_text("c", text, length, described, &again, &err) < 0) {
		(void)fprintf(stderr, "%s\n%s", err.msg, text);
		abort();
	}
	campaign_clear(&again);
	campaign_clear(&campaign);
	free(text);
	return 0;
}
