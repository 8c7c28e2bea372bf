/* SPDX-License-Identifier: MIT */
#include "isolation/answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

#define LINE_MAX_BYTES 16384
#define WORDS_MAX      200
#define ITEMS_MAX      64

static const char of_a_name[] = "seen not-applicable";
static const char of_an_attack[] = "contained succeeded not-applicable";

/* Fit for a terminal. */
static json_t *clean(const char *text)
{
	char buf[WORDS_MAX + 1];
	size_t n = 0;

	for (; n < WORDS_MAX && text[n]; n++)
		buf[n] = (char)(text[n] < ' ' || text[n] > '~' ? '?' : text[n]);
	buf[n] = '\0';
	return json_string(buf);
}

static json_t *clean_list(const json_t *list)
{
	json_t *copy = json_array(), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (i < ITEMS_MAX && json_is_string(item))
			(void)json_array_append_new(copy, clean(json_string_value(item)));
	}
	return copy;
}

static int take_line(const char *line, size_t size, json_t *all, struct tare_err *err)
{
	cleanup_json json_t *object = NULL;
	const char *name, *kind, *outcome, *evidence;
	json_t *items;

	if (size > LINE_MAX_BYTES)
		return err_set(err, EFBIG, "the answer from inside has a line of %zu bytes", size);
	object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object))
		return err_set(err, EBADMSG, "the answer from inside is no JSON");
	if (json_read_string(object, "name", &name, err) < 0 ||
	    json_read_string(object, "kind", &kind, err) < 0 ||
	    json_read_string(object, "outcome", &outcome, err) < 0 ||
	    json_read_string(object, "evidence", &evidence, err) < 0 ||
	    json_read_array(object, "items", &items, err) < 0)
		return err_wrap(err, -EBADMSG, "the answer from inside");
	if (!text_is_name(name) || !text_has_word("name attack", " ", kind) ||
	    !text_has_word(strcmp(kind, "name") == 0 ? of_a_name : of_an_attack, " ", outcome))
		return err_set(err, EBADMSG, "the answer from inside has no such outcome");
	if (json_object_get(all, name))
		return 0;
	return json_put(all, name,
			json_pack("{ss ss so so}", "kind", kind, "outcome", outcome, "evidence",
				  clean(evidence), "items", clean_list(items)));
}

int answer_parse(const char *text, size_t size, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *all = json_object();
	int r = 0;

	if (size > ANSWER_MAX)
		return err_set(err, EFBIG, "the answer from inside is longer than %u bytes",
			       ANSWER_MAX);
	while (size && r == 0) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		r = take_line(text, length, all, err);
		length += end != NULL;
		text += length;
		size -= length;
	}
	if (r == 0)
		*ret = json_incref(all);
	return r;
}

static bool holds(const json_t *list, const json_t *item)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
	{
		if (json_equal(other, item))
			return true;
	}
	return false;
}

const char *answer_compare(const json_t *inside, const json_t *outside)
{
	const json_t *ours = json_object_get(outside, "items");
	size_t i, n = json_array_size(ours), both = 0;
	json_t *item;

	json_array_foreach(ours, i, item)
	{
		both += holds(json_object_get(inside, "items"), item);
	}
	if (n == 0)
		return NULL;
	return both == 0 ? "private" : both == n ? "shared" : "partly";
}
