/* SPDX-License-Identifier: MIT */
#include "report/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/store.h"
#include "report/record.h"

#define TRIALS_MAX 1000000
#define CELLS_MAX  4096

static bool has_env(const struct run *run, const char *label, size_t *ret)
{
	for (*ret = 0; *ret < run->n_envs; (*ret)++) {
		if (strcmp(run->envs[*ret].label, label) == 0)
			return true;
	}
	return false;
}

static int find_env(struct run *run, const char *label, size_t *ret, struct tare_err *err)
{
	if (has_env(run, label, ret))
		return 0;
	if (run->n_envs == RUN_ENVS_MAX)
		return err_set(err, E2BIG, "there are more than %d environments", RUN_ENVS_MAX);
	if (!run->envs)
		run->envs = calloc(RUN_ENVS_MAX, sizeof(*run->envs));
	if (!run->envs)
		return err_set(err, ENOMEM, "out of memory");
	(void)snprintf(run->envs[run->n_envs].label, RUN_NAME_MAX, "%s", label);
	(void)snprintf(run->envs[run->n_envs].shown, RUN_NAME_MAX, "%s", label);
	run->n_envs++;
	return 0;
}

static bool is_cell(const struct run_cell *cell, const struct record_key *key, size_t env)
{
	return cell->env == env && strcmp(cell->group, key->group) == 0 &&
	       strcmp(cell->load, key->load) == 0 && strcmp(cell->mode, key->mode) == 0 &&
	       strcmp(cell->params, key->params) == 0 &&
	       strcmp(cell->collectors, key->collectors) == 0;
}

/* These only read files before and after, also where they are named. What is not known is taken to
 * trace. */
static bool is_observed(const char *collectors)
{
	static const char *const files_only[] = {"footprint", "net"};
	const size_t n_files = sizeof(files_only) / sizeof(files_only[0]);

	while (*collectors) {
		size_t n = strcspn(collectors, "+"), i = 0;

		while (i < n_files &&
		       (strlen(files_only[i]) != n || strncmp(collectors, files_only[i], n) != 0))
			i++;
		if (i == n_files)
			return true;
		collectors += n + (collectors[n] == '+');
	}
	return false;
}

static int find_cell(struct run *run, const struct record_key *key, size_t *ret,
		     struct tare_err *err)
{
	size_t env;
	int r = find_env(run, key->env, &env, err);

	if (r < 0)
		return r;
	for (*ret = 0; *ret < run->n_cells; (*ret)++) {
		if (is_cell(&run->cells[*ret], key, env))
			return 0;
	}
	if (run->n_cells == CELLS_MAX)
		return err_set(err, E2BIG, "there are more than %d cells", CELLS_MAX);
	if (!run->cells)
		run->cells = calloc(CELLS_MAX, sizeof(*run->cells));
	if (!run->cells)
		return err_set(err, ENOMEM, "out of memory");
	struct run_cell *cell = &run->cells[run->n_cells++];
	cell->env = env;
	(void)snprintf(cell->group, sizeof(cell->group), "%s", key->group);
	(void)snprintf(cell->load, sizeof(cell->load), "%s", key->load);
	(void)snprintf(cell->mode, sizeof(cell->mode), "%s", key->mode);
	(void)snprintf(cell->params, sizeof(cell->params), "%s", key->params);
	(void)snprintf(cell->collectors, sizeof(cell->collectors), "%s", key->collectors);
	cell->observed = is_observed(key->collectors);
	(void)snprintf(cell->name, sizeof(cell->name), "%s", key->set);
	return 0;
}

/* Room for one more of what an array holds. */
static int grow(void *array, size_t n, size_t *room, size_t size, struct tare_err *err)
{
	size_t wanted = *room ? 2 * *room : 64;
	void *grown;

	if (n < *room)
		return 0;
	grown = realloc(*(void **)array, wanted * size);
	if (!grown)
		return err_set(err, ENOMEM, "out of memory");
	*(void **)array = grown;
	*room = wanted;
	return 0;
}

