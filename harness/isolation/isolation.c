/* SPDX-License-Identifier: MIT */
#include "isolation/isolation.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "box/box.h"
#include "isolation/inside.h"
#include "isolation/judge.h"
#include "isolation/protection.h"
#include "isolation/prove.h"
#include "machine/machine.h"

#define PROBES_MAX 128

static int parse_list(json_t *answers, json_t *list, struct tare_err *err)
{
	const char *name;
	json_t *one;

	json_object_foreach(answers, name, one)
	{
		const struct protection *p = protection_of(name);

		if (!p)
			return err_set(err, EBADMSG, "probe '%s' has no line in protection.c",
				       name);
		(void)json_put(list, name, json_incref(one));
	}
	return 0;
}

/* The list has another form than answers: a line a probe, with "summary" for "evidence". */
static int read_list(FILE *f, json_t *list, struct tare_err *err)
{
	char line[1024];

	while (fgets(line, sizeof(line), f)) {
		json_t *one = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		const char *name;

		if (json_read_string(one, "name", &name, err) < 0) {
			json_decref(one);
			return -EBADMSG;
		}
		(void)json_object_set_new(list, name, one);
	}
	return parse_list(list, list, err);
}

int isolation_list(const char *load_path, json_t **ret, struct tare_err *err)
{
	char *command = text_format("'%s' probe list", load_path);
	/* Our own program, beside us; its path is no one else's. */
	FILE *f = command ? popen(command, "re") : NULL; /* NOLINT(cert-env33-c) */
	json_t *list = json_object();
	int r = f ? read_list(f, list, err) : err_errno(err, "run '%s'", load_path);

	if (f && pclose(f) != 0 && r == 0)
		r = err_set(err, EIO, "'%s probe list' failed", load_path);
	free(command);
	if (r < 0)
		json_decref(list);
	else
		*ret = list;
	return r;
}

static int probe_env(const struct env_choice *env, struct tare_err *err)
{
	const struct machine_ops *machine;
	const struct box_ops *box;

	return machine_find(env->machine, &machine, err) < 0 || box_find(env->box, &box, err) < 0 ||
			       machine_probe(machine, box, err) < 0
		       ? -ENOTSUP
		       : 0;
}

/* Open the environment, and let it be looked about from inside. */
static int visit(const struct isolation *i, const struct env_choice *env, json_t *about,
		 struct tare_err *why, struct tare_err *err)
{
	cleanup_json json_t *answers = NULL, *names = NULL;
	struct tare_err left = {0};
	struct inside *inside;
	uid_t uid = (uid_t)-1;
	int r = inside_open(i->plan, env, &inside, why), q;
	bool guest;

	if (r < 0)
		return r;
	guest = inside_is_guest(inside);
	names = judge_choose(i, env, guest);
	if (json_array_size(names))
		r = inside_run(inside, env, &i->bait, names, &answers, &uid, why);
	/* What is left behind is no matter of one environment, unless that has failed already. */
	q = inside_close(inside, r < 0 ? &left : err);
	if (r < 0 && q < 0) {
		const struct tare_err first = *why;

		(void)snprintf(why->msg, sizeof(why->msg), "%.120s; and then %.120s", first.msg,
			       left.msg);
	}
	if (r < 0 || q < 0)
		return q < 0 ? q : r;
	(void)json_put(about, "user_outside", uid == (uid_t)-1 ? json_null() : json_u64(uid));
	(void)json_put(about, "results", judge_all(i, env, guest, answers));
	return 0;
}

/* The environment's column. That it cannot be had, or fails, ends nothing but that. */
static int look_inside(const struct isolation *i, const struct env_choice *env, json_t **ret,
		       struct tare_err *err)
{
	cleanup_json json_t *about = env_choice_to_json(env);
	struct tare_err why = {0};
	int r = probe_env(env, &why);

	(void)json_put(about, "isolates", json_boolean(judge_box_isolates(env)));
	(void)json_put(about, "user_outside", json_null());
	(void)json_put(about, "results", json_array());
	if (r == 0)
		r = visit(i, env, about, &why, err);
	if (r < 0 && !why.code)
		return r;
	(void)json_put(about, "status",
		       json_string(r == 0          ? "ok"
				   : r == -ENOTSUP ? "unavailable"
						   : "failed"));
	if (r < 0)
		(void)json_put(about, "why", json_string(why.msg));
	*ret = json_incref(about);
	return 0;
}

