/* SPDX-License-Identifier: MIT */
#include "report/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "report/record.h"

void summary_put_marks(json_t *object, const char *key, const struct run_env *env)
{
	if (env->marks[0])
		(void)json_put(object, key, json_string(env->marks));
}

bool summary_is_like(const json_t *a, const json_t *b, const char *key)
{
	const char *const keys[] = {"group", "load", "params", "mode", key};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strcmp(json_string_or(a, keys[i], ""), json_string_or(b, keys[i], "")) != 0)
			return false;
	return true;
}

/* What summary_is_like() compares, as one text. */
static char *likeness(const json_t *row, const char *key)
{
	return text_format("%s\x1f%s\x1f%s\x1f%s\x1f%s", json_string_or(row, "group", ""),
			   json_string_or(row, "load", ""), json_string_or(row, "params", ""),
			   json_string_or(row, "mode", ""), json_string_or(row, key, ""));
}

json_t *summary_index_baseline(json_t *list, const char *baseline, const char *key)
{
	json_t *index = json_object(), *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		cleanup_free char *like = NULL;

		if (strcmp(json_string_or(row, "env", ""), baseline) != 0)
			continue;
		like = likeness(row, key);
		if (!like || json_object_set(index, like, row) < 0) {
			json_decref(index);
			return NULL;
		}
	}
	return index;
}

json_t *summary_baseline_of(const json_t *index, const json_t *row, const char *key)
{
	cleanup_free char *like = likeness(row, key);

	return like ? json_object_get(index, like) : NULL;
}

json_t *summary_cell_json(const struct run *run, const struct run_cell *cell)
{
	const struct run_env *env = &run->envs[cell->env];
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "group", cell->group, "env",
				   env->label, "load", cell->load, "params", cell->params, "mode",
				   cell->mode, "accel", env->accel);

	summary_put_marks(object, "marks", env);
	if (cell->collectors[0])
		(void)json_put(object, "collectors", json_string(cell->collectors));
	return object;
}

void summary_put_interval(json_t *object, const struct location *location, bool logs)
{
	double low = logs ? exp(location->low) : location->low;
	double high = logs ? exp(location->high) : location->high;

	(void)json_put(object, "rounds", json_u64(location->n));
	if (location->method == LOCATION_NONE)
		(void)json_put(object, "ci", json_null());
	else
		(void)json_put(object, "ci",
			       json_pack("[o, o]", json_number(low), json_number(high)));
	(void)json_put(object, "level", json_number(location->level));
	(void)json_put(object, "method", json_string(location_method_name(location->method)));
}

void summary_put_levels(json_t *object, const struct levels *levels, bool logs)
{
	summary_put_interval(object, &levels->location, logs);
	(void)json_put(object, "rounds", json_u64(levels->rounds));
	(void)json_put(object, "instances", json_u64(levels->location.n));
}

static json_t *records_json(const struct run *run)
{
	json_int_t by_status[RUN_N_STATUS] = {0};
	json_t *records = json_object();
	size_t all = 0, superseded = 0;

	/* Those of a self-test are records as all others are. */
	for (const struct run *part = run; part; part = part->twins) {
		for (size_t i = 0; i < part->n_trials; i++) {
			if (!part->trials[i].superseded)
				by_status[part->trials[i].status]++;
		}
		all += part->n_trials;
		superseded += part->n_superseded;
	}
	(void)json_put(records, "all", json_u64(all));
	for (int i = 0; i < RUN_N_STATUS; i++)
		(void)json_put(records, run_status_name((enum run_status)i),
			       json_integer(by_status[i]));
	(void)json_put(records, "superseded", json_u64(superseded));
	(void)json_put(records, "torn", json_boolean(run->torn));
	return records;
}

void summary_list_once(json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return;
	}
	(void)json_array_append_new(list, json_string(text));
}

/* "virtio-blk, 512.0 MiB, cache=none, aio=native, O_DIRECT". */
static void list_work_disk(json_t *list, const json_t *instance)
{
	const json_t *disk = json_object_get(instance, "work_disk");
	const char *cache = json_string_or(disk, "cache", NULL);
	const char *aio = json_string_or(disk, "aio", NULL);
	uint64_t bytes = json_u64_or(disk, "bytes", 0);
	char text[160], size[32];

	if (!disk)
		return;
	(void)snprintf(text, sizeof(text), "%.20s%s%s%s%.16s%s%.16s%s",
		       json_string_or(disk, "kind", "?"), bytes ? ", " : "",
		       bytes ? units_print_bytes((double)bytes, size, sizeof(size)) : "",
		       cache ? ", cache=" : "", cache ? cache : "", aio ? ", aio=" : "",
		       aio ? aio : "",
		       !json_object_get(disk, "direct")      ? ""
		       : json_bool_or(disk, "direct", false) ? ", O_DIRECT"
							     : ", through the host's page cache");
	summary_list_once(list, text);
}

