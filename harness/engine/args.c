/* SPDX-License-Identifier: MIT */
#include "engine/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "box/box.h"
#include "collector.h"
#include "engine/args_pieces.h"
#include "machine/machine.h"

#define NAMES_MAX 64

/* Names of machines and boxes, as candidates for "did you mean". */
static void collect_env_names(const char *names[NAMES_MAX + 1])
{
	size_t n = 0;

	names[n++] = "native";
	for (size_t i = 0; machine_ops_table[i] && n < NAMES_MAX; i++)
		names[n++] = machine_ops_table[i]->name;
	for (size_t i = 0; box_ops_table[i] && n < NAMES_MAX; i++)
		names[n++] = box_ops_table[i]->name;
	names[n] = NULL;
}

/* Machine and box of "MACHINE+BOX", of a machine alone (then bare), of a box alone (then on the
 * host), or of "native". */
static int find_place(const char *text, const struct machine_ops **machine,
		      const struct box_ops **box, struct tare_err *err)
{
	const char *plus = strchr(text, '+'), *names[NAMES_MAX + 1];
	char first[64], hint[TEXT_HINT_SIZE];
	int r;

	(void)snprintf(first, sizeof(first), "%.*s", plus ? (int)(plus - text) : 63, text);
	if (plus) {
		r = machine_find(strcmp(first, "native") == 0 ? "host" : first, machine, err);
		return r < 0 ? r : box_find(plus + 1, box, err);
	}
	if (strcmp(text, "native") == 0) {
		r = machine_find("host", machine, err);
		return r < 0 ? r : box_find("bare", box, err);
	}
	if (machine_find(text, machine, NULL) == 0)
		return box_find("bare", box, err);
	if (box_find(text, box, NULL) == 0)
		return machine_find("host", machine, err);
	collect_env_names(names);
	return err_set(err, ENOENT, "no environment '%.40s'%s", text,
		       text_hint(text, names, hint, sizeof(hint)));
}

static bool box_has_option(const struct box_ops *ops, const char *name)
{
	for (const struct box_option *o = ops->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static const struct machine_option *machine_find_option(const struct machine_ops *ops,
							const char *name)
{
	for (const struct machine_option *o = ops->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static int unknown_env_option(const struct machine_ops *machine, const struct box_ops *box,
			      const char *env, const char *key, const char *value,
			      struct tare_err *err)
{
	const char *names[NAMES_MAX + 1];
	const struct machine_ops *other_machine;
	const struct box_ops *other_box;
	char hint[TEXT_HINT_SIZE];
	size_t n = 0;

	if (find_place(value, &other_machine, &other_box, NULL) == 0)
		return err_set(err, EINVAL,
			       "environment '%.40s' has no option '%.30s': begin a new -e for a "
			       "label, -e %.30s=%.30s",
			       env, key, key, value);
	for (const struct machine_option *o = machine->options; o && o->name && n < 32; o++)
		if (!o->to_box)
			names[n++] = o->name;
	for (const struct box_option *o = box->options; o && o->name && n < NAMES_MAX; o++)
		names[n++] = o->name;
	names[n] = NULL;
	return err_set(err, EINVAL, "environment '%.40s' has no option '%.30s'%s", env, key,
		       text_hint(key, names, hint, sizeof(hint)));
}

static int put_env_option(json_t *into, const char *env, const struct args_piece *option,
			  struct tare_err *err)
{
	if (json_object_get(into, option->key))
		return err_set(err, EINVAL, "environment '%.40s': option '%s' is given twice", env,
			       option->key);
	if (json_object_set_new(into, option->key, json_string(option->value)) < 0)
		return err_set(err, EINVAL, "environment '%.40s': option '%s' is no valid text",
			       env, option->key);
	return 0;
}

/* Put one KEY=VALUE where it belongs: the machine's options come first. */
static int take_env_option(struct env_choice *env, const struct machine_ops *machine,
			   const struct box_ops *box, const struct args_piece *option,
			   struct tare_err *err)
{
	const struct machine_option *own = machine_find_option(machine, option->key);
	bool to_box = box_has_option(box, option->key);
	int r = 0;

	if (own ? own->to_box && !to_box : !to_box)
		return unknown_env_option(machine, box, env->label, option->key, option->value,
					  err);
	if (own)
		r = put_env_option(env->machine_options, env->label, option, err);
	if (r == 0 && (!own || own->to_box))
		r = put_env_option(env->options, env->label, option, err);
	return r;
}

static int fill_env(struct env_choice *env, const struct args_item *item, struct tare_err *err)
{
	const struct machine_ops *machine;
	const struct box_ops *box;
	int r = find_place(item->name, &machine, &box, err);

	if (r < 0)
		return r;
	env->machine_options = json_object();
	env->options = json_object();
	if (!env->machine_options || !env->options)
		return err_set(err, ENOMEM, "out of memory");
	(void)snprintf(env->machine, sizeof(env->machine), "%s", machine->name);
	(void)snprintf(env->box, sizeof(env->box), "%s", box->name);
	for (size_t i = 0; i < item->n_options && r == 0; i++)
		r = take_env_option(env, machine, box, &item->options[i], err);
	if (r == 0)
		r = machine_check_options(machine, env->machine_options, err);
	return r < 0 ? r : box_check_options(box, env->options, err);
}

static int label_env(struct env_choice *env, const struct args_item *item, struct tare_err *err)
{
	if (item->label && !text_is_name(item->label))
		return err_set(err, EINVAL,
			       "label '%.64s' is not of small letters, digits, '.', '_' and '-'",
			       item->label);
	if (!item->label && (!text_is_label(item->text) || strlen(item->text) >= ENV_LABEL_SIZE))
		return err_set(err, EINVAL,
			       "environment '%.80s' cannot be its own label: write -e LABEL=%.40s",
			       item->text, item->text);
	(void)snprintf(env->label, sizeof(env->label), "%s",
		       item->label ? item->label : item->text);
	return 0;
}

static void env_choice_clear(struct env_choice *env)
{
	json_decref(env->machine_options);
	json_decref(env->options);
	*env = (struct env_choice){0};
}

int env_list_append(struct env_list *list, struct env_choice *env, struct tare_err *err)
{
	struct env_choice *items;

	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i].label, env->label) != 0)
			continue;
		err_set(err, EEXIST, "two environments are called '%s': write -e LABEL=%.40s",
			env->label, env->label);
		env_choice_clear(env);
		return -EEXIST;
	}
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items) {
		env_choice_clear(env);
		return err_set(err, ENOMEM, "out of memory");
	}
	list->items = items;
	list->items[list->n++] = *env;
	return 0;
}