static int choose_probes(struct isolation *i, struct tare_err *err)
{
	const char *names[PROBES_MAX + 1], *name;
	char hint[TEXT_HINT_SIZE];
	json_t *one;
	size_t n = 0;

	json_object_foreach(i->probes, name, one)
	{
		if (n < PROBES_MAX)
			names[n++] = name;
	}
	names[n] = NULL;
	for (char *const *p = i->plan->probes; *p; p++) {
		if (!json_object_get(i->probes, *p))
			return err_set(err, EINVAL, "no probe '%.60s'%s", *p,
				       *text_hint(*p, names, hint, sizeof(hint))
					       ? hint
					       : ": 'tare list probes' shows those there are");
	}
	/* In the order of the table, whatever was asked. */
	for (const struct protection *p = protections; p->probe; p++) {
		bool is_wanted = !i->plan->probes[0];

		for (char *const *w = i->plan->probes; *w; w++)
			is_wanted = is_wanted || strcmp(*w, p->probe) == 0;
		if (is_wanted && json_object_get(i->probes, p->probe))
			(void)json_array_append_new(i->asked, json_string(p->probe));
	}
	return 0;
}

/* Names only: nothing is attacked where nothing protects. */
static int look_outside(struct isolation *i, struct tare_err *err)
{
	cleanup_json json_t *names = json_array();
	json_t *name;
	size_t n;

	json_array_foreach(i->asked, n, name)
	{
		if (!judge_is_attack(i, json_string_value(name)))
			(void)json_array_append(names, name);
	}
	if (!json_array_size(names))
		return 0;
	return inside_nothing(i->plan->site.place->box.load_path, &i->bait, names, NULL,
			      &i->outside, err);
}

static int run(struct isolation *i, json_t *result, struct tare_err *err)
{
	json_t *envs = json_array(), *proofs = json_array();
	int r = look_outside(i, err);

	(void)json_put(result, "schema", json_string("tare.isolation/1"));
	(void)json_put(result, "probes", json_incref(i->probes));
	(void)json_put(result, "environments", envs);
	(void)json_put(result, "proofs", proofs);
	for (size_t n = 0; r == 0 && n < i->plan->envs->n; n++) {
		const struct env_choice *env = &i->plan->envs->items[n];
		json_t *one = NULL;

		if (i->plan->say)
			i->plan->say(env->label);
		r = look_inside(i, env, &one, err);
		if (r == 0)
			(void)json_array_append_new(envs, one);
	}
	return r == 0 ? prove(i, proofs, err) : r;
}

int isolation_run(const struct isolation_plan *plan, json_t **ret, struct tare_err *err)
{
	struct isolation i = {.plan = plan, .asked = json_array()};
	json_t *result = json_object();
	int r = isolation_list(plan->site.place->box.load_path, &i.probes, err);

	if (r == 0)
		r = choose_probes(&i, err);
	if (r == 0)
		r = bait_lay(&i.bait, plan->site.journal, plan->site.cache_dir,
			     plan->site.place->box.load_path, err);
	if (r == 0) {
		r = run(&i, result, err);
		bait_take_up(&i.bait);
	}
	json_decref(i.probes);
	json_decref(i.asked);
	json_decref(i.outside);
	if (r < 0)
		json_decref(result);
	else
		*ret = result;
	return r;
}

static bool any(const json_t *list, const char *key, bool value)
{
	json_t *one;
	size_t n;

	json_array_foreach(list, n, one)
	{
		if (json_bool_or(one, key, !value) == value)
			return true;
	}
	return false;
}

bool isolation_leaks(const json_t *result)
{
	json_t *env, *proof;
	size_t n;

	json_array_foreach(json_object_get(result, "environments"), n, env)
	{
		if (strcmp(json_string_or(env, "status", ""), "failed") == 0 ||
		    any(json_object_get(env, "results"), "leak", true))
			return true;
	}
	json_array_foreach(json_object_get(result, "proofs"), n, proof)
	{
		if (!json_bool_or(proof, "shown", false) &&
		    strcmp(json_string_or(proof, "verdict", ""), "not-applicable") != 0)
			return true;
	}
	return false;
}

bool isolation_looked(const json_t *result)
{
	json_t *env;
	size_t n;

	json_array_foreach(json_object_get(result, "environments"), n, env)
	{
		if (strcmp(json_string_or(env, "status", ""), "ok") == 0)
			return true;
	}
	return false;
}
