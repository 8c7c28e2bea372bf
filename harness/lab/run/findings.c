/* SPDX-License-Identifier: MIT */
#include "lab/run/findings.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "lab/lab.h"
#include "stats/location.h"

const char *lab_outcome_name(enum lab_outcome outcome)
{
	static const char *const names[] = {"not resolved", "confirmed", "refuted"};

	return names[outcome];
}

int lab_findings_open(struct lab_findings *ret, struct tare_err *err)
{
	*ret = (struct lab_findings){.figures = json_array(), .number = NAN};
	return ret->figures ? 0 : err_set(err, ENOMEM, "out of memory");
}

void lab_findings_clear(struct lab_findings *findings)
{
	json_decref(findings->figures);
	findings->figures = NULL;
}

void lab_add(struct lab_findings *findings, const struct lab_figure *f)
{
	(void)json_array_append_new(findings->figures,
				    json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:s}", "name",
					      f->name, "what", f->what, "unit", f->unit, "value",
					      json_number(f->value), "low", json_number(f->low),
					      "high", json_number(f->high), "n", (json_int_t)f->n,
					      "note", f->note ? f->note : ""));
}

void lab_add_exact(struct lab_findings *findings, const char *name, const char *what, double value,
		   const char *note)
{
	const struct lab_figure figure = {name, what, "", note, value, value, value, 1};

	lab_add(findings, &figure);
}

void lab_add_location(struct lab_findings *findings, const struct lab_figure *named,
		      const struct location *of, int logs)
{
	struct lab_figure figure = *named;

	figure.value = logs ? exp(of->estimate) : of->estimate;
	figure.low = logs ? exp(of->low) : of->low;
	figure.high = logs ? exp(of->high) : of->high;
	figure.n = of->n;
	lab_add(findings, &figure);
}

void lab_add_row(struct lab_findings *findings, const struct lab_figure *named, const json_t *row,
		 const char *key, double per)
{
	const json_t *ci = json_object_get(row, "ci");
	struct lab_figure figure = *named;

	figure.value = json_double_or(row, key, NAN) / per;
	figure.low = json_is_array(ci) ? json_number_value(json_array_get(ci, 0)) / per : NAN;
	figure.high = json_is_array(ci) ? json_number_value(json_array_get(ci, 1)) / per : NAN;
	figure.n = json_u64_or(row, "rounds", 0);
	lab_add(findings, &figure);
}

const json_t *lab_figure_of(const struct lab_findings *findings, const char *name)
{
	const json_t *figure;
	size_t i;

	json_array_foreach(findings->figures, i, figure)
	{
		if (strcmp(json_string_or(figure, "name", ""), name) == 0)
			return figure;
	}
	return NULL;
}

enum lab_outcome lab_within(const json_t *figure, double low, double high)
{
	double from = json_double_or(figure, "low", NAN), to = json_double_or(figure, "high", NAN);

	if (from >= low && to <= high)
		return LAB_CONFIRMED;
	return to < low || from > high ? LAB_REFUTED : LAB_NOT_RESOLVED;
}

int lab_class_of(const json_t *figure, const double *bounds, size_t n_classes)
{
	double from = json_double_or(figure, "low", NAN), to = json_double_or(figure, "high", NAN);

	for (size_t i = 0; i < n_classes; i++) {
		if (from >= bounds[i] && to < bounds[i + 1])
			return (int)i;
	}
	return -1;
}

/* Four digits, but no power of ten where there is a plain number. */
static const char *number_text(double x, char buf[32])
{
	(void)snprintf(buf, 32, fabs(x) >= 1e4 && fabs(x) < 1e15 ? "%.0f" : "%.4g", x);
	return buf;
}

char *lab_figure_text(const json_t *figure, char *buf, size_t size)
{
	double value = json_double_or(figure, "value", NAN);
	double low = json_double_or(figure, "low", NAN), high = json_double_or(figure, "high", NAN);
	const char *unit = json_string_or(figure, "unit", "");
	const char *blank = *unit ? " " : "";
	char of_value[32], of_low[32], of_high[32];

	(void)number_text(value, of_value);
	if (isnan(value))
		(void)snprintf(buf, size, "not measured");
	else if (low == value && high == value)
		(void)snprintf(buf, size, "%s%s%s", of_value, blank, unit);
	else if (isnan(low) || isnan(high))
		(void)snprintf(buf, size, "%s%s%s, without interval", of_value, blank, unit);
	else
		(void)snprintf(buf, size, "%s (%s .. %s)%s%s", of_value, number_text(low, of_low),
			       number_text(high, of_high), blank, unit);
	return buf;
}

int lab_prediction_right(const struct lab_ops *lab, const json_t *prediction,
			 const struct lab_findings *findings)
{
	const json_t *value = json_object_get(prediction, "value");
	double said = json_number_value(value);

	if (lab->choices) {
		if (!*findings->key)
			return -1;
		return json_is_string(value) &&
		       strcmp(json_string_value(value), findings->key) == 0;
	}
	if (isnan(findings->number))
		return -1;
	return said > 0 && fabs(log(said / findings->number)) <= log(lab->factor);
}

static const struct lab_choice *find_choice(const struct lab_ops *lab, const char *key)
{
	const struct lab_choice *choice = lab->choices;

	while (choice && choice->key && strcmp(choice->key, key) != 0)
		choice++;
	return choice && choice->key ? choice : NULL;
}

int lab_prediction_parse(const struct lab_ops *lab, const char *text, json_t **ret,
			 struct tare_err *err)
{
	char key[2] = {(char)tolower((unsigned char)text[0]), '\0'};
	const struct lab_choice *last = lab->choices;
	double number;
	int r;

	if (!lab->choices) {
		r = units_parse_number("the prediction", text, lab->least, lab->most, &number, err);
		if (r == 0)
			*ret = json_number(number);
		return r;
	}
	while (last[1].key)
		last++;
	if (strlen(text) != 1 || !find_choice(lab, key))
		return err_set(err, EINVAL, "the prediction '%.40s' is none of %s to %s", text,
			       lab->choices->key, last->key);
	*ret = json_string(key);
	return 0;
}

char *lab_answer_text(const struct lab_ops *lab, const json_t *value, char *buf, size_t size)
{
	const char *key = json_string_value(value);
	const struct lab_choice *choice = key ? find_choice(lab, key) : NULL;

	if (choice)
		(void)snprintf(buf, size, "%s: %s", choice->key, choice->text);
	else if (json_is_number(value) && !lab->choices)
		(void)snprintf(buf, size, "%.4g %s", json_number_value(value), lab->unit);
	else
		(void)snprintf(buf, size, "not told by the data");
	return buf;
}

json_t *lab_answer_value(const struct lab_ops *lab, const struct lab_findings *findings)
{
	if (lab->choices)
		return *findings->key ? json_string(findings->key) : json_null();
	return json_number(findings->number);
}
