/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "trial/trial.h"

static const char *const mode_names[] = {"batch", "latency", "solo", NULL};

const char *trial_mode_name(enum trial_mode mode)
{
	return mode_names[mode];
}

int trial_mode_parse(const char *text, enum trial_mode *ret, struct tare_err *err)
{
	char hint[TEXT_HINT_SIZE];

	for (int i = 0; mode_names[i]; i++) {
		if (strcmp(text, mode_names[i]) == 0) {
			*ret = (enum trial_mode)i;
			return 0;
		}
	}
	return err_set(err, ENOENT, "no mode '%.40s'%s (batch, latency or solo)", text,
		       text_hint(text, mode_names, hint, sizeof(hint)));
}

void trial_spec_clear(struct trial_spec *spec)
{
	json_decref(spec->machine_options);
	json_decref(spec->options);
	json_decref(spec->extras);
	json_decref(spec->params);
	json_decref(spec->collectors);
	*spec = (struct trial_spec){0};
}

json_t *trial_spec_to_json(const struct trial_spec *spec)
{
	char cpus[256];

	return json_pack(
		"{s:s, s:s, s:O?, s:s, s:O?, s:s, s:O?, s:s, s:o, s:o, s:O?, s:s, s:I, s:I, s:O*}",
		"env", spec->env, "machine", spec->machine, "machine_options",
		spec->machine_options, "box", spec->box, "options", spec->options, "load",
		spec->load, "params", spec->params, "mode", trial_mode_name(spec->mode), "limits",
		limits_to_json(&spec->limits), "safety", limits_to_json(&spec->safety),
		"collectors", spec->collectors, "cpus",
		units_print_cpus(spec->cpus, cpus, sizeof(cpus)), "env_padding",
		(json_int_t)spec->env_padding, "sample_ns", (json_int_t)spec->sample_ns, "extras",
		spec->extras);
}

static int read_name(const json_t *object, const char *key, char *ret, size_t size,
		     struct tare_err *err)
{
	const char *text;
	int r = json_read_string(object, key, &text, err);

	if (r < 0)
		return r;
	if (!text_is_name(text) || strlen(text) >= size)
		return err_set(err, EBADMSG, "'%s' is no name: '%.40s'", key, text);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

/* An object of texts, or an empty one where it is missing or null. */
static int read_texts(const json_t *object, const char *key, json_t **ret, struct tare_err *err)
{
	json_t *member = json_object_get(object, key);
	const char *name;
	json_t *value;

	if (!member || json_is_null(member)) {
		*ret = json_object();
		return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	if (!json_is_object(member))
		return err_set(err, EBADMSG, "'%s' is no object", key);
	json_object_foreach(member, name, value)
	{
		if (!json_is_string(value))
			return err_set(err, EBADMSG, "'%s.%.40s' is no text", key, name);
	}
	*ret = json_incref(member);
	return 0;
}

static int read_collectors(const json_t *object, json_t **ret, struct tare_err *err)
{
	json_t *member = json_object_get(object, "collectors");
	json_t *value;
	size_t i;

	if (!member || json_is_null(member)) {
		*ret = json_array();
		return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	if (!json_is_array(member))
		return err_set(err, EBADMSG, "'collectors' is no list");
	json_array_foreach(member, i, value)
	{
		if (!json_is_string(value))
			return err_set(err, EBADMSG,
				       "'collectors' holds something that is no text");
	}
	*ret = json_incref(member);
	return 0;
}

static int read_limits(const json_t *object, const char *key, struct limits *ret,
		       struct tare_err *err)
{
	json_t *member = json_object_get(object, key);

	if (!member || json_is_null(member))
		return 0;
	return err_wrap(err, limits_from_json(member, ret, err), "'%s'", key);
}

/* A label is what a user wrote after -e: any printable text of one line. */
static int read_label(const json_t *object, char *ret, size_t size, struct tare_err *err)
{
	const char *text;
	int r = json_read_string(object, "env", &text, err);

	if (r < 0)
		return r;
	for (const char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			return err_set(err, EBADMSG, "'env' is no label");
	}
	if (!*text || strlen(text) >= size)
		return err_set(err, EBADMSG, "'env' is no label: '%.40s'", text);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

/* What is in it, extras_read() finds out where it is used. */
static int read_extras(const json_t *object, json_t **ret, struct tare_err *err)
{
	json_t *member = json_object_get(object, "extras");

	if (member && !json_is_object(member))
		return err_set(err, EBADMSG, "'extras' is no object");
	*ret = json_incref(member);
	return 0;
}

static int spec_read(const json_t *object, struct trial_spec *spec, struct tare_err *err)
{
	const char *mode = json_string_or(object, "mode", "batch");
	const char *cpus = json_string_or(object, "cpus", "");
	int r;

	if ((r = read_label(object, spec->env, sizeof(spec->env), err)) < 0 ||
	    (r = read_name(object, "machine", spec->machine, sizeof(spec->machine), err)) < 0 ||
	    (r = read_name(object, "box", spec->box, sizeof(spec->box), err)) < 0 ||
	    (r = read_name(object, "load", spec->load, sizeof(spec->load), err)) < 0 ||
	    (r = trial_mode_parse(mode, &spec->mode, err)) < 0 ||
	    (r = read_texts(object, "machine_options", &spec->machine_options, err)) < 0 ||
	    (r = read_texts(object, "options", &spec->options, err)) < 0 ||
	    (r = read_texts(object, "params", &spec->params, err)) < 0 ||
	    (r = read_extras(object, &spec->extras, err)) < 0 ||
	    (r = read_collectors(object, &spec->collectors, err)) < 0 ||
	    (r = read_limits(object, "limits", &spec->limits, err)) < 0 ||
	    (r = read_limits(object, "safety", &spec->safety, err)) < 0)
		return r;
	spec->env_padding = json_u64_or(object, "env_padding", 0);
	spec->sample_ns = json_u64_or(object, "sample_ns", 0);
	return *cpus ? units_parse_cpus("cpus", cpus, &spec->cpus, err) : 0;
}

int trial_spec_from_json(const json_t *object, struct trial_spec *ret, struct tare_err *err)
{
	struct trial_spec spec = {0};
	int r = spec_read(object, &spec, err);

	if (r < 0) {
		trial_spec_clear(&spec);
		return err_wrap(err, r, "trial");
	}
	*ret = spec;
	return 0;
}
