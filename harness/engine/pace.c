/* SPDX-License-Identifier: MIT */
#include "engine/pace.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"

/* Until machines have been taken down once. */
#define CLOSE_GUESS_NS (500 * NS_PER_MS)

/* What is left of the budget is for playing, but for what it takes to take all down; half as much
 * again, since the next time may be slower, and never so much that nothing could be played. */
static void set_deadline(struct pace *pace)
{
	uint64_t budget = pace->campaign->time_budget_ns;
	uint64_t close = pace->close_ns + pace->close_ns / 2;

	if (!budget)
		return;
	if (close > budget / 4)
		close = budget / 4;
	pace->deadline_ns = pace->begun_ns + budget - close;
}

int pace_begin(const struct campaign *campaign, uint64_t begun_ns, struct pace *ret,
	       struct tare_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < campaign->n_groups; i++)
		n += campaign->groups[i].loads.n;
	*ret = (struct pace){.campaign = campaign,
			     .begun_ns = begun_ns,
			     .longest_ns = calloc(n + 1, sizeof(*ret->longest_ns)),
			     .close_ns = CLOSE_GUESS_NS};
	if (!ret->longest_ns)
		return err_set(err, ENOMEM, "out of memory");
	set_deadline(ret);
	return 0;
}

void pace_end(struct pace *pace)
{
	free(pace->longest_ns);
}

static uint64_t *longest_of(const struct pace *pace, const struct campaign_group *group,
			    const struct load_choice *load)
{
	size_t at = 0;

	for (const struct campaign_group *g = pace->campaign->groups; g < group; g++)
		at += g->loads.n;
	return &pace->longest_ns[at + (size_t)(load - group->loads.items)];
}

bool pace_has_time(const struct pace *pace, const struct campaign_group *group,
		   const struct load_choice *load)
{
	uint64_t needs = *longest_of(pace, group, load);

	if (!needs && pace->sets)
		needs = (pace->set_ns - pace->boot_ns) / pace->sets;
	return !pace->deadline_ns || clock_now_ns() + needs < pace->deadline_ns;
}

void pace_note_set(struct pace *pace, const struct campaign_group *group,
		   const struct load_choice *load, uint64_t took_ns, uint64_t boot_ns)
{
	uint64_t *longest = longest_of(pace, group, load);

	pace->sets++;
	pace->set_ns += took_ns;
	pace->boot_ns += boot_ns;
	if (took_ns - boot_ns > *longest)
		*longest = took_ns - boot_ns;
}

void pace_note_close(struct pace *pace, uint64_t took_ns)
{
	if (!pace->closed || took_ns > pace->close_ns)
		pace->close_ns = took_ns;
	pace->closed = true;
	set_deadline(pace);
}

/* The estimate is of the sets of this sitting: a resumed run may be on a busier machine. */
uint64_t pace_left_ns(const struct pace *pace, size_t sets)
{
	uint64_t now = clock_now_ns(), left;

	if (pace->sets == 0)
		return 0;
	left = pace->set_ns / pace->sets * sets;
	if (pace->deadline_ns && now + left > pace->deadline_ns)
		left = pace->deadline_ns > now ? pace->deadline_ns - now : 0;
	return left ? left : 1;
}
