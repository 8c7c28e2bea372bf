/* SPDX-License-Identifier: MIT */
/* A campaign from YAML. libyaml's document tree is read directly, since it keeps the line and
 * column of each value: an unknown load in a list is told as exactly as a missing bracket. */

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/campaign.h"
#include "engine/campaign_internal.h"

#define FILE_MAX_BYTES (256U << 10)
#define KEYS_MAX       64

struct reader {
	const char *path;
	const json_t *described;
	struct campaign *campaign;
	struct campaign_group *group; /* that is being read */
	yaml_document_t document;
	struct tare_err *err;
};

struct key {
	const char *name;
	int (*take)(struct reader *reader, const char *name, const yaml_node_t *value);
};

static int fail_at(struct reader *reader, yaml_mark_t at, int code, const char *text)
{
	return err_set(reader->err, code, "%.80s:%zu:%zu: %s", reader->path, at.line + 1,
		       at.column + 1, text);
}

static int fail(struct reader *reader, const yaml_node_t *node, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static int fail(struct reader *reader, const yaml_node_t *node, int code, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(reader, node->start_mark, code, text);
}

/* What went wrong below, with the place in front. */
static int fail_as(struct reader *reader, const yaml_node_t *node, int r,
		   const struct tare_err *why)
{
	return r < 0 ? fail_at(reader, node->start_mark, -r, why->msg) : 0;
}

static int read_scalar(struct reader *reader, const char *name, const yaml_node_t *node,
		       const char **ret)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return fail(reader, node, EINVAL, "'%s' is to be a single value", name);
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length)
		return fail(reader, node, EINVAL, "'%s' holds a NUL character", name);
	*ret = text;
	return 0;
}

/* Call take for the value, or for each of the values where it is a list. */
static int each_scalar(struct reader *reader, const char *name, const yaml_node_t *node,
		       int (*take)(struct reader *reader, const char *name, const char *text,
				   struct tare_err *err))
{
	const yaml_node_item_t *item = NULL;
	const yaml_node_t *value = node;

	if (node->type == YAML_SEQUENCE_NODE) {
		item = node->data.sequence.items.start;
		if (item == node->data.sequence.items.top)
			return fail(reader, node, EINVAL, "'%s' is an empty list", name);
		value = yaml_document_get_node(&reader->document, *item);
	}
	while (value) {
		struct tare_err why = {0};
		const char *text = "";
		int r = read_scalar(reader, name, value, &text);

		if (r < 0)
			return r;
		r = fail_as(reader, value, take(reader, name, text, &why), &why);
		if (r < 0)
			return r;
		if (!item || ++item == node->data.sequence.items.top)
			break;
		value = yaml_document_get_node(&reader->document, *item);
	}
	return 0;
}

static int unknown_key(struct reader *reader, const yaml_node_t *node, const struct key *keys,
		       const char *name)
{
	const char *names[KEYS_MAX + 1];
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	for (; n < KEYS_MAX && keys[n].name; n++)
		names[n] = keys[n].name;
	names[n] = NULL;
	return fail(reader, node, EINVAL, "unknown key '%.40s'%s", name,
		    text_hint(name, names, hint, sizeof(hint)));
}

