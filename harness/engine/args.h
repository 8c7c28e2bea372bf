/* SPDX-License-Identifier: MIT */
#pragma once
/* args: the texts of -e, -w and -c, and the environments and loads they mean.
 *
 * ENV is [LABEL=]MACHINE[+BOX][,KEY=VALUE]...; LOAD is NAME[,KEY=VALUE]..., a glob or @GROUP. A
 * comma piece without '=' starts a new item, one with '=' belongs to the item before. All
 * texts are untrusted: what they name is looked up, and errors say "did you mean". */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct tare_err;

#define ENV_LABEL_SIZE 64

struct env_choice {
	char label[ENV_LABEL_SIZE]; /* as given, or the text itself: "container,seccomp=off" */
	char machine[32];           /* "host" */
	char box[32];               /* "bare" */
	json_t *machine_options;    /* {"accel": "tcg"}: checked, only what was given */
	json_t *options;            /* of the box, likewise */
	/* Of a self-test: the label of what this is once more, and by how much it is slowed down.
	 */
	char twin_of[ENV_LABEL_SIZE];
	double slowdown_pct;
};

struct load_choice {
	char name[32];
	json_t *params; /* {"size": "64K"}: names checked, only what was given */
};

/* Zeroed: empty. */
struct env_list {
	struct env_choice *items;
	size_t n;
};
struct load_list {
	struct load_choice *items;
	size_t n;
};

/* Add the environments of a text. -EEXIST: a label that the list has already. */
int args_parse_envs(const char *text, struct env_list *list, struct tare_err *err);
/* Add the loads of a text. described: the JSON of trial_describe_loads(). What a glob or group
 * brings in a second time is left out; a load named twice with the same parameters is -EEXIST. */
int args_parse_loads(const char *text, const json_t *described, struct load_list *list,
		     struct tare_err *err);
/* Add the collectors of a text, "syscalls,counters=page-faults", to a list of texts. "none" adds
 * nothing. */
int args_parse_collectors(const char *text, json_t *list, struct tare_err *err);

/* Takes env over, also on failure. -EEXIST: a label that the list has already. */
int env_list_append(struct env_list *list, struct env_choice *env, struct tare_err *err);
/* Into an empty list; of -ENOMEM it stays one. */
int env_list_copy(struct env_list *ret, const struct env_list *list, struct tare_err *err);
int load_list_copy(struct load_list *ret, const struct load_list *list, struct tare_err *err);
void env_list_free(struct env_list *list);
void load_list_free(struct load_list *list);

/* What `described` says of a load; NULL: there is none of that name. */
const json_t *load_description(const json_t *described, const char *name);
/* True: it cannot take turns. */
bool load_is_solo(const json_t *described, const char *name);

/* The text that gives this load again: "pread,size=64K". Freed by the caller. */
char *load_choice_text(const struct load_choice *load);
/* As for loads; the label comes first where it is not the text itself. */
char *env_choice_text(const struct env_choice *env);

/* {"label", "machine", "machine_options", "box", "options"}, as in a manifest; of a self-test
 * "self_test" too: {"of", "slowdown_pct"}. */
json_t *env_self_test_json(const struct env_choice *env); /* NULL: it is none of a self-test */
json_t *env_choice_to_json(const struct env_choice *env);
int env_choice_from_json(const json_t *object, struct env_choice *ret, struct tare_err *err);