/* Those of the kernel that an instance ran on, as the manifest has them. NULL: it does not say. */
static json_t *mitigations_of(const struct run *run, const json_t *instance)
{
	const char *id = json_string_or(instance, "id", "");
	json_t *guest;
	size_t i;

	if (strcmp(json_string_or(instance, "machine", ""), "host") == 0)
		return json_object_get(json_object_get(run->manifest, "machine"), "mitigations");
	json_array_foreach(json_object_get(run->manifest, "guests"), i, guest)
	{
		if (strcmp(json_string_or(guest, "id", ""), id) == 0)
			return json_object_get(guest, "mitigations");
	}
	return NULL;
}

/* "seccomp=off,net=host"; new reference. */
static json_t *options_text(json_t *options)
{
	char text[RUN_NAME_MAX];

	if (record_params_text(options, text, sizeof(text), NULL) < 0)
		return json_string("?");
	return json_string(text);
}

/* What is the same for all instances of an environment, but for one that broke down. */
static void put_of_last(const struct run *run, const struct run_trial *trial, json_t *object)
{
	json_t *machine = json_object_get(run->manifest, "machine");
	bool host = strcmp(json_string_or(trial->instance, "machine", ""), "host") == 0;
	const json_t *from = host ? machine : trial->instance;
	json_t *cpus = json_object_get(from, host ? "cpus" : "vcpus");
	json_t *memory = json_object_get(from, "memory_bytes");
	json_t *mitigations = mitigations_of(run, trial->instance);
	json_t *options = json_object_get(json_object_get(trial->asked, "trial"), "options");

	(void)json_put(object, "options", options_text(options));
	(void)json_put(object, "cpus", json_is_integer(cpus) ? json_incref(cpus) : json_null());
	(void)json_put(object, "memory_bytes",
		       json_is_integer(memory) ? json_incref(memory) : json_null());
	(void)json_put(object, "mitigations",
		       json_is_object(mitigations) ? json_deep_copy(mitigations) : json_null());
}

/* What the records of an environment say of the instance; lists, since it may change. */
json_t *summary_env_json(const struct run *run, size_t env)
{
	static const char *const keys[] = {"machine", "kernel", "clocksource", "accel", "qemu"};
	json_t *object = json_pack("{s:s, s:s, s:b}", "label", run->envs[env].label, "shown",
				   run->envs[env].shown, "emulated", run->envs[env].emulated);
	json_t *sha256 = json_array(), *instances = json_array(), *boxes = json_array();
	const struct run_trial *last = NULL;
	json_t *disks = json_array();
	json_t *lists[sizeof(keys) / sizeof(*keys)];

	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		lists[k] = json_array();
	for (size_t i = 0; i < run->n_trials; i++) {
		const struct run_trial *trial = &run->trials[i];
		const json_t *instance = trial->instance, *asked = trial->asked;

		if (run->cells[run->trials[i].cell].env != env)
			continue;
		last = instance ? trial : last;
		if (*json_string_or(asked, "sha256", ""))
			summary_list_once(sha256, json_string_or(asked, "sha256", ""));
		if (*json_string_or(instance, "id", ""))
			summary_list_once(instances, json_string_or(instance, "id", ""));
		list_work_disk(disks, instance);
		summary_list_once(boxes,
				  json_string_or(json_object_get(asked, "trial"), "box", "?"));
		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
			if (*json_string_or(instance, keys[k], ""))
				summary_list_once(lists[k], json_string_or(instance, keys[k], ""));
		}
	}
	if (last)
		put_of_last(run, last, object);
	(void)json_put(object, "sha256", sha256);
	(void)json_put(object, "instances", json_u64(json_array_size(instances)));
	(void)json_put(object, "box", boxes);
	(void)json_put(object, "work_disk", disks);
	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		(void)json_put(object, keys[k], lists[k]);
	json_decref(instances);
	return object;
}

static json_t *envs_json(const struct run *run)
{
	json_t *envs = json_array();

	for (size_t i = 0; i < run->n_envs; i++)
		(void)json_array_append_new(envs, summary_env_json(run, i));
	return envs;
}

int summary_make(const struct run *run, json_t **ret, struct tare_err *err)
{
	static int (*const parts[])(const struct run *, json_t *, struct tare_err *) = {
		summary_add_cells,      summary_add_ratios,   summary_add_ladder,
		summary_add_observer,   summary_add_syscalls, summary_add_limits,
		summary_add_same_limit, summary_add_startup,  summary_add_boundaries,
		summary_add_idle,       summary_add_exits,    summary_add_counters,
		summary_add_sched,      summary_add_checks,   summary_add_spent,
		summary_add_self_test,
	};
	const json_t *campaign = json_object_get(run->manifest, "campaign");
	cleanup_json json_t *summary = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o}", "schema", "tare.summary/1", "run",
		json_string_or(run->manifest, "run", ""), "baseline", run_baseline(run),
		"effect_pct",
		json_number(json_double_or(campaign, "effect_pct", 100 * VERDICT_EFFECT_DEFAULT)),
		"records", records_json(run), "envs", envs_json(run));

	if (!summary)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		int r = parts[i](run, summary, err);

		if (r < 0)
			return r;
	}
	*ret = json_incref(summary);
	return 0;
}