int args_parse_envs(const char *text, struct env_list *list, struct tare_err *err)
{
	struct args_pieces pieces;
	struct args_item item;
	int r = args_pieces_open(text, ARGS_LABELS, &pieces, err);

	if (r < 0)
		return r;
	while ((r = args_pieces_next(&pieces, &item, err)) == 1) {
		struct env_choice env = {0};

		r = label_env(&env, &item, err);
		if (r == 0)
			r = fill_env(&env, &item, err);
		if (r == 0)
			r = env_list_append(list, &env, err);
		else
			env_choice_clear(&env);
		if (r < 0)
			break;
	}
	args_pieces_close(&pieces);
	return r;
}

int env_list_copy(struct env_list *ret, const struct env_list *list, struct tare_err *err)
{
	struct env_choice *items = calloc(list->n + 1, sizeof(*items));

	if (!items)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < list->n; i++) {
		items[i] = list->items[i];
		json_incref(items[i].machine_options);
		json_incref(items[i].options);
	}
	*ret = (struct env_list){items, list->n};
	return 0;
}

void env_list_free(struct env_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		env_choice_clear(&list->items[i]);
	free(list->items);
	*list = (struct env_list){0};
}

/* Those that `said` has stand there already. */
static int append_options(FILE *to, const json_t *options, const json_t *said, bool rest)
{
	/* jansson's iteration takes no const object, and changes none. */
	json_t *all = (json_t *)(uintptr_t)options; /* NOLINT(performance-no-int-to-ptr) */
	const char *key;
	json_t *value;

	json_object_foreach(all, key, value)
	{
		if (!json_object_get(said, key) && args_takes_the_rest(key) == rest &&
		    fprintf(to, ",%s=%s", key, json_string_value(value)) < 0)
			return -EIO;
	}
	return 0;
}

static char *choice_text(const char *name, const json_t *first, const json_t *second)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	bool bad;

	if (!to)
		return NULL;
	bad = fputs(name, to) < 0 || append_options(to, first, NULL, false) < 0 ||
	      append_options(to, second, first, false) < 0 ||
	      append_options(to, first, NULL, true) < 0;
	if (fclose(to) != 0 || bad) {
		free(text);
		return NULL;
	}
	return text;
}

char *env_choice_text(const struct env_choice *env)
{
	struct env_list again = {0};
	char name[160];

	(void)snprintf(name, sizeof(name), "%s=%s+%s", env->label, env->machine, env->box);
	if (args_parse_envs(env->label, &again, NULL) == 0 && again.n == 1 &&
	    strcmp(again.items[0].machine, env->machine) == 0 &&
	    strcmp(again.items[0].box, env->box) == 0 &&
	    json_equal(again.items[0].machine_options, env->machine_options) &&
	    json_equal(again.items[0].options, env->options)) {
		env_list_free(&again);
		return strdup(env->label);
	}
	env_list_free(&again);
	return choice_text(name, env->machine_options, env->options);
}

