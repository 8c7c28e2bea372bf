/* SPDX-License-Identifier: MIT */
#pragma once
/* plan: what `tare bench` is to do: a command with parameters, in environments, and how often.
 *
 * A point is one value for each parameter; a cell is a point in an environment. A round plays each
 * cell once, in random order. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/args.h"
#include "limit/limit.h"
#include "rounds/rounds.h"

struct tare_err;

#define BENCH_PARAMETERS_MAX 8
#define BENCH_CELLS_MAX      512
#define BENCH_COMMAND_MAX    (32U << 10) /* bytes of a command with its parameters put in */

struct bench_parameter {
	char name[32];
	char **values; /* into one piece of memory, values[0] */
	size_t n;
};

struct bench_plan {
	const struct env_list *envs;   /* the first is the baseline */
	char *const *command;          /* ended by NULL */
	const char *prepare, *cleanup; /* scripts for sh; NULL: none */
	struct bench_parameter parameters[BENCH_PARAMETERS_MAX];
	size_t n_parameters;
	struct limits limits;
	struct rounds_asked asked;
	bool ignore_failure, show_output, boot_once;
	const char *cwd;        /* inside; NULL: as `tare exec` */
	char *const *variables; /* given by the user */
	size_t n_variables;
};

/* Add a parameter: values is "v1,v2". -EINVAL: a name that is none or is there, no value. */
int bench_add_parameter(struct bench_plan *plan, const char *name, const char *values,
			struct tare_err *err);
void bench_clear_parameters(struct bench_plan *plan);

/* How many points there are: 1 without parameters. */
size_t bench_points(const struct bench_plan *plan);
/* The value of a parameter at a point. */
const char *bench_value(const struct bench_plan *plan, size_t point, size_t parameter);
/* {"NAME": "VALUE"} of a point. */
json_t *bench_point_json(const struct bench_plan *plan, size_t point);
/* "a=1 b=2"; "" without parameters. Gives back buf. */
char *bench_point_name(const struct bench_plan *plan, size_t point, char *buf, size_t size);

/* Text with {NAME} replaced by the point's value; other braces stay. New memory; -E2BIG. */
int bench_substitute(const struct bench_plan *plan, size_t point, const char *text, char **ret,
		     struct tare_err *err);
/* All words of the command. Freed by bench_free_words(). */
int bench_words(const struct bench_plan *plan, size_t point, char ***ret, struct tare_err *err);
void bench_free_words(char **words);

/* -EINVAL: nothing to run or nowhere to, too much of it, or a parameter that nothing uses. */
int bench_check(const struct bench_plan *plan, struct tare_err *err);
