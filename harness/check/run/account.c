/* SPDX-License-Identifier: MIT */
#include "check/run/account.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "check/run/run_internal.h"

#define NAMES_MAX   64
/* The longest, cpu-quota, takes two minutes at full scale; emulation adds to its starts. */
#define PATIENCE_NS (1200 * NS_PER_S)

int check_find(const char *name, const struct check_ops **ret, struct tare_err *err)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; check_ops_table[i]; i++) {
		if (strcmp(check_ops_table[i]->name, name) == 0) {
			*ret = check_ops_table[i];
			return 0;
		}
		if (i < NAMES_MAX)
			names[i] = check_ops_table[i]->name;
	}
	return err_set(err, ENOENT, "no check '%.40s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

static const char *const halves[] = {
	[CHECK_BOTH] = "both", [CHECK_LIMITED] = "limited", [CHECK_CONTROL] = "control"};

static int read_half(const char *text, enum check_half *ret, struct tare_err *err)
{
	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
		if (strcmp(text, halves[i]) != 0)
			continue;
		*ret = (enum check_half)i;
		return 0;
	}
	return err_set(err, EBADMSG, "a check has no half '%.20s'", text);
}

json_t *check_request_to_json(const struct check_request *request)
{
	/* json_pack takes no const object; it only takes a reference. */
	json_t *options = (json_t *)(uintptr_t)request->options; /* NOLINT */

	return json_pack("{s:s, s:s, s:O, s:o, s:b, s:s}", "check", request->check, "box",
			 request->box, "options", options, "scale", json_number(request->scale),
			 "on_device", request->on_device, "half", halves[request->half]);
}

int check_request_from_json(const json_t *object, struct check_request *ret, struct tare_err *err)
{
	json_t *options;
	int r;

	if ((r = json_read_string(object, "check", &ret->check, err)) < 0 ||
	    (r = json_read_string(object, "box", &ret->box, err)) < 0 ||
	    (r = json_read_object(object, "options", &options, err)) < 0 ||
	    (r = json_read_double(object, "scale", &ret->scale, err)) < 0)
		return r;
	r = read_half(json_string_or(object, "half", halves[CHECK_BOTH]), &ret->half, err);
	if (r < 0)
		return r;
	ret->on_device = json_bool_or(object, "on_device", false);
	ret->options = options;
	if (!(ret->scale > 0) || ret->scale > 1)
		return err_set(err, EBADMSG, "a scale is above 0 and at most 1");
	return 0;
}

uint64_t check_patience_ns(double scale)
{
	(void)scale;
	return PATIENCE_NS;
}

static json_t *figure_to_json(struct check_figure *figure)
{
	json_t *object =
		json_pack("{s:o, s:o, s:o, s:o, s:s}", "value", json_number(figure->value), "low",
			  json_number(figure->low), "high", json_number(figure->high), "n",
			  json_u64(figure->n), "disturbed", figure->disturbed);

	if (figure->details)
		(void)json_object_set_new(object, "details", figure->details);
	figure->details = NULL;
	return object;
}

static int measure(struct check_run *run, const struct check_ops *ops, bool limited, json_t **ret,
		   struct tare_err *err)
{
	struct check_figure figure = {0};
	int r = ops->measure(run, limited, &figure, err);
	int q = check_run_clear(run, err);

	if (r < 0 || q < 0) {
		json_decref(figure.details);
		return r < 0 ? r : q;
	}
	if (figure.low == 0 && figure.high == 0)
		figure.low = figure.high = figure.value;
	*ret = figure_to_json(&figure);
	return 0;
}

/* The flags that it is about, of those that this tare has. */
static int has_limits(const struct check_ops *ops, struct tare_err *err)
{
	cleanup_free char *copy = strdup(ops->limits);
	char *save = NULL;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	for (char *flag = strtok_r(copy, " ", &save); flag; flag = strtok_r(NULL, " ", &save)) {
		const struct limit_option *option = limit_options;

		while (option->flag && strcmp(option->flag, flag) != 0)
			option++;
		if (!option->flag)
			return err_set(err, ENOTSUP, "tare has no limit --%s", flag);
	}
	return 0;
}

static int carry_out(struct check_run *run, const struct check_ops *ops, enum check_half half,
		     json_t **ret, struct tare_err *err)
{
	json_t *limited = NULL, *control = NULL;
	int r = has_limits(ops, err);

	if (r == 0 && ops->probe)
		r = ops->probe(run, err);

	if (r == 0 && half != CHECK_CONTROL)
		r = measure(run, ops, true, &limited, err);
	if (r == 0 && half != CHECK_LIMITED)
		r = measure(run, ops, false, &control, err);
	if (r == 0)
		*ret = json_pack("{s:O*, s:O*}", "limited", limited, "control", control);
	json_decref(limited);
	json_decref(control);
	return r;
}

