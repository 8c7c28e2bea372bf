/* SPDX-License-Identifier: MIT */
#include "engine/campaign_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "base/units.h"

static int fail_at(struct campaign_reader *reader, yaml_mark_t at, int code, const char *text)
{
	return err_set(reader->err, code, "%.80s:%zu:%zu: %s", reader->path, at.line + 1,
		       at.column + 1, text);
}

int reader_fail(struct campaign_reader *reader, const yaml_node_t *node, int code, const char *fmt,
		...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(reader, node->start_mark, code, text);
}

int reader_fail_as(struct campaign_reader *reader, const yaml_node_t *node, int r,
		   const struct tare_err *why)
{
	return r < 0 ? fail_at(reader, node->start_mark, -r, why->msg) : 0;
}

int reader_scalar(struct campaign_reader *reader, const char *name, const yaml_node_t *node,
		  const char **ret)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return reader_fail(reader, node, EINVAL, "'%s' is to be a single value", name);
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length)
		return reader_fail(reader, node, EINVAL, "'%s' holds a NUL character", name);
	*ret = text;
	return 0;
}

int reader_each(struct campaign_reader *reader, const char *name, const yaml_node_t *node,
		int (*take)(struct campaign_reader *reader, const char *name, const char *text,
			    struct tare_err *err))
{
	const yaml_node_item_t *item = NULL;
	const yaml_node_t *value = node;

	if (node->type == YAML_SEQUENCE_NODE) {
		item = node->data.sequence.items.start;
		if (item == node->data.sequence.items.top)
			return reader_fail(reader, node, EINVAL, "'%s' is an empty list", name);
		value = yaml_document_get_node(&reader->document, *item);
	}
	while (value) {
		struct tare_err why = {0};
		const char *text = "";
		int r = reader_scalar(reader, name, value, &text);

		if (r < 0)
			return r;
		r = reader_fail_as(reader, value, take(reader, name, text, &why), &why);
		if (r < 0)
			return r;
		if (!item || ++item == node->data.sequence.items.top)
			break;
		value = yaml_document_get_node(&reader->document, *item);
	}
	return 0;
}

static int unknown_key(struct campaign_reader *reader, const yaml_node_t *node,
		       const struct campaign_key *keys, const char *name)
{
	const char *names[CAMPAIGN_KEYS_MAX + 1];
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (; n < CAMPAIGN_KEYS_MAX && keys[n].name; n++)
		names[n] = keys[n].name;
	names[n] = NULL;
	return reader_fail(reader, node, EINVAL, "unknown key '%.40s'%s", name,
			   text_hint(name, names, hint, sizeof(hint)));
}

int reader_mapping(struct campaign_reader *reader, const char *what, const yaml_node_t *node,
		   const struct campaign_key *keys)
{
	uint64_t seen = 0;

	if (node->type != YAML_MAPPING_NODE)
		return reader_fail(reader, node, EINVAL, "%s is to be 'key: value' pairs", what);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
		const char *name = "";
		size_t i = 0;
		int r = reader_scalar(reader, "a key", key, &name);

		if (r < 0)
			return r;
		while (keys[i].name && strcmp(keys[i].name, name) != 0)
			i++;
		if (!keys[i].name)
			return unknown_key(reader, key, keys, name);
		if (seen >> i & 1)
			return reader_fail(reader, key, EINVAL, "'%s' is given twice", name);
		seen |= 1ULL << i;
		r = keys[i].take(reader, name, value);
		if (r < 0)
			return r;
	}
	return 0;
}

int reader_count(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
		 uint64_t min, uint64_t max, uint64_t *ret)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	return reader_fail_as(reader, value, units_parse_count(name, text, min, max, ret, &why),
			      &why);
}

int reader_time(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
		uint64_t *ret)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	return reader_fail_as(reader, value, units_parse_time(name, text, ret, &why), &why);
}

int reader_percent(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
		   double *ret)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	return reader_fail_as(reader, value, units_parse_number(name, text, 0.01, 100, ret, &why),
			      &why);
}

int reader_yes(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
	       bool *ret)
{
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	*ret = strcmp(text, "yes") == 0;
	if (!*ret && strcmp(text, "no") != 0)
		return reader_fail(reader, value, EINVAL, "'%s' is yes or no", name);
	return 0;
}

int reader_load(struct campaign_reader *reader, yaml_parser_t *parser)
{
	const char *problem, *context;
	char text[160];

	if (yaml_parser_load(parser, &reader->document))
		return 0;
	problem = parser->problem ? parser->problem : "it cannot be read";
	context = parser->context ? parser->context : "";
	(void)snprintf(text, sizeof(text), "no valid YAML: %s%s%s", problem, *context ? " " : "",
		       context);
	return fail_at(reader, parser->problem_mark, EINVAL, text);
}
