/* SPDX-License-Identifier: MIT */
#include "engine/set.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/random.h"
#include "engine/validity.h"

/* Bytes of environment variables differ by up to this from round to round: where the stack
 * begins is part of a program's layout (Mytkowicz et al., ASPLOS 2009). */
#define ENV_PADDING_MAX 4096

bool set_is_over_in(const struct set *set, uint64_t ns)
{
	uint64_t deadline = set->instances->deadline_ns;

	return (set->instances->config->interrupted && *set->instances->config->interrupted) ||
	       (deadline && clock_now_ns() + ns >= deadline);
}

bool set_interrupted(const struct set *set)
{
	return set_is_over_in(set, 0);
}

void seat_fail(struct seat *seat, int code, const char *why)
{
	if (seat->status[0])
		return;
	(void)snprintf(seat->status, sizeof(seat->status), "%s",
		       code == -ENOTSUP ? "unsupported" : "failed");
	(void)snprintf(seat->why, sizeof(seat->why), "%s", why);
	/* Errors of the channel: the machine will answer no more. */
	if (seat->instance && seat->instance->machine->ops->is_guest &&
	    (code == -EPIPE || code == -ETIMEDOUT || code == -EBADMSG))
		seat->instance->broken = true;
}

/* What the player is told; its record says what was asked of all. */
static json_t *params_with_delay(const struct seat *seat)
{
	json_t *params = json_copy(seat->spec.params);

	(void)json_put(params, "delay", json_sprintf("%.3fns", seat->delay_ns));
	return params;
}

int seat_start(struct set *set, struct seat *seat)
{
	cleanup_json json_t *params = NULL;
	const struct machine_ops *ops = NULL;
	struct limits on_machine;
	struct trial_spec spec = seat->spec; /* its JSON stays the seat's */
	struct tare_err why = {0};
	int r = machine_find(seat->env->machine, &ops, &why);

	if (r == 0) {
		machine_split_limits(ops, seat->env->machine_options, seat->env->box,
				     &seat->spec.limits, &on_machine, &spec.limits);
		seat->limited_outside = limits_any(&on_machine);
		r = instances_get(set->instances, seat->env, &on_machine, &seat->instance, &why);
	}
	seat->asked_ns = clock_now_ns();
	if (r == 0 && seat->instance->broken)
		r = err_set(&why, EPIPE, "its machine failed in another trial of this set");
	if (r == 0 && seat->delay_ns > 0) {
		spec.params = params = params_with_delay(seat);
		r = params ? 0 : err_set(&why, ENOMEM, "out of memory");
	}
	/* A guest has one CPU of its own, which is pinned where the others play. */
	if (r == 0 && !ops->is_guest)
		spec.cpus = 1ULL << set->instances->players_cpu;
	if (r == 0)
		r = ops->start(seat->instance->machine, &spec, &seat->player, &why);
	seat->ready_ns = clock_now_ns();
	set->instances->spent.set_up_ns += seat->ready_ns - seat->asked_ns;
	seat->started = r == 0;
	seat->ended = r < 0;
	if (r < 0)
		seat_fail(seat, r, why.msg);
	return r;
}

void seat_finish(struct set *set, struct seat *seat)
{
	struct tare_err why = {0};
	struct machine *m;
	int r;

	if (!seat->started)
		return;
	m = seat->instance->machine;
	seat->started = false;
	seat->finish_ns = clock_now_ns();
	/* A failed or interrupted player has nothing to tell. */
	if (seat->status[0] || set_interrupted(set))
		r = seat->instance->broken ? 0 : m->ops->abort(m, seat->player, &why);
	else
		r = m->ops->finish(m, seat->player, &seat->read, &why);
	seat->gone_ns = clock_now_ns();
	set->instances->spent.set_up_ns += seat->gone_ns - seat->finish_ns;
	if (r < 0)
		seat_fail(seat, r, why.msg);
	/* A guest whose clock has gone wrong is not asked for the time again. */
	if (json_object_get(json_object_get(seat->read, "validity"), "void"))
		seat->instance->broken = true;
}

static json_t *column(const uint64_t *values, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_u64(values[i]));
	return list;
}

static void put_slices(const struct seat *seat, json_t *record)
{
	json_t *load = json_object_get(record, "load");

	if (!load)
		return;
	(void)json_object_set_new(
		load, "slices",
		json_pack("{s:o, s:o, s:o, s:o}", "pass", column(seat->pass, seat->n_turns),
			  "position", column(seat->turn_position, seat->n_turns), "ops",
			  column(seat->ops, seat->n_turns), "ns", column(seat->ns, seat->n_turns)));
}