/* Hand each pair of a mapping to its key; a key comes once. */
static int read_mapping(struct reader *reader, const char *what, const yaml_node_t *node,
			const struct key *keys)
{
	uint64_t seen = 0;

	if (node->type != YAML_MAPPING_NODE)
		return fail(reader, node, EINVAL, "%s is to be 'key: value' pairs", what);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
		const char *name = "";
		size_t i = 0;
		int r = read_scalar(reader, "a key", key, &name);

		if (r < 0)
			return r;
		while (keys[i].name && strcmp(keys[i].name, name) != 0)
			i++;
		if (!keys[i].name)
			return unknown_key(reader, key, keys, name);
		if (seen >> i & 1)
			return fail(reader, key, EINVAL, "'%s' is given twice", name);
		seen |= 1ULL << i;
		r = keys[i].take(reader, name, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int take_one_env(struct reader *reader, const char *name, const char *text,
			struct tare_err *err)
{
	(void)name;
	return args_parse_envs(text, &reader->group->envs, err);
}

static int take_one_load(struct reader *reader, const char *name, const char *text,
			 struct tare_err *err)
{
	(void)name;
	return args_parse_loads(text, reader->described, &reader->group->loads, err);
}

static int take_one_collector(struct reader *reader, const char *name, const char *text,
			      struct tare_err *err)
{
	(void)name;
	return args_parse_collectors(text, reader->group->collectors, err);
}

static int take_one_limit(struct reader *reader, const char *name, const char *text,
			  struct tare_err *err)
{
	return limits_set(&reader->group->limits, name, text, err);
}

static int take_envs(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return each_scalar(reader, name, value, take_one_env);
}

static int take_loads(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return each_scalar(reader, name, value, take_one_load);
}

static int take_collectors(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return each_scalar(reader, name, value, take_one_collector);
}

static int take_limit(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return each_scalar(reader, name, value, take_one_limit);
}

/* The limits' keys are the flags of every command. */
static int take_limits(struct reader *reader, const char *name, const yaml_node_t *value)
{
	struct key keys[KEYS_MAX] = {{NULL, NULL}};

	for (size_t i = 0; i < KEYS_MAX - 1 && limit_options[i].flag; i++)
		keys[i] = (struct key){limit_options[i].flag, take_limit};
	return read_mapping(reader, name, value, keys);
}

static int take_name(struct reader *reader, const char *name, const yaml_node_t *value)
{
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	if (!text_is_name(text))
		return fail(reader, value, EINVAL,
			    "name '%.40s' is not of small letters, digits, '.', '_' and '-'", text);
	(void)snprintf(reader->group->name, sizeof(reader->group->name), "%s", text);
	return 0;
}

static int take_mode(struct reader *reader, const char *name, const yaml_node_t *value)
{
	struct tare_err why = {0};
	enum trial_mode mode;
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	r = fail_as(reader, value, trial_mode_parse(text, &mode, &why), &why);
	if (r == 0)
		reader->group->mode = (int)mode;
	return r;
}

static int take_count(struct reader *reader, const char *name, const yaml_node_t *value,
		      uint64_t min, uint64_t max, uint64_t *ret)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	return fail_as(reader, value, units_parse_count(name, text, min, max, ret, &why), &why);
}

static int take_time(struct reader *reader, const char *name, const yaml_node_t *value,
		     uint64_t *ret)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	return fail_as(reader, value, units_parse_time(name, text, ret, &why), &why);
}

static int take_percent(struct reader *reader, const char *name, const yaml_node_t *value,
			double *ret)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	return fail_as(reader, value, units_parse_number(name, text, 0.01, 100, ret, &why), &why);
}

static int take_rounds(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_count(reader, name, value, 1, CAMPAIGN_ROUNDS_MAX, &reader->group->rounds);
}

static int take_duration(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_time(reader, name, value, &reader->group->solo_ns);
}

static int take_sample(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_time(reader, name, value, &reader->group->sample_ns);
}

static int take_slice(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_time(reader, name, value, &reader->campaign->slice_ns);
}

static int take_time_budget(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_time(reader, name, value, &reader->campaign->time_budget_ns);
}

static int take_passes(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_count(reader, name, value, 1, CAMPAIGN_PASSES_MAX, &reader->campaign->passes);
}

static int take_seed(struct reader *reader, const char *name, const yaml_node_t *value)
{
	reader->campaign->has_seed = true;
	return take_count(reader, name, value, 0, INT64_MAX, &reader->campaign->seed);
}

static int take_precision(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_percent(reader, name, value, &reader->campaign->precision_pct);
}

static int take_effect(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_percent(reader, name, value, &reader->campaign->effect_pct);
}

static int take_baseline(struct reader *reader, const char *name, const yaml_node_t *value)
{
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	if (!text_is_label(text))
		return fail(reader, value, EINVAL, "'%.60s' is no label of an environment", text);
	(void)snprintf(reader->campaign->baseline, sizeof(reader->campaign->baseline), "%s", text);
	return 0;
}

static int take_yes(struct reader *reader, const char *name, const yaml_node_t *value, bool *ret)
{
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	*ret = strcmp(text, "yes") == 0;
	if (!*ret && strcmp(text, "no") != 0)
		return fail(reader, value, EINVAL, "'%s' is yes or no", name);
	return 0;
}

static int take_ladder(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_yes(reader, name, value, &reader->campaign->ladder);
}

