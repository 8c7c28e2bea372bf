/* SPDX-License-Identifier: MIT */
#include "cli/bench/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"

static bool is_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return false;
	return *text && strlen(text) < sizeof(((struct bench_parameter *)NULL)->name);
}

static int split_values(struct bench_parameter *parameter, const char *values, struct tare_err *err)
{
	char *copy = strdup(values), *at = copy;
	size_t room = 1;

	for (const char *c = values; *c; c++)
		room += *c == ',';
	parameter->values = calloc(room, sizeof(*parameter->values));
	if (!copy || !parameter->values) {
		free(copy);
		free(parameter->values);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (char *next; at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		parameter->values[parameter->n++] = at;
	}
	return 0;
}

int bench_add_parameter(struct bench_plan *plan, const char *name, const char *values,
			struct tare_err *err)
{
	struct bench_parameter parameter = {0};
	int r;

	if (!is_name(name))
		return err_set(
			err, EINVAL,
			"-L: '%.60s' is no name of a parameter: letters, digits, '_' and '-'",
			name);
	if (!*values)
		return err_set(err, EINVAL, "-L: parameter '%s' has no value: -L %s v1,v2", name,
			       name);
	for (size_t i = 0; i < plan->n_parameters; i++)
		if (strcmp(plan->parameters[i].name, name) == 0)
			return err_set(err, EINVAL, "-L: parameter '%s' is given twice", name);
	if (plan->n_parameters == BENCH_PARAMETERS_MAX)
		return err_set(err, EINVAL, "-L: at most %d parameters", BENCH_PARAMETERS_MAX);
	(void)snprintf(parameter.name, sizeof(parameter.name), "%s", name);
	r = split_values(&parameter, values, err);
	if (r == 0)
		plan->parameters[plan->n_parameters++] = parameter;
	return r;
}

void bench_clear_parameters(struct bench_plan *plan)
{
	for (size_t i = 0; i < plan->n_parameters; i++) {
		free(plan->parameters[i].values[0]);
		free(plan->parameters[i].values);
	}
	plan->n_parameters = 0;
}

size_t bench_points(const struct bench_plan *plan)
{
	size_t n = 1;

	for (size_t i = 0; i < plan->n_parameters; i++) {
		if (n > BENCH_CELLS_MAX)
			return n;
		n *= plan->parameters[i].n;
	}
	return n;
}

/* The last parameter changes fastest, as in nested loops. */
const char *bench_value(const struct bench_plan *plan, size_t point, size_t parameter)
{
	for (size_t i = plan->n_parameters; i-- > parameter + 1;)
		point /= plan->parameters[i].n;
	return plan->parameters[parameter].values[point % plan->parameters[parameter].n];
}

json_t *bench_point_json(const struct bench_plan *plan, size_t point)
{
	json_t *object = json_object();

	for (size_t i = 0; i < plan->n_parameters; i++)
		(void)json_put(object, plan->parameters[i].name,
			       json_string(bench_value(plan, point, i)));
	return object;
}

char *bench_point_name(const struct bench_plan *plan, size_t point, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < plan->n_parameters && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s=%s", i ? " " : "",
					 plan->parameters[i].name, bench_value(plan, point, i));
	return buf;
}

/* The value that a text which begins with '{' stands for, and how long it is; NULL: none. */
static const char *placeholder(const struct bench_plan *plan, size_t point, const char *text,
			       size_t *ret_length)
{
	for (size_t i = 0; i < plan->n_parameters; i++) {
		const char *name = plan->parameters[i].name;
		size_t n = strlen(name);

		if (strncmp(text + 1, name, n) == 0 && text[1 + n] == '}') {
			*ret_length = n + 2;
			return bench_value(plan, point, i);
		}
	}
	return NULL;
}

int bench_substitute(const struct bench_plan *plan, size_t point, const char *text, char **ret,
		     struct tare_err *err)
{
	cleanup_free char *out = malloc(BENCH_COMMAND_MAX);
	size_t used = 0, length;

	if (!out)
		return err_set(err, ENOMEM, "out of memory");
	while (*text) {
		const char *value = *text == '{' ? placeholder(plan, point, text, &length) : NULL;
		size_t n = value ? strlen(value) : 1;

		if (n >= BENCH_COMMAND_MAX - used)
			return err_set(err, E2BIG, "the command is longer than %u bytes",
				       BENCH_COMMAND_MAX);
		memcpy(out + used, value ? value : text, n);
		used += n;
		text += value ? length : 1;
	}
	out[used] = '\0';
	*ret = strdup(out);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int bench_words(const struct bench_plan *plan, size_t point, char ***ret, struct tare_err *err)
{
	size_t n = 0;
	char **words;

	while (plan->command[n])
		n++;
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		int r = bench_substitute(plan, point, plan->command[i], &words[i], err);

		if (r < 0) {
			bench_free_words(words);
			return r;
		}
	}
	*ret = words;
	return 0;
}

void bench_free_words(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

static bool uses(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = text; at && (at = strchr(at, '{')); at++)
		if (strncmp(at + 1, name, n) == 0 && at[1 + n] == '}')
			return true;
	return false;
}

static bool is_used(const struct bench_plan *plan, const char *name)
{
	for (char *const *word = plan->command; *word; word++)
		if (uses(*word, name))
			return true;
	return uses(plan->prepare, name) || uses(plan->cleanup, name);
}

int bench_check(const struct bench_plan *plan, struct tare_err *err)
{
	if (plan->envs->n == 0)
		return err_set(err, EINVAL,
			       "where? tare bench -e ENV -e ENV -- COMMAND... ('tare list envs')");
	if (!plan->command[0])
		return err_set(err, EINVAL, "which command? tare bench -e ENV -- COMMAND...");
	for (size_t i = 0; i < plan->n_parameters; i++)
		if (!is_used(plan, plan->parameters[i].name))
			return err_set(err, EINVAL, "-L: nothing uses parameter '%s': write {%s}",
				       plan->parameters[i].name, plan->parameters[i].name);
	if (bench_points(plan) * plan->envs->n > BENCH_CELLS_MAX)
		return err_set(err, EINVAL,
			       "more than %d pairs of an environment and parameters in a round",
			       BENCH_CELLS_MAX);
	return 0;
}