/* A load that exists to be killed for memory has done so when a memory limit was under test. */
static bool killed_as_meant(const struct set *set, const struct seat *seat, const json_t *record)
{
	const json_t *description =
		load_description(set->instances->config->described, set->load->name);
	const json_t *end = json_object_get(json_object_get(record, "load"), "exit");

	return json_bool_or(description, "may_be_oom_killed", false) &&
	       seat->spec.limits.memory_bytes && json_bool_or(end, "oom", false);
}

static void put_status(const struct set *set, const struct seat *seat, json_t *record)
{
	if (killed_as_meant(set, seat, record)) {
		(void)json_object_set_new(record, "status", json_string("ok"));
		(void)json_object_del(record, "why");
	}
	if (!seat->status[0])
		return;
	(void)json_object_set_new(record, "status", json_string(seat->status));
	(void)json_object_set_new(record, "why", json_string(seat->why));
}

/* Of a trial's own account only what it may tell is taken: a guest writes it, and must not be able
 * to supersede a set, or to speak for another environment. */
static json_t *take_account(const json_t *read)
{
	static const struct {
		const char *key;
		json_type type;
	} known[] = {
		{"status", JSON_STRING},     {"why", JSON_STRING},
		{"sha256", JSON_STRING},     {"load", JSON_OBJECT},
		{"limits", JSON_OBJECT},     {"span", JSON_OBJECT},
		{"collectors", JSON_OBJECT}, {"host_collectors", JSON_OBJECT},
		{"spans", JSON_OBJECT},      {"stolen", JSON_OBJECT},
	};
	static const char *const statuses[] = {"ok", "failed", "unsupported"};
	json_t *record = json_object();
	bool makes_sense = false;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		json_t *value = json_object_get(read, known[i].key);

		if (value && json_typeof(value) == known[i].type)
			(void)json_object_set(record, known[i].key, value);
	}
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		makes_sense |= strcmp(json_string_or(record, "status", ""), statuses[i]) == 0;
	if (read && !makes_sense) {
		(void)json_object_set_new(record, "status", json_string("failed"));
		(void)json_object_set_new(record, "why", json_string("its record makes no sense"));
	}
	return record;
}

static json_t *seat_record(const struct set *set, const struct seat *seat, const json_t *validity)
{
	json_t *record = take_account(seat->read);
	json_t *own = json_object_get(seat->read, "validity"); /* of a guest: its clock */
	json_t *all = json_deep_copy(validity), *fault = json_object_get(own, "void");

	if (own) {
		(void)json_object_set(all, "clock", json_object_get(own, "clock"));
		(void)json_array_extend(json_object_get(all, "disturbed"),
					json_object_get(own, "disturbed"));
		if (fault && !json_object_get(all, "void"))
			(void)json_object_set(all, "void", fault);
	}
	/* A limit on the guest as a whole is steal to it, as asked for. */
	if (own && !seat->limited_outside)
		validity_add_stolen(all, json_object_get(record, "stolen"));
	validity_add_losses(all, json_object_get(record, "collectors"));
	validity_add_losses(all, json_object_get(record, "host_collectors"));
	put_slices(seat, record);
	put_status(set, seat, record);
	(void)json_object_set_new(record, "group", json_string(set->group->name));
	(void)json_object_set_new(record, "round", json_u64(set->round));
	(void)json_object_set_new(record, "set", json_string(set->name));
	(void)json_object_set_new(record, "trial", trial_spec_to_json(&seat->spec));
	if (seat->env->twin_of[0]) {
		json_t *self_test = env_self_test_json(seat->env);

		(void)json_put(self_test, "delay_ns", json_real(seat->delay_ns));
		(void)json_put(record, "self_test", self_test);
	}
	(void)json_object_set_new(record, "position", json_u64(seat->position));
	if (limits_any(&seat->spec.limits))
		(void)json_object_set_new(record, "limit_at",
					  json_string(seat->limited_outside ? "machine" : "box"));
	(void)json_object_set_new(record, "validity", all);
	(void)json_object_set_new(
		record, "host_span",
		json_pack("{s:o, s:o, s:o, s:o}", "asked", json_u64(seat->asked_ns), "ready",
			  json_u64(seat->ready_ns), "finish", json_u64(seat->finish_ns), "gone",
			  json_u64(seat->gone_ns)));
	if (seat->instance)
		(void)json_object_set(record, "instance", seat->instance->described);
	return record;
}

