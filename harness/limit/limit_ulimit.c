/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "limit/limit_inner.h"

#define FLAG "--ulimit"

static struct ulimit *find(struct ulimits *ulimits, const struct ulimit_kind *kind)
{
	for (size_t i = 0; i < ulimits->n; i++)
		if (ulimits->items[i].kind == kind)
			return &ulimits->items[i];
	return NULL;
}

static void put(struct ulimits *ulimits, const struct ulimit *ulimit)
{
	struct ulimit *was = find(ulimits, ulimit->kind);

	if (!was)
		was = &ulimits->items[ulimits->n++];
	*was = *ulimit;
}

/* docker's numbers have no unit; where they are bytes they may have one. */
static int parse_value(const struct ulimit_kind *kind, const char *text, uint64_t *ret,
		       struct tare_err *err)
{
	char what[32];

	(void)snprintf(what, sizeof(what), FLAG " %s", kind->name);
	if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0) {
		*ret = ULIMIT_NONE;
		return 0;
	}
	if (kind->unit == ULIMIT_BYTES && text[0] && text[strspn(text, "0123456789")])
		return units_parse_size(what, text, ret, err);
	return units_parse_count(what, text, 0, INT64_MAX, ret, err);
}

static int no_such(const char *name, struct tare_err *err)
{
	const char *names[ULIMIT_KINDS + 1] = {NULL};
	char hint[TEXT_HINT_SIZE];

	for (size_t i = 0; i < ULIMIT_KINDS; i++)
		names[i] = ulimit_kinds[i].name;
	return err_set(err, EINVAL, FLAG ": there is no '%.40s'%s", name,
		       text_hint(name, names, hint, sizeof(hint)));
}

int limit_ulimit_parse(struct ulimits *ulimits, const char *text, struct tare_err *err)
{
	const char *equals = strchr(text, '='), *colon;
	char name[32], soft[32];
	struct ulimit u;
	int r;

	if (!equals || equals == text || !equals[1])
		return err_set(err, EINVAL,
			       FLAG ": '%.60s' is no NAME=SOFT[:HARD], such as nofile=1024:2048",
			       text);
	(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	u.kind = ulimit_find(name);
	if (!u.kind)
		return no_such(name, err);
	colon = strchr(equals, ':');
	(void)snprintf(soft, sizeof(soft), "%.*s",
		       colon ? (int)(colon - equals) - 1 : (int)strlen(equals + 1), equals + 1);
	r = parse_value(u.kind, soft, &u.soft, err);
	u.hard = u.soft;
	if (r == 0 && colon)
		r = parse_value(u.kind, colon + 1, &u.hard, err);
	if (r < 0)
		return r;
	if (u.soft > u.hard)
		return err_set(err, EINVAL, FLAG " %s: the soft limit is above the hard one",
			       u.kind->name);
	put(ulimits, &u);
	return 0;
}

static void print_value(uint64_t value, char *buf, size_t size)
{
	if (value == ULIMIT_NONE)
		(void)snprintf(buf, size, "-1");
	else
		(void)snprintf(buf, size, "%" PRIu64, value);
}

static void print_ulimit(const struct ulimit *ulimit, char *buf, size_t size)
{
	char soft[24], hard[24];

	print_value(ulimit->soft, soft, sizeof(soft));
	print_value(ulimit->hard, hard, sizeof(hard));
	(void)snprintf(buf, size, "%s=%s:%s", ulimit->kind->name, soft, hard);
}

void limits_each_ulimit(const struct limits *limits,
			void (*take)(const char *flag, const char *text, void *context),
			void *context)
{
	char text[64];

	for (size_t i = 0; i < limits->ulimits.n; i++) {
		print_ulimit(&limits->ulimits.items[i], text, sizeof(text));
		take("ulimit", text, context);
	}
}

static json_t *value_to_json(uint64_t value)
{
	return value == ULIMIT_NONE ? json_integer(-1) : json_u64(value);
}

json_t *limit_ulimits_to_json(const struct ulimits *ulimits)
{
	json_t *object = json_object();

	for (size_t i = 0; i < ulimits->n; i++) {
		const struct ulimit *u = &ulimits->items[i];

		(void)json_put(object, u->kind->name,
			       json_pack("{s:o, s:o}", "soft", value_to_json(u->soft), "hard",
					 value_to_json(u->hard)));
	}
	return object;
}

static int value_from_json(const json_t *value, uint64_t *ret)
{
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : -2;

	*ret = n == -1 ? ULIMIT_NONE : (uint64_t)n;
	return n < -1 ? -EBADMSG : 0;
}

int limit_ulimits_from_json(const json_t *object, struct ulimits *ret, struct tare_err *err)
{
	/* jansson walks through no const object, and changes none. */
	json_t *walk = (json_t *)(uintptr_t)object, *value; /* NOLINT(performance-no-int-to-ptr) */
	const char *name;

	*ret = (struct ulimits){0};
	if (!json_is_object(object))
		return err_set(err, EBADMSG, "limit 'ulimit' is no object");
	json_object_foreach(walk, name, value)
	{
		struct ulimit u = {.kind = ulimit_find(name)};

		if (!u.kind || value_from_json(json_object_get(value, "soft"), &u.soft) < 0 ||
		    value_from_json(json_object_get(value, "hard"), &u.hard) < 0 || u.soft > u.hard)
			return err_set(err, EBADMSG,
				       "limit 'ulimit': '%.40s' is none, or has no soft limit up "
				       "to a hard one",
				       name);
		put(ret, &u);
	}
	return 0;
}

int limits_read_ulimits(const struct limits *limits, pid_t pid, json_t *into, struct tare_err *err)
{
	struct ulimits now = {0};

	for (size_t i = 0; i < limits->ulimits.n; i++) {
		const struct ulimit *asked = &limits->ulimits.items[i];
		struct ulimit *u = &now.items[now.n++];
		int r = ulimit_read(asked->kind, pid, u, err);

		if (r < 0)
			return r;
		if (u->soft != asked->soft || u->hard != asked->hard)
			return err_set(err, ERANGE,
				       "limit 'ulimit': %s of process %d is another than was asked",
				       u->kind->name, pid);
	}
	return now.n ? json_put(into, "ulimit", limit_ulimits_to_json(&now)) : 0;
}

struct limits limits_of_process(const struct limits *limits)
{
	return (struct limits){.ulimits = limits->ulimits};
}
