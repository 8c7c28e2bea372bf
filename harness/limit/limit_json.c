/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "limit/limit_inner.h"

json_t *limits_to_json(const struct limits *limits)
{
	cleanup_json json_t *object = json_object();
	char cpus[192];
	int r = object ? 0 : -ENOMEM;

	if (r == 0 && limits->cpus > 0)
		r = json_put(object, "cpus", json_number(limits->cpus));
	for (const struct limit_number *n = limit_numbers; r == 0 && n->flag; n++)
		if (limit_number_value(limits, n))
			r = json_put(object, n->flag, json_u64(limit_number_value(limits, n)));
	if (r == 0 && limits->cpu_period_us)
		r = json_put(object, "cpu-period-us", json_u64(limits->cpu_period_us));
	if (r == 0 && limits->cpu_burst_us)
		r = json_put(object, "cpu-burst-us", json_u64(limits->cpu_burst_us));
	if (r == 0 && limits->cpuset)
		r = json_put(object, "cpuset-cpus",
			     json_string(units_print_cpus(limits->cpuset, cpus, sizeof(cpus))));
	if (r == 0 && limits->memory_bytes)
		r = json_put(object, "memory", json_u64(limits->memory_bytes));
	if (r == 0 && limits->net_rate)
		r = json_put(object, "net-rate", json_u64(limits->net_rate));
	if (r == 0 && limits->memory_swap)
		r = json_put(object, "memory-swap", json_u64(limits->memory_swap));
	if (r == 0 && limits->ulimits.n)
		r = json_put(object, "ulimit", limit_ulimits_to_json(&limits->ulimits));
	for (size_t rate = 0; r == 0 && rate < LIMIT_RATES; rate++) {
		cleanup_json json_t *list = json_array();

		for (size_t i = 0; i < limits->n_devices; i++) {
			const struct limit_device *device = &limits->devices[i];

			if (device->rate[rate] &&
			    json_array_append_new(
				    list, json_pack("{s:s, s:o}", "path", device->path, "rate",
						    json_u64(device->rate[rate]))) < 0)
				return NULL;
		}
		if (json_array_size(list) > 0)
			r = json_put(object, limit_rate_flags[rate], json_incref(list));
	}
	return r < 0 ? NULL : take_pointer(object);
}

static int read_devices(struct limits *limits, const char *key, enum limit_rate rate,
			const json_t *list, struct tare_err *err)
{
	const json_t *entry;
	size_t i;

	if (!json_is_array(list))
		return err_set(err, EBADMSG, "limit '%s' is no list", key);
	json_array_foreach(list, i, entry)
	{
		struct limit_device *device;
		const char *path;
		uint64_t value = 0;
		int r = json_read_string(entry, "path", &path, err);

		if (r == 0)
			r = json_read_u64(entry, "rate", &value, err);
		if (r < 0)
			return err_wrap(err, -EBADMSG, "limit '%s'", key);
		device = limit_device_for(limits, path, err);
		if (!device)
			return -EBADMSG;
		if (path[0] != '/' || value == 0)
			return err_set(err, EBADMSG, "limit '%s': no absolute path, or a rate of 0",
				       key);
		device->rate[rate] = value;
	}
	return 0;
}

static int read_text(struct limits *limits, const char *key, const json_t *value,
		     struct tare_err *err)
{
	uint64_t mask = 0;

	if (!json_is_string(value) ||
	    units_parse_cpus("cpuset-cpus", json_string_value(value), &mask, err) < 0)
		return err_set(err, EBADMSG, "limit '%s' is no list of CPUs", key);
	limits->cpuset = mask;
	return 0;
}

static int read_one(struct limits *limits, const json_t *object, const char *key,
		    const json_t *value, struct tare_err *err)
{
	const struct limit_number *plain = limit_number_find(key);
	uint64_t *number = NULL;

	for (size_t i = 0; i < LIMIT_RATES; i++)
		if (strcmp(key, limit_rate_flags[i]) == 0)
			return read_devices(limits, key, (enum limit_rate)i, value, err);
	if (strcmp(key, "ulimit") == 0)
		return limit_ulimits_from_json(value, &limits->ulimits, err);
	if (strcmp(key, "cpuset-cpus") == 0)
		return read_text(limits, key, value, err);
	if (strcmp(key, "cpus") == 0) {
		limits->cpus = json_is_number(value) ? json_number_value(value) : 0;
		/* That it is more than there is here is for who asked to know: limits_set. */
		if (!isfinite(limits->cpus) || limits->cpus < 0.01 || limits->cpus > 1e6)
			return err_set(err, EBADMSG, "limit 'cpus' is no number from 0.01 on");
		return 0;
	}
	if (strcmp(key, "memory") == 0)
		number = &limits->memory_bytes;
	else if (plain)
		number = limit_number_field(limits, plain);
	else if (strcmp(key, "memory-swap") == 0)
		number = &limits->memory_swap;
	else if (strcmp(key, "net-rate") == 0)
		number = &limits->net_rate;
	else if (strcmp(key, "cpu-period-us") == 0)
		number = &limits->cpu_period_us;
	else if (strcmp(key, "cpu-burst-us") == 0)
		number = &limits->cpu_burst_us;
	else
		return err_set(err, EBADMSG, "there is no limit '%.40s'", key);
	if (json_read_u64(object, key, number, err) < 0 || *number == 0)
		return err_set(err, EBADMSG, "limit '%s' is no whole number from 1 on", key);
	return 0;
}

int limits_from_json(const json_t *object, struct limits *ret, struct tare_err *err)
{
	/* jansson walks through no const object. */
	cleanup_json json_t *copy = json_deep_copy(object);
	struct limits limits = {0};
	const char *key;
	json_t *value;

	if (!json_is_object(copy))
		return err_set(err, EBADMSG, "limits are no object");
	json_object_foreach(copy, key, value)
	{
		int r = read_one(&limits, copy, key, value, err);

		if (r < 0)
			return r;
	}
	*ret = limits;
	return 0;
}
