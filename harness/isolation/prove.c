/* SPDX-License-Identifier: MIT */
#include "isolation/prove.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "isolation/inside.h"
#include "isolation/judge.h"
#include "isolation/protection.h"
#include "trial/trial.h"

#define IN_A_GUEST "vm,boot=restore"

struct prover {
	const struct isolation *i;
	enum protection_where where;
	json_t *proofs;
};

static const char *place_of(const struct prover *prover)
{
	return prover->where == SHOWN_IN_GUEST ? "guest" : "host";
}

static const char *environment_of(const struct protection *p)
{
	return p->off ? p->off : "no box";
}

static void put(const struct prover *prover, const struct protection *p, const char *verdict,
		const char *evidence)
{
	bool shown = strcmp(verdict, "succeeded") == 0 || strcmp(verdict, "shared") == 0 ||
		     (strcmp(verdict, "partly") == 0 && p->claim == CLAIM_PRIVATE);

	(void)json_array_append_new(
		prover->proofs, json_pack("{ss ss ss ss ss sb}", "name", p->probe, "environment",
					  environment_of(p), "where", place_of(prover), "verdict",
					  verdict, "evidence", evidence, "shown", shown));
}

static int try_inside(const struct prover *prover, struct inside *inside,
		      const struct protection *p, const json_t *names, json_t **ret,
		      struct tare_err *err)
{
	struct env_list list = {0};
	uid_t uid;
	int r = args_parse_envs(p->off, &list, err);

	if (r == 0 &&
	    !judge_may_attempt(prover->i, &list.items[0], inside_is_guest(inside), p->probe))
		r = err_set(err, EPERM, "it may only be shown in a guest");
	if (r == 0)
		r = inside_run(inside, &list.items[0], &prover->i->bait, names, ret, &uid, err);
	env_list_free(&list);
	return r;
}

/* inside NULL: without any box, by a plain child of ours. */
static void show(const struct prover *prover, struct inside *inside, const struct protection *p)
{
	cleanup_json json_t *names = json_pack("[s]", p->probe), *answers = NULL;
	const struct isolation *i = prover->i;
	struct tare_err why = {0};
	const json_t *answer;
	int r = inside ? try_inside(prover, inside, p, names, &answers, &why)
		       : inside_nothing(i->plan->site.place->box.load_path, &i->bait, names,
					"stage-cwd=1", &answers, &why);

	answer = json_object_get(answers, p->probe);
	if (r < 0)
		put(prover, p, "unavailable", why.msg);
	else
		put(prover, p, judge_verdict(i, p->probe, answer),
		    json_string_or(answer, "evidence", "no answer"));
}

static bool is_meant(const struct prover *prover, const struct protection *p)
{
	json_t *one;
	size_t n;

	json_array_foreach(prover->i->asked, n, one)
	{
		if (strcmp(json_string_value(one), p->probe) == 0)
			return p->where == prover->where;
	}
	return false;
}

/* env NULL: without any box. */
static int show_all(const struct isolation *i, enum protection_where where, const char *env,
		    json_t *proofs, struct tare_err *err)
{
	const struct prover prover = {i, where, proofs};
	const struct protection *p = protections;
	struct inside *inside = NULL;
	struct env_list list = {0};
	struct tare_err why = {0};
	int r = 0;

	while (p->probe && !is_meant(&prover, p))
		p++;
	if (!p->probe)
		return 0;
	if (env) {
		r = args_parse_envs(env, &list, &why);
		r = r < 0 ? r : inside_open(i->plan, &list.items[0], &inside, &why);
	}
	for (; p->probe; p++) {
		if (!is_meant(&prover, p))
			continue;
		if (r < 0)
			put(&prover, p, "unavailable", why.msg);
		else
			show(&prover, inside, p);
	}
	env_list_free(&list);
	return inside ? inside_close(inside, err) : 0;
}

int prove(const struct isolation *i, json_t *proofs, struct tare_err *err)
{
	int r = 0;

	if (i->plan->prove)
		r = show_all(i, SHOWN_WITHOUT_BOX, NULL, proofs, err);
	if (r == 0 && i->plan->prove)
		r = show_all(i, SHOWN_ON_HOST, "native", proofs, err);
	if (r == 0 && i->plan->prove_in_guest)
		r = show_all(i, SHOWN_IN_GUEST, IN_A_GUEST, proofs, err);
	return r;
}
