/* SPDX-License-Identifier: MIT */
#pragma once
/* isolation: what can be seen and done from inside of environments, against what is outside. */

#include <jansson.h>
#include <stdbool.h>

#include "engine/args.h"
#include "engine/site.h"

struct tare_err;
struct doc;

struct isolation_plan {
	const struct env_list *envs;
	char *const *probes; /* NULL-ended; empty: all */
	bool prove;          /* also show each where its protection is switched off */
	bool prove_in_guest; /* likewise those which change a machine, in a guest */
	struct site site;
	void (*say)(const char *what); /* progress; may be NULL */
};

/* *ret: schema tare.isolation/1. An environment that cannot be had or fails, and a proof that
 * cannot be tried, are in it, with the reason. -EINVAL: no such probe. */
int isolation_run(const struct isolation_plan *plan, json_t **ret, struct tare_err *err);

/* The name and kind of probes: {NAME: {"kind", "summary", "changes_machine"}}. */
int isolation_list(const char *load_path, json_t **ret, struct tare_err *err);

/* True: a box that isolates leaks what it claims to keep, an environment failed that can be had, or
 * a proof did not work. */
bool isolation_leaks(const json_t *result);
/* True: at least one environment could be looked at from inside. */
bool isolation_looked(const json_t *result);

/* The tables, as text on stdout. */
void isolation_print(const json_t *result, bool color);
/* The verdicts as tables of a report, a column an environment. */
int isolation_table(const json_t *result, struct doc *doc, struct tare_err *err);
/* The result as ISOLATION_FILE in a folder, and its tables beside it: index.html and report.md,
 * as bits of enum report_format. */
#define ISOLATION_FILE "isolation.json"
int isolation_report(const json_t *result, const char *dir, unsigned int formats,
		     struct tare_err *err);
bool isolation_is_in(const char *dir);
/* Make the tables again from the folder's ISOLATION_FILE, which stays as it is. */
int isolation_report_again(const char *dir, unsigned int formats, struct tare_err *err);
