/* SPDX-License-Identifier: MIT */
#include "isolation/isolation.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "box/box.h"
#include "isolation/answer.h"
#include "isolation/bait.h"
#include "isolation/inside.h"
#include "isolation/protection.h"
#include "machine/machine.h"

#define PROBES_MAX 128
#define IN_A_GUEST "vm,boot=restore"

struct isolation {
	const struct isolation_plan *plan;
	struct bait bait;
	json_t *probes;  /* as isolation_list() */
	json_t *asked;   /* list of names */
	json_t *outside; /* what a plain child of ours sees */
};

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

static bool is_attack(const struct isolation *i, const char *name)
{
	return strcmp(json_string_or(json_object_get(i->probes, name), "kind", ""), "attack") == 0;
}

static bool changes_machine(const struct isolation *i, const char *name)
{
	return json_bool_or(json_object_get(i->probes, name), "changes_machine", true);
}

static bool box_isolates(const struct env_choice *env)
{
	const struct box_ops *ops;

	return box_find(env->box, &ops, NULL) == 0 && ops->isolates;
}

/* By construction: on the host, what would change the machine is only attempted inside of a box
 * that holds it back. */
static bool may_attempt(const struct isolation *i, const struct env_choice *env, bool guest,
			const char *name)
{
	return guest || !changes_machine(i, name) ||
	       (box_isolates(env) && protection_is_whole(env->options));
}

static json_t *choose(const struct isolation *i, const struct env_choice *env, bool guest)
{
	json_t *list = json_array(), *name;
	size_t n;

	json_array_foreach(i->asked, n, name)
	{
		if (may_attempt(i, env, guest, json_string_value(name)))
			(void)json_array_append(list, name);
	}
	return list;
}

static const char *verdict_of(const struct isolation *i, const char *name, const json_t *answer)
{
	const char *verdict;

	if (!answer)
		return "unknown";
	if (is_attack(i, name))
		return json_string_or(answer, "outcome", "unknown");
	verdict = answer_compare(answer, json_object_get(i->outside, name));
	return verdict ? verdict : "not-applicable";
}

static bool is_leak(enum protection_claim claim, const char *verdict)
{
	switch (claim) {
	case CLAIM_PRIVATE:
		return strcmp(verdict, "private") != 0 && strcmp(verdict, "not-applicable") != 0;
	case CLAIM_NOT_SHARED:
		return strcmp(verdict, "shared") == 0 || strcmp(verdict, "unknown") == 0;
	case CLAIM_CONTAINED:
		return strcmp(verdict, "contained") != 0 && strcmp(verdict, "not-applicable") != 0;
	case CLAIM_NOTHING:
		break;
	}
	return false;
}

static json_t *judge(const struct isolation *i, const struct env_choice *env, const char *name,
		     const json_t *answer, bool attempted)
{
	const struct protection *p = protection_of(name);
	bool claimed = attempted && box_isolates(env) && !protection_is_off(p, env->options) &&
		       p->claim != CLAIM_NOTHING;
	const char *verdict = attempted ? verdict_of(i, name, answer) : "not-applicable";
	const char *why = "its success would change this machine: only attempted inside of a box "
			  "that holds it back, and in guests";

	return json_pack("{ss ss ss ss sb sb}", "name", name, "kind",
			 is_attack(i, name) ? "attack" : "name", "verdict", verdict, "evidence",
			 attempted ? json_string_or(answer, "evidence", "no answer") : why,
			 "claimed", claimed, "leak", claimed && is_leak(p->claim, verdict));
}

static json_t *judge_all(const struct isolation *i, const struct env_choice *env, bool guest,
			 const json_t *answers)
{
	json_t *results = json_array(), *name;
	size_t n;

	json_array_foreach(i->asked, n, name)
	{
		const char *text = json_string_value(name);

		(void)json_array_append_new(results,
					    judge(i, env, text, json_object_get(answers, text),
						  may_attempt(i, env, guest, text)));
	}
	return results;
}

static int look_inside(const struct isolation *i, const struct env_choice *env, json_t **ret,
		       struct tare_err *err)
{
	cleanup_json json_t *answers = NULL, *names = NULL;
	struct inside *inside;
	uid_t uid = (uid_t)-1;
	bool guest;
	int r = inside_open(i->plan, env, &inside, err), q;

