/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_mke2fs.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "machine/vm/image_run.h"

#define WORDS_MAX 40

struct words {
	const char *argv[WORDS_MAX + 1];
	size_t n;
};

static void add(struct words *words, const char *text)
{
	if (words->n <= WORDS_MAX)
		words->argv[words->n++] = text;
}

/* Its options; *ret_last is what stands in the last line, if that is the size. */
static void add_recipe(struct words *words, char *recipe, const char **ret_last)
{
	char *save = NULL;
	const char *last = NULL;

	for (char *line = strtok_r(recipe, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '#')
			continue;
		if (last)
			add(words, last);
		last = line;
	}
	if (*ret_last && last)
		add(words, last);
	else
		*ret_last = last;
}

int image_mke2fs(const struct image_mke2fs *make, struct tare_err *err)
{
	/* The times in the filesystem; 0 would mean now. */
	static char fake_time[] = "E2FSPROGS_FAKE_TIME=1";
	cleanup_free char *recipe = strdup(make->recipe);
	struct words words = {.argv = {"mke2fs", "-q", "-F"}, .n = 3};
	const char *size = make->size;
	const struct image_run run = {
		.package = "e2fsprogs",
		.argv = words.argv,
		.variable = fake_time,
		.timeout_ms = make->timeout_ms,
		.journal = make->journal,
	};

	if (!recipe)
		return err_set(err, ENOMEM, "out of memory");
	add_recipe(&words, recipe, &size);
	if (make->tree) {
		add(&words, "-N");
		add(&words, make->inodes);
		add(&words, "-d");
		add(&words, make->tree);
	}
	add(&words, make->path);
	add(&words, size);
	if (words.n > WORDS_MAX)
		return err_set(err, E2BIG, "the recipe of a disk has too many words");
	words.argv[words.n] = NULL;
	return image_run(&run, NULL, 0, err);
}
