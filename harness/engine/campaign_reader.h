/* SPDX-License-Identifier: MIT */
#pragma once
/* campaign_reader: values out of a campaign's YAML. libyaml's document tree is read directly, since
 * it keeps the line and column of each value: an unknown load in a list is told as exactly as a
 * missing bracket. Whatever fails has set reader->err. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

struct campaign;
struct campaign_group;
struct tare_err;

#define CAMPAIGN_KEYS_MAX 64

struct campaign_reader {
	const char *path;
	const json_t *described;
	struct campaign *campaign;
	struct campaign_group *group; /* that is being read */
	yaml_document_t document;
	struct tare_err *err;
};

struct campaign_key {
	const char *name;
	int (*take)(struct campaign_reader *reader, const char *name, const yaml_node_t *value);
};

/* The next document of the parser; the caller's to delete. */
int reader_load(struct campaign_reader *reader, yaml_parser_t *parser);
int reader_fail(struct campaign_reader *reader, const yaml_node_t *node, int code, const char *fmt,
		...) __attribute__((format(printf, 4, 5)));
/* What went wrong below, with the place in front; 0 unless r says that something did. */
int reader_fail_as(struct campaign_reader *reader, const yaml_node_t *node, int r,
		   const struct tare_err *why);
/* Hand each pair of a mapping to its key; a key comes once. */
int reader_mapping(struct campaign_reader *reader, const char *what, const yaml_node_t *node,
		   const struct campaign_key *keys);
/* Call take for the value, or for each of the values where it is a list. */
int reader_each(struct campaign_reader *reader, const char *name, const yaml_node_t *node,
		int (*take)(struct campaign_reader *reader, const char *name, const char *text,
			    struct tare_err *err));
/* *ret is the document's. */
int reader_scalar(struct campaign_reader *reader, const char *name, const yaml_node_t *node,
		  const char **ret);
int reader_count(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
		 uint64_t min, uint64_t max, uint64_t *ret);
int reader_time(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
		uint64_t *ret);
int reader_percent(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
		   double *ret);
int reader_yes(struct campaign_reader *reader, const char *name, const yaml_node_t *value,
	       bool *ret);
