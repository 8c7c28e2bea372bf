/* SPDX-License-Identifier: MIT */
#include "cli/images.h"

#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/log.h"
#include "cli/options.h"
#include "image/dockerfile.h"
#include "image/import.h"
#include "kernel/journal.h"

static void say(const char *what, void *context)
{
	(void)context;
	log_info("%s", what);
}

int images_import(const struct places *places, const char *source, bool dockerfile,
		  const char *name, json_t **ret_about, struct tare_err *err)
{
	static const struct image_limits limits = IMAGE_LIMITS;
	struct import_config config = {
		.cache_dir = places->cache_dir,
		.source = source,
		.name = name,
		.limits = &limits,
		.say = say,
	};
	int r = command_needs_root("to keep the owners of an image's files, import", err), r_left;

	if (r == 0)
		r = journal_open(&config.journal, err);
	if (r < 0)
		return r;
	r = dockerfile ? dockerfile_build(&config, source, ret_about, err)
		       : import_image(&config, ret_about, err);
	r_left = journal_close(config.journal, r < 0 ? NULL : err);
	return r < 0 ? r : r_left;
}

void images_print(const json_t *list)
{
	json_t *item;
	size_t i;

	/* jansson walks through no const array. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	json_array_foreach((json_t *)(uintptr_t)list, i,
			   item) /* NOLINT(performance-no-int-to-ptr) */
	{
		char what[48];

		(void)snprintf(what, sizeof(what), "%llu layers, %.12s",
			       (unsigned long long)json_u64_or(item, "layers", 0),
			       json_string_or(item, "id", ""));
		(void)printf("%-44.44s %-28s %6.1f MB%s\n", json_string_or(item, "name", ""), what,
			     (double)json_u64_or(item, "bytes", 0) / 1e6,
			     json_bool_or(item, "damaged", false) ? ", damaged" : "");
	}
}