char *load_choice_text(const struct load_choice *load)
{
	return choice_text(load->name, load->params, NULL);
}

json_t *env_self_test_json(const struct env_choice *env)
{
	return env->twin_of[0] ? json_pack("{s:s, s:f}", "of", env->twin_of, "slowdown_pct",
					   env->slowdown_pct)
			       : NULL;
}

json_t *env_choice_to_json(const struct env_choice *env)
{
	return json_pack("{s:s, s:s, s:O, s:s, s:O, s:o*}", "label", env->label, "machine",
			 env->machine, "machine_options", env->machine_options, "box", env->box,
			 "options", env->options, "self_test", env_self_test_json(env));
}

static int read_self_test(const json_t *object, struct env_choice *env, struct tare_err *err)
{
	const json_t *twin = json_object_get(object, "self_test");
	const char *of;
	int r;

	if (!twin)
		return 0;
	if ((r = json_read_string(twin, "of", &of, err)) < 0 ||
	    (r = json_read_double(twin, "slowdown_pct", &env->slowdown_pct, err)) < 0)
		return err_wrap(err, r, "'self_test'");
	if (!text_is_label(of) || !(env->slowdown_pct >= 0))
		return err_set(err, EBADMSG, "'self_test' names no environment, or no slowdown");
	(void)snprintf(env->twin_of, sizeof(env->twin_of), "%s", of);
	return 0;
}

static int read_env(const json_t *object, struct env_choice *env, struct tare_err *err)
{
	const struct machine_ops *machine;
	const struct box_ops *box;
	const char *label, *machine_name, *box_name;
	json_t *machine_options, *options;
	int r;

	if ((r = json_read_string(object, "label", &label, err)) < 0 ||
	    (r = json_read_string(object, "machine", &machine_name, err)) < 0 ||
	    (r = json_read_string(object, "box", &box_name, err)) < 0 ||
	    (r = json_read_object(object, "machine_options", &machine_options, err)) < 0 ||
	    (r = json_read_object(object, "options", &options, err)) < 0 ||
	    (r = machine_find(machine_name, &machine, err)) < 0 ||
	    (r = box_find(box_name, &box, err)) < 0 ||
	    (r = machine_check_options(machine, machine_options, err)) < 0 ||
	    (r = box_check_options(box, options, err)) < 0)
		return r;
	if (!text_is_label(label))
		return err_set(err, EBADMSG, "'%.64s' is no label of an environment", label);
	(void)snprintf(env->label, sizeof(env->label), "%s", label);
	(void)snprintf(env->machine, sizeof(env->machine), "%s", machine->name);
	(void)snprintf(env->box, sizeof(env->box), "%s", box->name);
	env->machine_options = json_deep_copy(machine_options);
	env->options = json_deep_copy(options);
	if (!env->machine_options || !env->options)
		return err_set(err, ENOMEM, "out of memory");
	return read_self_test(object, env, err);
}

int env_choice_from_json(const json_t *object, struct env_choice *ret, struct tare_err *err)
{
	struct env_choice env = {0};
	int r = read_env(object, &env, err);

	if (r < 0) {
		env_choice_clear(&env);
		return r;
	}
	*ret = env;
	return 0;
}

/* Cut off the next text; NULL: there is none. A comma within {...} belongs to a collector's
 * argument. */
static char *next_collector(char **rest)
{
	char *name = *rest + strspn(*rest, ","), *end = name;
	bool inside = false;

	for (; *end && (inside || *end != ','); end++)
		inside = *end == '{' || (inside && *end != '}');
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return *name ? name : NULL;
}

int args_parse_collectors(const char *text, json_t *list, struct tare_err *err)
{
	cleanup_free char *copy = strdup(text);
	char *rest = copy;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	if (!text[strspn(text, ",")])
		return err_set(err, EINVAL, "no collector is named; 'none' is none");
	for (char *name; (name = next_collector(&rest));) {
		const struct collector_ops *ops;
		json_t *item;
		size_t i;
		int r;

		if (strcmp(name, "none") == 0)
			continue;
		r = collector_check(name, &ops, err);
		if (r < 0)
			return r;
		json_array_foreach(list, i, item)
		{
			const char *there = json_string_value(item);
			size_t n = strlen(ops->name);

			if (strncmp(there, ops->name, n) == 0 && strchr("=", there[n]))
				return err_set(err, EEXIST, "collector '%s' is given twice",
					       ops->name);
		}
		if (json_array_append_new(list, json_string(name)) < 0)
			return err_set(err, EINVAL, "collector '%.40s' is no valid text", name);
	}
	return 0;
}
