/* SPDX-License-Identifier: MIT */
/* What a process inside of a box may say that its probes gave. */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "isolation/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *all = NULL;
	struct tare_err err = {0};
	const char *name;
	json_t *one;

	if (answer_parse((const char *)data, size, &all, &err) < 0) {
		if (!err.code || !err.msg[0])
			abort(); /* a refusal has a sentence */
		return 0;
	}
	json_object_foreach(all, name, one)
	{
		for (const char *c = json_string_or(one, "evidence", ""); *c; c++)
			if (*c < ' ' || *c > '~')
				abort(); /* not fit for a terminal */
		(void)answer_compare(one, one);
	}
	return 0;
}
