/* SPDX-License-Identifier: MIT */
/* Where the time of a guest's start goes, and what its CPU time costs the host. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/content.h"

static int put_cpu(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "guest_cpu");
	cleanup_table struct table t = {.n_columns = 6,
					.head = {"environment", "load", "guest's CPU seconds",
						 "host's", "of it QEMU's other threads",
						 "host per guest"},
					.number = {[2] = true, [3] = true, [4] = true, [5] = true}};
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return 0;
	json_array_foreach(rows, i, row)
	{
		int r = table_row(&t, err);

		if (r < 0)
			return r;
		table_cell(&t, 0, TONE_PLAIN, "%s", content_env(c, row));
		table_cell(&t, 1, TONE_PLAIN, "%s", json_string_or(row, "load", ""));
		table_cell(&t, 2, TONE_PLAIN, "%.3g", json_double_or(row, "guest_s", 0));
		table_cell(&t, 3, TONE_PLAIN, "%.3g", json_double_or(row, "host_s", 0));
		table_cell(&t, 4, TONE_QUIET, "-");
		if (json_is_number(json_object_get(row, "others_s")))
			table_cell(&t, 4, TONE_PLAIN, "%.3g", json_double_or(row, "others_s", 0));
		table_cell(&t, 5, TONE_PLAIN, "%.3g", json_double_or(row, "host_per_guest", 0));
	}
	doc_say(&c->doc, "What the host pays for a guest's CPU time: that of QEMU's group, by the "
			 "host's kernel, over that of the load's, by the guest's; both between the "
			 "same two moments, summed over the trials that have both.");
	c->doc.ops->table(&c->doc, &t);
	return 0;
}

int content_boundaries(struct content *c, struct tare_err *err)
{
	if (json_array_size(json_object_get(c->summary, "boundaries")) > 0) {
		cleanup_free char *caption = content_caption(
			c,
			"A guest's start: medians over boots of the moments that the host saw, on "
			"its clock since QEMU was executed. A part ends with the moment it is "
			"named after; hatched: the moment before it is not in the records. The "
			"payload's own time is left out.");

		if (!caption)
			return err_set(err, ENOMEM, "out of memory");
		c->doc.ops->figure(&c->doc, "boundaries", caption);
	}
	return put_cpu(c, err);
}
