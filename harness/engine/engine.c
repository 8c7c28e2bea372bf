/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/instances.h"
#include "engine/manifest.h"
#include "engine/pace.h"
#include "engine/precision.h"
#include "engine/random.h"
#include "engine/set.h"
#include "engine/settings.h"
#include "engine/store.h"
#include "trial/preflight.h"

/* A void set is carried out again so many times; then it stays, marked. */
#define VOID_RETRIES 2

struct engine {
	const struct engine_config *config;
	struct store *store;
	json_t *manifest;
	json_t *settings; /* that were changed for this sitting */
	struct instances instances;
	struct precision *precision;
	json_t *weighed; /* "GROUP\tSET": ns that an operation took in its last round */
	struct engine_result *result;
	struct pace pace;
	size_t done, total; /* sets of the whole run */
	uint64_t rounds;    /* at the most */
	uint64_t enough;    /* rounds that the precision is likely to need; 0: not known */
	const char *end;    /* why to stop, NULL while there is no reason */
};

/* Masks of CPUs are of so many bits, units_parse_cpus() included. */
#define MASK_CPUS 64

int engine_last_cpu(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return -1;
	for (int cpu = MASK_CPUS - 1; cpu >= 0; cpu--) {
		if (CPU_ISSET((unsigned int)cpu, &cpus))
			return cpu;
	}
	return -1;
}

int engine_check_env(const struct env_choice *env, struct tare_err *err)
{
	const struct machine_ops *machine;
	const struct box_ops *box;
	int r;

	if ((r = machine_find(env->machine, &machine, err)) < 0 ||
	    (r = box_find(env->box, &box, err)) < 0)
		return r;
	return err_wrap(err, machine_probe(machine, box, err), "environment '%s'", env->label);
}