static int carry_out_in(struct check_run *run, const struct check_ops *ops, enum check_half half,
			json_t **ret, struct tare_err *err)
{
	struct tare_err why = {0};
	int r = carry_out(run, ops, half, ret, &why);

	if (r == -ENOTSUP) {
		*ret = json_pack("{s:s}", "unsupported", why.msg);
		return 0;
	}
	return r < 0 ? err_set(err, -r, "%s", why.msg) : 0;
}

int check_carry_out(const struct trial_place *place, const struct check_request *request,
		    json_t **ret, struct tare_err *err)
{
	const struct check_ops *ops;
	struct check_run run;
	int r = check_find(request->check, &ops, err);

	if (r == 0)
		r = check_run_open(place, request->box, request->options, request->scale, &run,
				   err);
	if (r < 0)
		return r;
	run.on_device = request->on_device;
	return carry_out_in(&run, ops, request->half, ret, err);
}

int check_carry_out_on(const struct check_stage *stage, const struct trial_place *place,
		       const struct check_request *request, json_t **ret, struct tare_err *err)
{
	const struct check_ops *ops;
	struct check_run run;
	int r = check_find(request->check, &ops, err);

	if (r == 0)
		r = check_run_open(place, "bare", NULL, request->scale, &run, err);
	if (r < 0)
		return r;
	run.stage = stage;
	return carry_out_in(&run, ops, CHECK_BOTH, ret, err);
}

enum holding { HOLDS, DOES_NOT, STRADDLES };

static enum holding holding_of(const struct check_ops *ops, const json_t *figure)
{
	double low = json_double_or(figure, "low", NAN), high = json_double_or(figure, "high", NAN);

	if (low >= ops->low && high <= ops->high)
		return HOLDS;
	return high < ops->low || low > ops->high ? DOES_NOT : STRADDLES;
}

/* pass: it holds with the limit, and the control shows that it could have been otherwise, and not
 * for another reason than the limit's absence. */
static const char *verdict_of(const struct check_ops *ops, const json_t *limited,
			      const json_t *control, const char **ret_why)
{
	enum holding with = holding_of(ops, limited), without = holding_of(ops, control);
	const char *disturbed = json_string_or(limited, "disturbed", "");
	const char *control_disturbed = json_string_or(control, "disturbed", "");

	*ret_why = "";
	if (with == DOES_NOT && disturbed[0]) {
		*ret_why = disturbed;
		return "inconclusive";
	}
	if (with == DOES_NOT) {
		*ret_why = "the claim does not hold with the limit";
		return "fail";
	}
	if (with == STRADDLES) {
		*ret_why = disturbed[0] ? disturbed
					: "the interval lies across the edge of the tolerance";
		return "inconclusive";
	}
	if (control_disturbed[0])
		*ret_why = control_disturbed;
	else if (without == HOLDS)
		*ret_why = "the claim holds without the limit too, so that nothing is shown";
	else if (without == STRADDLES)
		*ret_why = "the control lies across the edge of the tolerance";
	else
		return "pass";
	return "inconclusive";
}

/* Only what a figure may hold, and only numbers where there have to be numbers: a guest may have
 * written it. */
static json_t *take_figure(const json_t *figure)
{
	json_t *taken = json_object();
	json_t *details = json_object_get(figure, "details");

	for (const char *const *key = (const char *const[]){"value", "low", "high", NULL}; *key;
	     key++)
		(void)json_object_set_new(taken, *key,
					  json_number(json_double_or(figure, *key, NAN)));
	(void)json_object_set_new(taken, "n", json_u64(json_u64_or(figure, "n", 0)));
	(void)json_object_set_new(taken, "disturbed",
				  json_string(json_string_or(figure, "disturbed", "")));
	if (json_is_object(details))
		(void)json_object_set(taken, "details", details);
	return taken;
}

json_t *check_judge(const struct check_ops *ops, const json_t *account, const char *failure)
{
	const json_t *limited = json_object_get(account, "limited");
	const json_t *control = json_object_get(account, "control");
	const char *why = json_string_or(account, "unsupported", NULL);
	const char *verdict = "unsupported";
	json_t *result =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "check", ops->name, "claim", ops->claim,
			  "limits", ops->limits, "unit", ops->unit, "tolerance", ops->tolerance);

	if (!account) {
		verdict = "error";
		why = failure;
	} else if (!why && (!json_is_object(limited) || !json_is_object(control))) {
		verdict = "error";
		why = "its account makes no sense";
	} else if (!why) {
		verdict = verdict_of(ops, limited, control, &why);
		(void)json_object_set_new(result, "figure", take_figure(limited));
		(void)json_object_set_new(result, "control", take_figure(control));
	}
	(void)json_object_set_new(result, "low", json_number(ops->low));
	(void)json_object_set_new(result, "high", json_number(ops->high));
	(void)json_object_set_new(result, "verdict", json_string(verdict));
	(void)json_object_set_new(result, "why", json_string(why));
	return result;
}