/* The texts of `safety` of a load's description, as limits. */
static int read_safety(const json_t *description, struct limits *ret, struct tare_err *err)
{
	const char *flag;
	json_t *text;

	json_object_foreach(json_object_get(description, "safety"), flag, text)
	{
		int r = limits_set(ret, flag, json_string_value(text), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int seat_prepare(struct set *set, const struct env_choice *env, struct seat *seat,
			struct tare_err *err)
{
	const struct engine_config *config = set->instances->config;
	struct random random = random_for(config->campaign->seed, set->group->name, set->round,
					  set->name, env->label);
	struct trial_spec *spec = &seat->spec;

	seat->env = env;
	(void)snprintf(spec->env, sizeof(spec->env), "%s", env->label);
	(void)snprintf(spec->machine, sizeof(spec->machine), "%s", env->machine);
	(void)snprintf(spec->box, sizeof(spec->box), "%s", env->box);
	(void)snprintf(spec->load, sizeof(spec->load), "%s", set->load->name);
	spec->mode = set->mode;
	spec->machine_options = json_incref(env->machine_options);
	spec->options = json_incref(env->options);
	spec->params = json_incref(set->load->params);
	spec->collectors = json_incref(set->group->collectors);
	spec->limits = set->group->limits;
	spec->env_padding = random_below(&random, ENV_PADDING_MAX);
	spec->sample_ns = set->group->sample_ns;
	return read_safety(load_description(config->described, set->load->name), &spec->safety,
			   err);
}

static bool takes_part(const struct set *set, const struct env_choice *env)
{
	return !env->twin_of[0] || (set->turns && set->mode == TRIAL_BATCH);
}

size_t set_size(const struct set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->group->envs.n; i++)
		n += takes_part(set, &set->group->envs.items[i]);
	return n;
}

/* Seats in random order: who is started first is drawn as everything else. */
static int set_prepare(struct set *set, struct tare_err *err)
{
	const struct campaign *campaign = set->instances->config->campaign;
	struct random random = random_for(campaign->seed, set->group->name, set->round, set->name,
					  "order of starts");
	const struct env_list *envs = &set->group->envs;
	const struct env_choice *who[SET_ENVS_MAX];
	size_t order[SET_ENVS_MAX];

	if (set_size(set) > SET_ENVS_MAX)
		return err_set(err, E2BIG, "a group takes at most %d environments", SET_ENVS_MAX);
	for (size_t i = 0; i < envs->n; i++)
		if (takes_part(set, &envs->items[i]))
			who[set->n_seats++] = &envs->items[i];
	random_permute(&random, order, set->n_seats);
	for (size_t i = 0; i < set->n_seats; i++) {
		int r;

		set->seats[i].position = i;
		r = seat_prepare(set, who[order[i]], &set->seats[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void set_free(struct set *set)
{
	for (size_t i = 0; i < set->n_seats; i++) {
		struct seat *seat = &set->seats[i];

		trial_spec_clear(&seat->spec);
		free(seat->pass);
		free(seat->turn_position);
		free(seat->ops);
		free(seat->ns);
		json_decref(seat->read);
	}
}

/* While players take turns, we sit on the CPU that hands over best; restored afterwards. */
static void move_to(int cpu, cpu_set_t *ret_before)
{
	cpu_set_t one;

	CPU_ZERO(ret_before);
	if (cpu < 0 || sched_getaffinity(0, sizeof(*ret_before), ret_before) < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET((unsigned int)cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

static json_t *set_records(const struct set *set, const json_t *validity)
{
	json_t *records = json_array();

	for (size_t i = 0; i < set->n_seats; i++)
		(void)json_array_append_new(records, seat_record(set, &set->seats[i], validity));
	return records;
}

int set_play(struct set *set, json_t **ret, struct tare_err *err)
{
	const struct engine_config *config = set->instances->config;
	struct validity before;
	cpu_set_t cpus;
	int r = set_prepare(set, err);

	if (r < 0) {
		set_free(set);
		return r;
	}
	validity_begin(&before, set->instances->players_cpu);
	move_to(set->turns ? config->conductor_cpu : -1, &cpus);
	r = set->turns ? turns_play(set, err) : solo_play(set, err);
	if (CPU_COUNT(&cpus) > 0)
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	for (size_t i = 0; i < set->n_seats; i++)
		seat_finish(set, &set->seats[i]);
	if (r == 0 && set_interrupted(set))
		r = -EINTR;
	if (r == 0) {
		cleanup_json json_t *validity = validity_end(&before);

		*ret = set_records(set, validity);
	}
	set_free(set);
	return r;
}
