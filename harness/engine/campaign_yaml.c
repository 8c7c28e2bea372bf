/* SPDX-License-Identifier: MIT */
/* A campaign from YAML: what each key means. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "engine/campaign.h"
#include "engine/campaign_internal.h"
#include "engine/campaign_reader.h"

#define FILE_MAX_BYTES (256U << 10)

static int take_one_env(struct campaign_reader *reader, const char *name, const char *text,
			struct tare_err *err)
{
	(void)name;
	return args_parse_envs(text, &reader->group->envs, err);
}

static int take_one_load(struct campaign_reader *reader, const char *name, const char *text,
			 struct tare_err *err)
{
	(void)name;
	return args_parse_loads(text, reader->described, &reader->group->loads, err);
}

static int take_one_collector(struct campaign_reader *reader, const char *name, const char *text,
			      struct tare_err *err)
{
	(void)name;
	return args_parse_collectors(text, reader->group->collectors, err);
}

static int take_one_limit(struct campaign_reader *reader, const char *name, const char *text,
			  struct tare_err *err)
{
	return limits_set(&reader->group->limits, name, text, err);
}

static int take_envs(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_each(reader, name, value, take_one_env);
}

static int take_loads(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_each(reader, name, value, take_one_load);
}

static int take_collectors(struct campaign_reader *reader, const char *name,
			   const yaml_node_t *value)
{
	return reader_each(reader, name, value, take_one_collector);
}

static int take_limit(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_each(reader, name, value, take_one_limit);
}

/* The limits' keys are the flags of every command. */
static int take_limits(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	struct campaign_key keys[CAMPAIGN_KEYS_MAX] = {{NULL, NULL}};

	for (size_t i = 0; i < CAMPAIGN_KEYS_MAX - 1 && limit_options[i].flag; i++)
		keys[i] = (struct campaign_key){limit_options[i].flag, take_limit};
	return reader_mapping(reader, name, value, keys);
}

static int take_name(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	if (!text_is_name(text))
		return reader_fail(reader, value, EINVAL,
				   "name '%.40s' is not of small letters, digits, '.', '_' and '-'",
				   text);
	(void)snprintf(reader->group->name, sizeof(reader->group->name), "%s", text);
	return 0;
}

static int take_mode(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	struct tare_err why = {0};
	enum trial_mode mode;
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	r = reader_fail_as(reader, value, trial_mode_parse(text, &mode, &why), &why);
	if (r == 0)
		reader->group->mode = (int)mode;
	return r;
}

static int take_rounds(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_count(reader, name, value, 1, CAMPAIGN_ROUNDS_MAX, &reader->group->rounds);
}

static int take_duration(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_time(reader, name, value, &reader->group->solo_ns);
}

static int take_sample(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_time(reader, name, value, &reader->group->sample_ns);
}

static int take_slice(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_time(reader, name, value, &reader->campaign->slice_ns);
}

static int take_time_budget(struct campaign_reader *reader, const char *name,
			    const yaml_node_t *value)
{
	return reader_time(reader, name, value, &reader->campaign->time_budget_ns);
}

static int take_passes(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_count(reader, name, value, 1, CAMPAIGN_PASSES_MAX, &reader->campaign->passes);
}

static int take_rounds_per_instance(struct campaign_reader *reader, const char *name,
				    const yaml_node_t *value)
{
	return reader_count(reader, name, value, 1, CAMPAIGN_ROUNDS_MAX,
			    &reader->campaign->rounds_per_instance);
}

static int take_seed(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	reader->campaign->has_seed = true;
	return reader_count(reader, name, value, 0, INT64_MAX, &reader->campaign->seed);
}

static int take_precision(struct campaign_reader *reader, const char *name,
			  const yaml_node_t *value)
{
	return reader_percent(reader, name, value, &reader->campaign->precision_pct);
}

static int take_effect(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_percent(reader, name, value, &reader->campaign->effect_pct);
}