static int take_observer(struct reader *reader, const char *name, const yaml_node_t *value)
{
	return take_yes(reader, name, value, &reader->campaign->observer);
}

static int take_rootfs(struct reader *reader, const char *name, const yaml_node_t *value)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = read_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	r = campaign_parse_rootfs(name, text, &reader->campaign->same_rootfs, &why);
	return fail_as(reader, value, r, &why);
}

static const struct key group_keys[] = {
	{"name", take_name},
	{"envs", take_envs},
	{"loads", take_loads},
	{"limits", take_limits},
	{"collectors", take_collectors},
	{"mode", take_mode},
	{"rounds", take_rounds},
	{"duration", take_duration},
	{"sample", take_sample},
	{NULL, NULL},
};

static int take_group(struct reader *reader, const yaml_node_t *node)
{
	struct campaign *campaign = reader->campaign;
	struct tare_err why = {0};
	int r = campaign_add_group(campaign, &reader->group, &why);

	if (r < 0)
		return fail_as(reader, node, r, &why);
	(void)snprintf(reader->group->name, sizeof(reader->group->name), "group-%zu",
		       campaign->n_groups);
	r = read_mapping(reader, "a group", node, group_keys);
	if (r < 0)
		return r;
	r = campaign_check_group(campaign, campaign->n_groups - 1, reader->described, &why);
	return fail_as(reader, node, r, &why);
}

static int take_groups(struct reader *reader, const char *name, const yaml_node_t *value)
{
	if (value->type != YAML_SEQUENCE_NODE)
		return fail(reader, value, EINVAL, "'%s' is to be a list: '- name: ...'", name);
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top; item++) {
		int r = take_group(reader, yaml_document_get_node(&reader->document, *item));

		if (r < 0)
			return r;
	}
	return 0;
}

static const struct key campaign_keys[] = {
	{"groups", take_groups},       {"slice", take_slice},
	{"passes", take_passes},       {"seed", take_seed},
	{"precision", take_precision}, {"time-budget", take_time_budget},
	{"effect", take_effect},       {"baseline", take_baseline},
	{"ladder", take_ladder},       {"observer", take_observer},
	{"rootfs-mode", take_rootfs},  {NULL, NULL},
};

static int read_document(struct reader *reader)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
	struct tare_err why = {0};
	int r;

	if (!root)
		return err_set(reader->err, EINVAL, "%.80s: there is nothing in it", reader->path);
	r = read_mapping(reader, "a campaign", root, campaign_keys);
	if (r < 0)
		return r;
	return fail_as(reader, root, campaign_check(reader->campaign, &why), &why);
}

static int load_document(struct reader *reader, yaml_parser_t *parser)
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

static int read_parser(struct reader *reader, yaml_parser_t *parser)
{
	const yaml_node_t *second;
	int r = load_document(reader, parser);

	if (r < 0)
		return r;
	r = read_document(reader);
	yaml_document_delete(&reader->document);
	if (r < 0 || (r = load_document(reader, parser)) < 0)
		return r;
	second = yaml_document_get_root_node(&reader->document);
	if (second)
		r = fail(reader, second, EINVAL, "a second document begins; a campaign is one");
	yaml_document_delete(&reader->document);
	return r;
}

int campaign_from_text(const char *path, const char *text, size_t size, const json_t *described,
		       struct campaign *ret, struct tare_err *err)
{
	struct campaign campaign;
	struct reader reader = {
		.path = path, .described = described, .campaign = &campaign, .err = err};
	yaml_parser_t parser;
	int r;

	if (!yaml_parser_initialize(&parser))
		return err_set(err, ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	campaign_begin(&campaign);
	r = read_parser(&reader, &parser);
	yaml_parser_delete(&parser);
	if (r < 0) {
		campaign_clear(&campaign);
		return r;
	}
	*ret = campaign;
	return 0;
}

int campaign_from_yaml(const char *path, const json_t *described, struct campaign *ret,
		       struct tare_err *err)
{
	cleanup_free char *text = malloc(FILE_MAX_BYTES);
	ssize_t n;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	n = fd_read_file(AT_FDCWD, path, text, FILE_MAX_BYTES, err);
	return n < 0 ? (int)n : campaign_from_text(path, text, (size_t)n, described, ret, err);
}
