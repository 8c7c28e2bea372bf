/* SPDX-License-Identifier: MIT */
#pragma once
/* pace: how long sets take, when the time budget is used up, and how much is left. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/campaign.h"

struct pace {
	const struct campaign *campaign;
	uint64_t begun_ns;
	uint64_t deadline_ns; /* of all that is played; 0: none */
	uint64_t set_ns;      /* all sets of this sitting */
	uint64_t boot_ns;     /* of these, to open machines */
	size_t sets;          /* their number */
	uint64_t *longest_ns; /* a set of each load of each group, boots apart; 0: not played yet */
	uint64_t close_ns;    /* the longest that it took to take all machines down */
	bool closed;          /* else that is a guess */
};

/* begun_ns: since when the budget counts. -ENOMEM. */
int pace_begin(const struct campaign *campaign, uint64_t begun_ns, struct pace *ret,
	       struct tare_err *err);
void pace_end(struct pace *pace);

/* Is there time for a set of this load? What takes longer than ever is cut off at the deadline. */
bool pace_has_time(const struct pace *pace, const struct campaign_group *group,
		   const struct load_choice *load);
/* boot_ns: what of it went into opening machines, which the next set has no need to do. */
void pace_note_set(struct pace *pace, const struct campaign_group *group,
		   const struct load_choice *load, uint64_t took_ns, uint64_t boot_ns);
/* All machines were taken down: the deadline leaves time to do that again. */
void pace_note_close(struct pace *pace, uint64_t took_ns);

/* About the time for so many more sets, or until the deadline; 0: not known. */
uint64_t pace_left_ns(const struct pace *pace, size_t sets);