static int check_envs(const struct campaign *campaign, struct tare_err *err)
{
	for (size_t g = 0; g < campaign->n_groups; g++) {
		const struct env_list *envs = &campaign->groups[g].envs;

		for (size_t i = 0; i < envs->n; i++) {
			int r = engine_check_env(&envs->items[i], err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* A limit that cannot be put on stops the run before it has begun. */
static int check_limits(const struct engine_config *config, struct tare_err *err)
{
	for (size_t g = 0; g < config->campaign->n_groups; g++) {
		const struct campaign_group *group = &config->campaign->groups[g];
		int r;

		if (!limits_any(&group->limits) || !campaign_group_on_host(group))
			continue;
		r = trial_try_limits(config->place, &group->limits, err);
		if (r < 0)
			return err_wrap(err, r, "group '%s'", group->name);
	}
	return 0;
}

/* Rounds that the precision will not need are not counted. */
static uint64_t left_ns(const struct engine *e)
{
	size_t total = e->total;

	if (e->enough && e->enough < e->rounds)
		total = (size_t)((double)total * (double)e->enough / (double)e->rounds);
	return pace_left_ns(&e->pace, total > e->done ? total - e->done : 0);
}

static void tell(const struct engine *e, const struct set *set, const char *said)
{
	const struct engine_progress p = {
		.group = set ? set->group->name : NULL,
		.load = set ? set->name : NULL,
		.round = set ? set->round : 0,
		.done = e->done,
		.total = e->total,
		.elapsed_ns = clock_now_ns() - e->pace.begun_ns,
		.left_ns = left_ns(e),
		.said = said,
	};

	if (e->config->progress)
		e->config->progress(&p, e->config->context);
}

static bool is_interrupted(const struct engine *e)
{
	return e->config->interrupted && *e->config->interrupted;
}

static void count_results(struct engine *e, const struct set *set, const json_t *records)
{
	json_t *record;
	size_t i;

	json_array_foreach(records, i, record)
	{
		const char *status = json_string_or(record, "status", "");
		const char *why = json_string_or(record, "why", "");

		e->result->trials++;
		e->result->failed += strcmp(status, "failed") == 0;
		e->result->unsupported += strcmp(status, "unsupported") == 0;
		e->result->voided += strcmp(status, "void") == 0;
		manifest_note_guest(e->manifest, json_object_get(record, "instance"));
		if (strcmp(status, "ok") != 0) {
			cleanup_json json_t *said = json_sprintf(
				"%s: %s: %s", status,
				json_string_or(json_object_get(record, "trial"), "env", "?"), why);

			tell(e, set, json_string_value(said));
		}
	}
}

/* Why the set is no good: what was wrong with the machine is in all of its records, what was wrong
 * with a guest's clock in that guest's. */
static const char *why_void(const json_t *records)
{
	json_t *record;
	size_t i;

	json_array_foreach(records, i, record)
	{
		const char *why = json_string_or(json_object_get(record, "validity"), "void", NULL);

		if (why)
			return why;
	}
	return NULL;
}

/* The rule of validity.h: marks the records, and says whether there is one more try. */
static bool is_void(json_t *records, int tries)
{
	const char *why = why_void(records);
	json_t *record;
	size_t i;

	if (!why || tries >= VOID_RETRIES)
		return false;
	json_array_foreach(records, i, record)
	{
		(void)json_object_set_new(record, "status", json_string("void"));
		(void)json_object_set_new(record, "why", json_string(why));
	}
	return true;
}

static int play_until_valid(struct engine *e, struct set *set, struct tare_err *err)
{
	for (int tries = 0;; tries++) {
		cleanup_json json_t *records = NULL;
		struct set fresh = *set;
		bool again;
		int r = set_play(&fresh, &records, err);

		if (r < 0)
			return r;
		set->weighed_ns = fresh.weighed_ns;
		again = is_void(records, tries);
		r = store_append(e->store, records, err);
		if (r < 0)
			return r;
		count_results(e, set, records);
		r = instances_close_broken(&e->instances, err);
		if (r < 0 || !again)
			return r < 0 ? r : precision_add(e->precision, records, err);
	}
}

/* Take back what a crash left of an incomplete set. */
static int supersede(struct engine *e, const struct set *set, struct tare_err *err)
{
	cleanup_json json_t *note =
		json_pack("[{s:b, s:s, s:I, s:s}]", "superseded", 1, "group", set->group->name,
			  "round", (json_int_t)set->round, "set", set->name);

	return note ? store_append(e->store, note, err) : err_set(err, ENOMEM, "out of memory");
}

static int do_set(struct engine *e, const struct campaign_group *group, uint64_t round,
		  const struct load_choice *load, struct tare_err *err)
{
	cleanup_free char *name = load_choice_text(load);
	cleanup_free char *weighed = text_format("%s\t%s", group->name, name ? name : "");
	struct set set = {
		.instances = &e->instances,
		.group = group,
		.load = load,
		.round = round,
		.name = name,
		.mode = campaign_mode(group, e->config->described, load->name),
		.turns = campaign_takes_turns(group, e->config->described, load->name),
	};
	uint64_t begun = clock_now_ns(), opened = e->instances.opening_ns;
	size_t there;
	int r;

	if (!name || !weighed)
		return err_set(err, ENOMEM, "out of memory");
	there = store_set_size(e->store, group->name, round, name);
	if (there >= set_size(&set)) {
		e->done++;
		return precision_is_whole(e->precision, group->name, round, name, err);
	}
	if (!pace_has_time(&e->pace, group, load)) {
		e->end = "time budget";
		return 0;
	}
	tell(e, &set, NULL);
	if (there > 0 && (r = supersede(e, &set, err)) < 0)
		return r;
	set.weighed_ns = json_double_or(e->weighed, weighed, 0);
	r = play_until_valid(e, &set, err);
	if (r == -EINTR) {
		e->end = is_interrupted(e) ? "interrupted" : "time budget";
		return 0;
	}
	if (r == 0 && json_put(e->weighed, weighed, json_number(set.weighed_ns)) < 0)
		r = err_set(err, ENOMEM, "out of memory");
	e->done++;
	pace_note_set(&e->pace, group, load, clock_now_ns() - begun,
		      e->instances.opening_ns - opened);
	return r;
}

static int play_group(struct engine *e, const struct campaign_group *group, uint64_t round,
		      struct tare_err *err)
{
	struct random random =
		random_for(e->config->campaign->seed, group->name, round, "", "order of loads");
	cleanup_free size_t *order = calloc(group->loads.n + 1, sizeof(*order));

	if (!order)
		return err_set(err, ENOMEM, "out of memory");
	random_permute(&random, order, group->loads.n);
	for (size_t i = 0; i < group->loads.n && !e->end; i++) {
		int r = do_set(e, group, round, &group->loads.items[order[i]], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Guests live for as many rounds as the campaign says; the host's side is made anew for each. */
static int end_round(struct engine *e, bool last_of_instance, struct tare_err *err)
{
	uint64_t begun = clock_now_ns();
	int r;

	if (!last_of_instance)
		return instances_close_hosts(&e->instances, err);
	r = instances_close_all(&e->instances, err);
	pace_note_close(&e->pace, clock_now_ns() - begun);
	e->instances.deadline_ns = e->pace.deadline_ns;
	return r;
}

static int play_round(struct engine *e, uint64_t round, bool last_of_instance, struct tare_err *err)
{
	const struct campaign *c = e->config->campaign;
	struct random random = random_for(c->seed, "", round, "", "order of groups");
	cleanup_free size_t *order = calloc(c->n_groups + 1, sizeof(*order));
	int r = 0, q;

	if (!order)
		return err_set(err, ENOMEM, "out of memory");
	random_permute(&random, order, c->n_groups);
	for (size_t i = 0; i < c->n_groups && !e->end && r == 0; i++) {
		const struct campaign_group *group = &c->groups[order[i]];

		if (round < group->rounds)
			r = play_group(e, group, round, err);
	}
	/* An interrupt may have reached guests too: how they ended is of no interest then. */
	q = end_round(e, last_of_instance || e->end || r < 0, e->end ? NULL : err);
	return r < 0 ? r : (e->end ? 0 : q);
}

/* Is it time to stop for the precision? */
static int ask_precision(struct engine *e, struct tare_err *err)
{
	struct precision_answer answer;
	int r = precision_ask(e->precision, e->config->campaign->precision_pct, &answer, err);

	if (r < 0)
		return r;
	e->enough = answer.rounds;
	if (answer.reached && !e->end)
		e->end = "precision";
	return 0;
}

static int play_rounds(struct engine *e, struct tare_err *err)
{
	const struct campaign *c = e->config->campaign;
	uint64_t rounds = 0, live = c->rounds_per_instance ? c->rounds_per_instance : 1;

	for (size_t g = 0; g < c->n_groups; g++) {
		if (c->groups[g].rounds > rounds)
			rounds = c->groups[g].rounds;
		e->total += (size_t)c->groups[g].rounds * c->groups[g].loads.n;
	}
	e->rounds = rounds;
	for (uint64_t round = 0; round < rounds && !e->end; round++) {
		bool last = (round + 1) % live == 0 || round + 1 == rounds;
		int r = play_round(e, round, last, err);

		if (r == 0 && last && c->precision_pct > 0 && round + 1 < rounds)
			r = ask_precision(e, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int resume(struct engine *e, struct tare_err *err)
{
	int r = store_open(e->config->run_dir, &e->store, err);

	if (r == 0)
		r = store_read_manifest(e->store, &e->manifest, err);
	if (r == 0)
		r = manifest_check(e->manifest, err);
	if (r == 0)
		r = precision_refill(e->precision, e->config->run_dir, err);
	return err_wrap(err, r, "resume '%s'", e->config->run_dir);
}

static int begin(struct engine *e, struct tare_err *err)
{
	int r = precision_new(e->config->campaign->baseline, &e->precision, err);

	if (r < 0)
		return r;
	if (e->config->resume) {
		r = resume(e, err);
	} else {
		r = store_create(e->config->run_dir, &e->store, err);
		if (r == 0)
			r = manifest_make(e->config, &e->manifest, err);
	}
	if (r == 0)
		r = manifest_begin_sitting(e->manifest, err);
	if (r < 0)
		return r;
	(void)json_array_extend(json_object_get(e->manifest, "settings_changed"), e->settings);
	return store_write_manifest(e->store, e->manifest, err);
}

static int finish(struct engine *e, struct tare_err *err)
{
	int r;

	if (!e->end)
		e->end = "complete";
	e->result->end = e->end;
	manifest_note_ended(e->manifest, e->instances.ended);
	r = manifest_end_sitting(
		e->manifest, e->end, store_count(e->store),
		spent_to_json(&e->instances.spent, clock_now_ns() - e->pace.begun_ns), err);
	if (r == 0)
		r = store_write_manifest(e->store, e->manifest, err);
	tell(e, NULL, NULL);
	return r;
}

int engine_run(const struct engine_config *config, struct engine_result *ret, struct tare_err *err)
{
	struct engine e = {.config = config, .result = ret};
	cleanup_json json_t *settings = json_array();
	uint64_t begun_ns = clock_now_ns();
	int r = check_envs(config->campaign, err);

	if (r == 0)
		r = check_limits(config, err);
	if (r == 0 && config->hold_still)
		r = settings_hold_still(config->journal, settings, err);
	if (r < 0)
		return r;
	e.settings = settings;
	*ret = (struct engine_result){0};
	e.instances = (struct instances){
		.config = config,
		.players_cpu = config->players_cpu < 0 ? engine_last_cpu() : config->players_cpu,
	};
	if (sched_getaffinity(0, sizeof(e.instances.cpus), &e.instances.cpus) < 0)
		return err_errno(err, "sched_getaffinity");
	if (e.instances.players_cpu < 0)
		return err_set(
			err, ENOTSUP,
			"players run on one of the CPUs 0 to 63, and we may use none of them: "
			"allow one by taskset(1)");
	r = pace_begin(config->campaign, begun_ns, &e.pace, err);
	if (r < 0)
		return r;
	e.instances.deadline_ns = e.pace.deadline_ns;
	e.weighed = json_object();
	r = e.weighed ? begin(&e, err) : err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = play_rounds(&e, err);
	(void)instances_close_all(&e.instances, NULL);
	if (r == 0)
		r = finish(&e, err);
	precision_free(e.precision);
	pace_end(&e.pace);
	json_decref(e.instances.ended);
	json_decref(e.weighed);
	json_decref(e.manifest);
	store_close(e.store);
	return r;
}

int engine_load_campaign(const char *run_dir, const json_t *described, struct campaign *ret,
			 struct tare_err *err)
{
	struct store *store = NULL;
	cleanup_json json_t *manifest = NULL;
	json_t *campaign, *envs;
	int r = store_open(run_dir, &store, err);

	if (r == 0)
		r = store_read_manifest(store, &manifest, err);
	if (r == 0)
		r = manifest_check(manifest, err);
	if (r == 0)
		r = json_read_object(manifest, "campaign", &campaign, err);
	if (r == 0)
		r = json_read_array(manifest, "envs", &envs, err);
	if (r == 0)
		r = campaign_from_json(campaign, envs, described, ret, err);
	if (r == 0) {
		ret->seed = json_u64_or(manifest, "seed", 0);
		ret->has_seed = true;
	}
	store_close(store);
	return err_wrap(err, r, "run '%s'", run_dir);
}