	if (r < 0)
		return r;
	guest = inside_is_guest(inside);
	names = choose(i, env, guest);
	if (json_array_size(names))
		r = inside_run(inside, env, &i->bait, names, &answers, &uid, err);
	q = inside_close(inside, err);
	if (r < 0 || q < 0)
		return r < 0 ? r : q;
	*ret = env_choice_to_json(env);
	(void)json_put(*ret, "isolates", json_boolean(box_isolates(env)));
	(void)json_put(*ret, "user_outside", uid == (uid_t)-1 ? json_null() : json_u64(uid));
	(void)json_put(*ret, "results", judge_all(i, env, guest, answers));
	return 0;
}

static json_t *proof(const struct isolation *i, const struct protection *p, const char *where,
		     const char *env, const json_t *answer)
{
	const char *verdict = verdict_of(i, p->probe, answer);
	bool shown = strcmp(verdict, "succeeded") == 0 || strcmp(verdict, "shared") == 0 ||
		     (strcmp(verdict, "partly") == 0 && p->claim == CLAIM_PRIVATE);

	return json_pack("{ss ss ss ss ss sb}", "name", p->probe, "environment", env, "where",
			 where, "verdict", verdict, "evidence",
			 json_string_or(answer, "evidence", "no answer"), "shown", shown);
}

/* Without any box: by a plain child of ours. */
static int prove_plainly(const struct isolation *i, const struct protection *p, json_t *proofs,
			 struct tare_err *err)
{
	cleanup_json json_t *names = json_pack("[s]", p->probe), *answers = NULL;
	int r = inside_nothing(i->plan->place->box.load_path, &i->bait, names, "stage-cwd=1",
			       &answers, err);

	if (r == 0)
		(void)json_array_append_new(
			proofs, proof(i, p, "host", "no box", json_object_get(answers, p->probe)));
	return r;
}

static int prove_inside(const struct isolation *i, struct inside *inside,
			const struct protection *p, json_t *proofs, struct tare_err *err)
{
	cleanup_json json_t *names = json_pack("[s]", p->probe), *answers = NULL;
	bool guest = inside_is_guest(inside);
	struct env_list list = {0};
	uid_t uid;
	int r = args_parse_envs(p->off, &list, err);

	if (r == 0 && !may_attempt(i, &list.items[0], guest, p->probe))
		r = err_set(err, EPERM, "probe '%s' may only be shown in a guest", p->probe);
	if (r == 0)
		r = inside_run(inside, &list.items[0], &i->bait, names, &answers, &uid, err);
	if (r == 0)
		(void)json_array_append_new(proofs, proof(i, p, guest ? "guest" : "host", p->off,
							  json_object_get(answers, p->probe)));
	env_list_free(&list);
	return r;
}

static bool is_asked(const struct isolation *i, const char *name)
{
	json_t *one;
	size_t n;

	json_array_foreach(i->asked, n, one)
	{
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	}
	return false;
}

static int prove_where(const struct isolation *i, enum protection_where where, const char *env,
		       json_t *proofs, struct tare_err *err)
{
	struct env_list list = {0};
	struct inside *inside = NULL;
	int r = args_parse_envs(env, &list, err), q = 0;

	if (r == 0)
		r = inside_open(i->plan, &list.items[0], &inside, err);
	for (const struct protection *p = protections; r == 0 && p->probe; p++)
		if (p->where == where && is_asked(i, p->probe))
			r = prove_inside(i, inside, p, proofs, err);
	if (inside)
		q = inside_close(inside, err);
	env_list_free(&list);
	return r < 0 ? r : q;
}

static int prove(const struct isolation *i, json_t *proofs, struct tare_err *err)
{
	int r = 0;

	for (const struct protection *p = protections; i->plan->prove && r == 0 && p->probe; p++)
		if (p->where == SHOWN_WITHOUT_BOX && is_asked(i, p->probe))
			r = prove_plainly(i, p, proofs, err);
	if (r == 0 && i->plan->prove)
		r = prove_where(i, SHOWN_ON_HOST, "native", proofs, err);
	if (r == 0 && i->plan->prove_in_guest)
		r = prove_where(i, SHOWN_IN_GUEST, IN_A_GUEST, proofs, err);
	return r;
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
			return err_set(err, ENOENT, "no probe '%.60s'%s", *p,
				       text_hint(*p, names, hint, sizeof(hint)));
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
		if (!is_attack(i, json_string_value(name)))
			(void)json_array_append(names, name);
	}
	if (!json_array_size(names))
		return 0;
	return inside_nothing(i->plan->place->box.load_path, &i->bait, names, NULL, &i->outside,
			      err);
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
	int r = isolation_list(plan->place->box.load_path, &i.probes, err);

	if (r == 0)
		r = choose_probes(&i, err);
	if (r == 0)
		r = bait_lay(&i.bait, plan->journal, plan->cache_dir, err);
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
		if (any(json_object_get(env, "results"), "leak", true))
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
