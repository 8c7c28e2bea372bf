/* SPDX-License-Identifier: MIT */
#pragma once
/* findings: what the data of a lab say: figures with intervals, the answer to the question, and
 * whether the claim stands. */

#include <jansson.h>
#include <stddef.h>

struct tare_err;
struct lab_ops;
struct location;

enum lab_outcome { LAB_NOT_RESOLVED, LAB_CONFIRMED, LAB_REFUTED };
const char *lab_outcome_name(enum lab_outcome outcome);

struct lab_findings {
	json_t *figures;      /* [{"name", "what", "unit", "value", "low", "high", "n", "note"}] */
	size_t done, planned; /* measurements that count, of those that could be made here */
	enum lab_outcome outcome;
	char verdict[400]; /* a sentence */
	/* To the question: a choice's key or a number; "" and NaN where the data do not tell. */
	char key[4];
	double number;
};

int lab_findings_open(struct lab_findings *ret, struct tare_err *err);
void lab_findings_clear(struct lab_findings *findings);

/* One more figure. low, high NaN: there is no interval. note: what must be said with it, or "". */
struct lab_figure {
	const char *name, *what, *unit, *note;
	double value, low, high;
	size_t n;
};
void lab_add(struct lab_findings *findings, const struct lab_figure *figure);
/* A count of what was seen: its interval is itself. */
void lab_add_exact(struct lab_findings *findings, const char *name, const char *what, double value,
		   const char *note);
/* of: a location of logarithms where `logs`. */
void lab_add_location(struct lab_findings *findings, const struct lab_figure *named,
		      const struct location *of, int logs);
/* What a row of the run's summary has by this key, with its interval, in units of so many. */
void lab_add_row(struct lab_findings *findings, const struct lab_figure *named, const json_t *row,
		 const char *key, double per);
/* NULL: there is none of that name. */
const json_t *lab_figure_of(const struct lab_findings *findings, const char *name);

/* The whole interval of the figure within [low, high]: confirmed; all of it outside: refuted. */
enum lab_outcome lab_within(const json_t *figure, double low, double high);
/* Where [low, high) of exactly one class the whole interval lies: its place; -1: none. */
int lab_class_of(const json_t *figure, const double *bounds, size_t n_classes);

/* "1.04 (1.01 .. 1.07) times" */
char *lab_figure_text(const json_t *figure, char *buf, size_t size);

/* The prediction {"value", ...} against the findings: 1 right, 0 wrong, -1 the data do not tell. */
int lab_prediction_right(const struct lab_ops *lab, const json_t *prediction,
			 const struct lab_findings *findings);
/* A student's words as the value of a prediction; new. -EINVAL and a sentence. */
int lab_prediction_parse(const struct lab_ops *lab, const char *text, json_t **ret,
			 struct tare_err *err);
/* "b: 10 % to twice as much", "12 times"; "not told by the data" of an empty answer. */
char *lab_answer_text(const struct lab_ops *lab, const json_t *value, char *buf, size_t size);
/* The answer of the data as such a value; null: they do not tell. */
json_t *lab_answer_value(const struct lab_ops *lab, const struct lab_findings *findings);
