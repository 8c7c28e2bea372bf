/* SPDX-License-Identifier: MIT */
#pragma once
/* show: a lab as a text to hand out, and a submission as a page. */

#include <jansson.h>
#include <stdio.h>

struct tare_err;
struct doc;
struct lab_ops;
struct lab_data;
struct lab_findings;

/* The sentence of the verdict: "confirmed: ...". */
void lab_say_verdict(struct lab_findings *findings, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The handout. */
void lab_handout(const struct lab_ops *lab, FILE *to);
json_t *lab_handout_json(const struct lab_ops *lab);
/* The question and what may be said to it, to the student. */
void lab_ask(const struct lab_ops *lab, FILE *to);

/* For struct lab_ops.show: the plot of the run's ratios; of its starts; of boxes
 * beside each other; the table of probes; the table of checks. */
int lab_show_ratios(const struct lab_data *data, struct doc *doc, struct tare_err *err);
int lab_show_starts(const struct lab_data *data, struct doc *doc, struct tare_err *err);
int lab_show_density(const struct lab_data *data, struct doc *doc, struct tare_err *err);
int lab_show_isolation(const struct lab_data *data, struct doc *doc, struct tare_err *err);
int lab_show_checks(const struct lab_data *data, struct doc *doc, struct tare_err *err);

/* index.html and report.md of a submission: its lab.json, and the data that it was made of. */
int lab_report(const struct lab_ops *lab, const json_t *submission, const struct lab_data *data,
	       struct tare_err *err);
