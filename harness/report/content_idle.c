/* SPDX-License-Identifier: MIT */
#include "report/content.h"

#include "base/json.h"

int content_idle(struct content *c, struct tare_err *err)
{
	const json_t *rows = json_object_get(c->summary, "idle");
	json_t *row;
	size_t i;

	(void)err;
	if (json_array_size(rows) == 0)
		return 0;
	c->doc.ops->heading(&c->doc, 2, "Guests that wait");
	json_array_foreach(rows, i, row)
		doc_say(&c->doc,
			"%s: between calls all of QEMU used %.2f %% of one host CPU (median of "
			"%llu trials), at the others' expense where they share it.",
			content_env(c, row), 100 * json_double_or(row, "share", 0),
			(unsigned long long)json_u64_or(row, "trials", 0));
	return 0;
}