static int take_baseline(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	if (!text_is_label(text))
		return reader_fail(reader, value, EINVAL, "'%.60s' is no label of an environment",
				   text);
	(void)snprintf(reader->campaign->baseline, sizeof(reader->campaign->baseline), "%s", text);
	return 0;
}

static int take_ladder(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_yes(reader, name, value, &reader->campaign->ladder);
}

static int take_observer(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	return reader_yes(reader, name, value, &reader->campaign->observer);
}

static int take_self_test(struct campaign_reader *reader, const char *name,
			  const yaml_node_t *value)
{
	return reader_yes(reader, name, value, &reader->campaign->self_test);
}

static int take_rootfs(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	struct tare_err why = {0};
	const char *text = "";
	int r = reader_scalar(reader, name, value, &text);

	if (r < 0)
		return r;
	r = campaign_parse_rootfs(name, text, &reader->campaign->same_rootfs, &why);
	return reader_fail_as(reader, value, r, &why);
}

static const struct campaign_key group_keys[] = {
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

static int take_group(struct campaign_reader *reader, const yaml_node_t *node)
{
	struct campaign *campaign = reader->campaign;
	struct tare_err why = {0};
	int r = campaign_add_group(campaign, &reader->group, &why);

	if (r < 0)
		return reader_fail_as(reader, node, r, &why);
	(void)snprintf(reader->group->name, sizeof(reader->group->name), "group-%zu",
		       campaign->n_groups);
	r = reader_mapping(reader, "a group", node, group_keys);
	if (r < 0)
		return r;
	r = campaign_check_group(campaign, campaign->n_groups - 1, reader->described, &why);
	return reader_fail_as(reader, node, r, &why);
}

static int take_groups(struct campaign_reader *reader, const char *name, const yaml_node_t *value)
{
	if (value->type != YAML_SEQUENCE_NODE)
		return reader_fail(reader, value, EINVAL, "'%s' is to be a list: '- name: ...'",
				   name);
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top; item++) {
		int r = take_group(reader, yaml_document_get_node(&reader->document, *item));

		if (r < 0)
			return r;
	}
	return 0;
}

static const struct campaign_key campaign_keys[] = {
	{"groups", take_groups},
	{"slice", take_slice},
	{"passes", take_passes},
	{"seed", take_seed},
	{"precision", take_precision},
	{"time-budget", take_time_budget},
	{"effect", take_effect},
	{"baseline", take_baseline},
	{"ladder", take_ladder},
	{"observer", take_observer},
	{"self-test", take_self_test},
	{"rootfs-mode", take_rootfs},
	{"rounds-per-instance", take_rounds_per_instance},
	{NULL, NULL},
};

static int read_document(struct campaign_reader *reader)
{
	const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
	struct tare_err why = {0};
	int r;

	if (!root)
		return err_set(reader->err, EINVAL, "%.80s: there is nothing in it", reader->path);
	r = reader_mapping(reader, "a campaign", root, campaign_keys);
	if (r < 0)
		return r;
	return reader_fail_as(reader, root, campaign_check(reader->campaign, &why), &why);
}

static int read_parser(struct campaign_reader *reader, yaml_parser_t *parser)
{
	const yaml_node_t *second;
	int r = reader_load(reader, parser);

	if (r < 0)
		return r;
	r = read_document(reader);
	yaml_document_delete(&reader->document);
	if (r < 0 || (r = reader_load(reader, parser)) < 0)
		return r;
	second = yaml_document_get_root_node(&reader->document);
	if (second)
		r = reader_fail(reader, second, EINVAL,
				"a second document begins; a campaign is one");
	yaml_document_delete(&reader->document);
	return r;
}

int campaign_from_text(const char *path, const char *text, size_t size, const json_t *described,
		       struct campaign *ret, struct tare_err *err)
{
	struct campaign campaign;
	struct campaign_reader reader = {
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