static void note_marks(struct run_env *env, const json_t *marks)
{
	const json_t *mark;
	size_t i, used = 0;

	if (env->marks[0])
		return;
	json_array_foreach(marks, i, mark)
	{
		const char *text = json_is_string(mark) ? json_string_value(mark) : "?";

		if (used < sizeof(env->marks))
			used += (size_t)snprintf(env->marks + used, sizeof(env->marks) - used,
						 "%s%.60s", i ? " " : "", text);
	}
	for (char *c = env->marks; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

/* What its figures must never be shown without. */
static void note_instance(struct run_env *env, const json_t *record)
{
	const json_t *instance = json_object_get(record, "instance");
	const char *accel = json_string_or(instance, "accel", "");

	note_marks(env, json_object_get(instance, "marks"));
	env->restored |= strcmp(json_string_or(json_object_get(instance, "boot"), "kind", ""),
				"restored") == 0;
	if (*accel && !env->emulated) {
		(void)snprintf(env->accel, sizeof(env->accel), "%.15s", accel);
		env->emulated = strcmp(accel, "tcg") == 0;
		(void)snprintf(env->apart, sizeof(env->apart), "%s",
			       env->emulated               ? "TCG, emulated"
			       : strcmp(accel, "uml") == 0 ? "User-Mode Linux"
							   : "");
	}
	if (*env->apart || env->marks[0])
		(void)snprintf(env->shown, sizeof(env->shown), "%s (%s%s%s)", env->label,
			       env->apart, *env->apart && env->marks[0] ? "; " : "", env->marks);
}

/* Most trials of a cell were asked for in the same way, and many ran in the same instance: what is
 * equal is held once. *held: the one before; it becomes the one that is given back. */
static json_t *hold_once(json_t *taken, json_t **held)
{
	if (json_equal(taken, *held)) {
		json_decref(taken);
	} else {
		json_decref(*held);
		*held = taken;
	}
	return json_incref(*held);
}

static json_t *hold_instance(struct run *run, json_t *instance)
{
	const char *id = json_string_or(instance, "id", "");
	json_t *held = json_object_get(run->instances, id);

	if (!instance || json_equal(instance, held))
		return json_incref(held);
	(void)json_object_set(run->instances, id, instance);
	return json_incref(instance);
}

static int add_trial(struct run *run, const json_t *record, struct tare_err *err)
{
	struct record_key key;
	struct run_trial *trial;
	struct run_cell *cell;
	size_t at;
	int r;

	if ((r = record_read_key(record, &key, err)) < 0)
		return r;
	if (run->twins && has_env(run->twins, key.env, &at))
		run = run->twins;
	if ((r = find_cell(run, &key, &at, err)) < 0)
		return r;
	if (run->n_trials == TRIALS_MAX)
		return err_set(err, E2BIG, "there are more than %d records", TRIALS_MAX);
	r = grow(&run->trials, run->n_trials, &run->trials_room, sizeof(*run->trials), err);
	if (r < 0)
		return r;
	cell = &run->cells[at];
	r = grow(&cell->trials, cell->n_trials, &cell->room, sizeof(*cell->trials), err);
	if (r < 0)
		return r;
	trial = &run->trials[run->n_trials++];
	cell->trials[cell->n_trials++] = run->n_trials - 1;
	r = record_read_trial(record, trial, err);
	if (r < 0)
		return r;
	trial->cell = at;
	trial->asked = hold_once(trial->asked, &cell->asked);
	trial->instance = hold_instance(run, json_object_get(record, "instance"));
	note_instance(&run->envs[cell->env], record);
	return 0;
}

/* An incomplete set of trials that was run again does not count. */
static int take_back(struct run *run, const json_t *record, struct tare_err *err)
{
	const char *group, *set;
	uint64_t round;
	int r;

	if ((r = json_read_string(record, "group", &group, err)) < 0 ||
	    (r = json_read_string(record, "set", &set, err)) < 0 ||
	    (r = json_read_u64(record, "round", &round, err)) < 0)
		return r;
	for (size_t i = 0; i < run->n_trials; i++) {
		struct run_trial *trial = &run->trials[i];
		const struct run_cell *cell = &run->cells[trial->cell];

		if (trial->superseded || trial->round != round || strcmp(cell->group, group) != 0 ||
		    strcmp(cell->name, set) != 0)
			continue;
		trial->superseded = true;
		run->n_superseded++;
	}
	return run->twins ? take_back(run->twins, record, err) : 0;
}

struct reading {
	struct run *run;
	const char *dir;
	struct tare_err *err;
};

static int take_record(const json_t *record, size_t line, void *context)
{
	const struct reading *reading = context;
	struct tare_err why = {0};
	int r;

	if (json_bool_or(record, "superseded", false))
		r = take_back(reading->run, record, &why);
	else
		r = add_trial(reading->run, record, &why);
	if (r < 0)
		return err_set(reading->err, -r, "'%.80s/records.jsonl', line %zu: %.130s",
			       reading->dir, line, why.msg);
	return 0;
}

static int check_manifest(const json_t *manifest, const char *dir, struct tare_err *err)
{
	const char *schema = json_string_or(manifest, "schema", "");

	if (strcmp(schema, "tare.manifest/1") != 0)
		return err_set(err, EBADMSG,
			       "'%.120s/manifest.json': schema '%.40s' is not tare.manifest/1", dir,
			       schema);
	return 0;
}

/* An environment of the campaign; those of a self-test are kept apart. */
static int add_env(struct run *run, const json_t *env, struct tare_err *err)
{
	const json_t *self_test = json_object_get(env, "self_test");
	const char *label = json_string_or(env, "label", "");
	size_t at;
	int r;

	if (!*label || strlen(label) >= RUN_NAME_MAX)
		return 0;
	if (!self_test)
		return find_env(run, label, &at, err);
	if (!run->twins)
		run->twins = calloc(1, sizeof(*run->twins));
	if (!run->twins)
		return err_set(err, ENOMEM, "out of memory");
	if (!run->twins->manifest) {
		run->twins->manifest = json_incref(run->manifest);
		run->twins->instances = json_incref(run->instances);
	}
	r = find_env(run->twins, label, &at, err);
	if (r < 0)
		return r;
	(void)snprintf(run->twins->envs[at].twin_of, RUN_NAME_MAX, "%.100s",
		       json_string_or(self_test, "of", ""));
	run->twins->envs[at].slowdown_pct = json_double_or(self_test, "slowdown_pct", 0);
	return 0;
}

static int load_manifest(struct run *run, const char *dir, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/manifest.json", dir);
	json_t *env;
	size_t i;
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = json_read_file(path, &run->manifest, err);
	if (r < 0)
		return err_wrap(err, r, "'%.100s' is no run folder", dir);
	r = check_manifest(run->manifest, dir, err);
	if (r < 0)
		return r;
	/* In the order of the campaign, which is the order of the colours. */
	json_array_foreach(json_object_get(run->manifest, "envs"), i, env)
	{
		r = add_env(run, env, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_rounds(const void *a, const void *b, void *context)
{
	const struct run *run = context;
	const struct run_trial *x = &run->trials[*(const size_t *)a];
	const struct run_trial *y = &run->trials[*(const size_t *)b];

	return (x->round > y->round) - (x->round < y->round);
}

static void sort_trials(struct run *run)
{
	for (size_t i = 0; i < run->n_cells; i++)
		qsort_r(run->cells[i].trials, run->cells[i].n_trials, sizeof(size_t),
			compare_rounds, run);
}

/* Where the campaign names the set: its group, then its load; what it does not name comes last. */
static size_t campaign_place(const struct run *run, const struct run_cell *cell)
{
	json_t *groups = json_object_get(json_object_get(run->manifest, "campaign"), "groups"),
	       *group, *load;
	size_t g, l, place = 0;

	json_array_foreach(groups, g, group)
	{
		bool here = strcmp(json_string_or(group, "name", ""), cell->group) == 0;

		json_array_foreach(json_object_get(group, "loads"), l, load)
		{
			if (here && json_is_string(load) &&
			    strcmp(json_string_value(load), cell->name) == 0)
				return place;
			place++;
		}
	}
	return place;
}

static int compare_places(const void *a, const void *b, void *context)
{
	const struct run *run = context;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	size_t of_x = campaign_place(run, &run->cells[x]),
	       of_y = campaign_place(run, &run->cells[y]);

	if (of_x != of_y)
		return of_x < of_y ? -1 : 1;
	return (x > y) - (x < y);
}

static int order_cells(struct run *run, struct tare_err *err)
{
	cleanup_free size_t *first = calloc(run->n_cells + 1, sizeof(*first));
	size_t n_first = 0, n = 0;

	run->order = calloc(run->n_cells + 1, sizeof(*run->order));
	if (!run->order || !first)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < run->n_cells; i++) {
		if (run_is_first_of_set(run, i))
			first[n_first++] = i;
	}
	qsort_r(first, n_first, sizeof(*first), compare_places, run);
	for (size_t i = 0; i < n_first; i++) {
		for (size_t env = 0; env < run->n_envs; env++) {
			const struct run_cell *cell =
				run_find_cell(run, &run->cells[first[i]], env);

			if (cell)
				run->order[n++] = (size_t)(cell - run->cells);
		}
	}
	return 0;
}

int run_load(const char *dir, struct run **ret, struct tare_err *err)
{
	cleanup_run struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run || !(run->instances = json_object()))
		return err_set(err, ENOMEM, "out of memory");
	r = load_manifest(run, dir, err);
	if (r < 0)
		return r;
	r = store_each(dir, take_record, &(struct reading){run, dir, err}, &run->torn, err);
	if (r < 0)
		return r;
	sort_trials(run);
	if (run->twins)
		sort_trials(run->twins);
	for (size_t i = 0; i < run->n_cells; i++)
		run->cells[i].observed |=
			run->cells[i].collectors[0] && run_plain_cell(run, &run->cells[i]);
	r = order_cells(run, err);
	if (r == 0 && run->twins)
		r = order_cells(run->twins, err);
	if (r < 0)
		return r;
	*ret = take_pointer(run);
	return 0;
}

void run_free(struct run *run)
{
	if (!run)
		return;
	run_free(run->twins);
	for (size_t i = 0; i < run->n_trials; i++) {
		free(run->trials[i].pass);
		free(run->trials[i].ns_per_op);
		free(run->trials[i].latency);
		free(run->trials[i].rest);
		json_decref(run->trials[i].asked);
		json_decref(run->trials[i].instance);
	}
	for (size_t i = 0; i < run->n_cells; i++) {
		free(run->cells[i].trials);
		json_decref(run->cells[i].asked);
	}
	free(run->trials);
	free(run->cells);
	free(run->order);
	free(run->envs);
	json_decref(run->instances);
	json_decref(run->manifest);
	free(run);
}
