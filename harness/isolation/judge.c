/* SPDX-License-Identifier: MIT */
#include "isolation/judge.h"

#include <string.h>

#include "base/json.h"
#include "box/box.h"
#include "isolation/answer.h"
#include "isolation/protection.h"

bool judge_is_attack(const struct isolation *i, const char *name)
{
	return strcmp(json_string_or(json_object_get(i->probes, name), "kind", ""), "attack") == 0;
}

static bool changes_machine(const struct isolation *i, const char *name)
{
	return json_bool_or(json_object_get(i->probes, name), "changes_machine", true);
}

bool judge_box_isolates(const struct env_choice *env)
{
	const struct box_ops *ops;

	return box_find(env->box, &ops, NULL) == 0 && ops->isolates;
}

bool judge_may_attempt(const struct isolation *i, const struct env_choice *env, bool guest,
		       const char *name)
{
	return guest || !changes_machine(i, name) ||
	       (judge_box_isolates(env) && protection_is_whole(env->options));
}

json_t *judge_choose(const struct isolation *i, const struct env_choice *env, bool guest)
{
	json_t *list = json_array(), *name;
	size_t n;

	json_array_foreach(i->asked, n, name)
	{
		if (judge_may_attempt(i, env, guest, json_string_value(name)))
			(void)json_array_append(list, name);
	}
	return list;
}

const char *judge_verdict(const struct isolation *i, const char *name, const json_t *answer)
{
	const char *verdict;

	if (!answer)
		return "unknown";
	if (judge_is_attack(i, name))
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
	bool claimed = attempted && judge_box_isolates(env) &&
		       !protection_is_off(p, env->options) && p->claim != CLAIM_NOTHING;
	const char *verdict = attempted ? judge_verdict(i, name, answer) : "not-applicable";
	const char *why = "its success would change this machine: only attempted inside of a box "
			  "that holds it back, and in guests";

	return json_pack("{ss ss ss ss sb sb}", "name", name, "kind",
			 judge_is_attack(i, name) ? "attack" : "name", "verdict", verdict,
			 "evidence",
			 attempted ? json_string_or(answer, "evidence", "no answer") : why,
			 "claimed", claimed, "leak", claimed && is_leak(p->claim, verdict));
}

json_t *judge_all(const struct isolation *i, const struct env_choice *env, bool guest,
		  const json_t *answers)
{
	json_t *results = json_array(), *name;
	size_t n;

	json_array_foreach(i->asked, n, name)
	{
		const char *text = json_string_value(name);

		(void)json_array_append_new(results,
					    judge(i, env, text, json_object_get(answers, text),
						  judge_may_attempt(i, env, guest, text)));
	}
	return results;
}
