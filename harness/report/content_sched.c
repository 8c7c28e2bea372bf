/* SPDX-License-Identifier: MIT */
/* Why the loads' tasks were off the CPU, and how long they waited for one. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "report/content.h"
#include "report/plot.h"

static int draw(struct content *c, size_t cell, struct tare_err *err)
{
	const struct run_cell *first = &c->run->cells[cell];
	cleanup_free char *what =
		text_format("%s in group %s, all trials that the collector sched watched (%zu of "
			    "each environment at "
			    "the most). Left: the time that its tasks were off the CPU, by what "
			    "they were when they "
			    "left; right: how long they waited from becoming runnable to running.",
			    first->name, first->group, first->n_trials);
	cleanup_free char *caption = what ? content_caption(c, what) : NULL;
	char name[32];

	if (!caption)
		return err_set(err, ENOMEM, "out of memory");
	plot_set_name("sched", cell, name, sizeof(name));
	c->doc.ops->figure(&c->doc, name, caption);
	return 0;
}

int content_sched(struct content *c, struct tare_err *err)
{
	bool begun = false;

	for (size_t i = 0; i < c->run->n_cells; i++) {
		int r;

		if (!plot_begins_sched(c->run, i))
			continue;
		if (!begun)
			c->doc.ops->heading(&c->doc, 2, "Off the CPU");
		begun = true;
		r = draw(c, i, err);
		if (r < 0)
			return r;
	}
	return 0;
}
