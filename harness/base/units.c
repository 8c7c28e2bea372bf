/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

struct unit {
	const char *name;
	double factor;
};

static const struct unit size_units[] = {
	{"B", 1},
	{"K", 1024.0},
	{"KB", 1024.0},
	{"KiB", 1024.0},
	{"M", 1048576.0},
	{"MB", 1048576.0},
	{"MiB", 1048576.0},
	{"G", 1073741824.0},
	{"GB", 1073741824.0},
	{"GiB", 1073741824.0},
	{"T", 1099511627776.0},
	{"TB", 1099511627776.0},
	{"TiB", 1099511627776.0},
	{NULL, 0},
};

static const struct unit rate_units[] = {
	{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0},
};

static const struct unit time_units[] = {
	{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {NULL, 0},
};

/* A plain decimal number: no sign, no exponent, no hexadecimal, no "inf". */
static bool number_at(const char *text, double *ret, const char **ret_end)
{
	size_t digits = strspn(text, "0123456789.");
	char *end;

	if (digits == 0 || !isdigit((unsigned char)text[0]) || isspace((unsigned char)text[0]))
		return false;
	*ret = strtod(text, &end);
	*ret_end = text + digits;
	return end == text + digits;
}

static int parse_with_unit(const char *what, const char *text, const struct unit *units,
			   const char *example, uint64_t *ret, struct tare_err *err)
{
	double value;
	const char *end;

	if (!number_at(text, &value, &end))
		return err_set(err, EINVAL, "%s: '%.40s' is no number with a unit, such as %s",
			       what, text, example);
	if (*end == '\0' && value == 0 && units == time_units) {
		*ret = 0;
		return 0;
	}
	if (*end == '\0')
		return err_set(err, EINVAL, "%s: '%.40s' lacks a unit, write for example %s", what,
			       text, example);
	for (const struct unit *u = units; u->name; u++) {
		if (strcasecmp(end, u->name) != 0)
			continue;
		value *= u->factor;
		if (value >= 9.2e18)
			return err_set(err, EINVAL, "%s: '%.40s' is too large", what, text);
		*ret = (uint64_t)llround(value);
		return 0;
	}
	return err_set(err, EINVAL, "%s: '%.40s' has an unknown unit, write for example %s", what,
		       text, example);
}

int units_parse_size(const char *what, const char *text, uint64_t *ret_bytes, struct tare_err *err)
{
	return parse_with_unit(what, text, size_units, "64M", ret_bytes, err);
}

int units_parse_rate(const char *what, const char *text, uint64_t *ret_bits, struct tare_err *err)
{
	return parse_with_unit(what, text, rate_units, "10mbit", ret_bits, err);
}

int units_parse_time(const char *what, const char *text, uint64_t *ret_ns, struct tare_err *err)
{
	return parse_with_unit(what, text, time_units, "10s or 250ms", ret_ns, err);
}

int units_parse_count(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		      struct tare_err *err)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno)
		return err_set(err, EINVAL, "%s: '%.40s' is no whole number", what, text);
	if (value < min || value > max)
		return err_set(err, EINVAL, "%s: %s is not within %llu to %llu", what, text,
			       (unsigned long long)min, (unsigned long long)max);
	*ret = value;
	return 0;
}

int units_parse_number(const char *what, const char *text, double min, double max, double *ret,
		       struct tare_err *err)
{
	const char *end;
	double value;

	if (!number_at(text, &value, &end) || *end)
		return err_set(err, EINVAL, "%s: '%.40s' is no number", what, text);
	if (value < min || value > max)
		return err_set(err, EINVAL, "%s: %s is not within %g to %g", what, text, min, max);
	*ret = value;
	return 0;
}

int units_parse_cpus(const char *what, const char *text, uint64_t *ret_mask, struct tare_err *err)
{
	uint64_t mask = 0;
	const char *at = text;

	do {
		char *end;
		unsigned long first, last;

		if (!isdigit((unsigned char)*at))
			return err_set(err, EINVAL, "%s: '%.40s' is no list of CPUs such as 0-1,3",
				       what, text);
		first = last = strtoul(at, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtoul(end + 1, &end, 10);
		if ((*end && *end != ',') || last < first)
			return err_set(err, EINVAL, "%s: '%.40s' is no list of CPUs such as 0-1,3",
				       what, text);
		if (last > 63)
			return err_set(err, EINVAL, "%s: CPU %lu is above 63", what, last);
		for (unsigned long cpu = first; cpu <= last; cpu++)
			mask |= 1ULL << cpu;
		at = *end ? end + 1 : NULL;
	} while (at);
	*ret_mask = mask;
	return 0;
}

char *units_print_ns(double ns, char *buf, size_t size)
{
	static const struct unit steps[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
	size_t i = 0;

	while (i < 3 && fabs(ns) < steps[i].factor)
		i++;
	(void)snprintf(buf, size, "%.3g %s", ns / steps[i].factor, steps[i].name);
	return buf;
}

char *units_print_bytes(double bytes, char *buf, size_t size)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	while (i < 4 && fabs(bytes) >= 1024) {
		bytes /= 1024;
		i++;
	}
	(void)snprintf(buf, size, "%.4g %s", bytes, names[i]);
	return buf;
}

char *units_print_cpus(uint64_t mask, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int cpu = 0; cpu < 64 && used < size; cpu++) {
		unsigned int last = cpu;

		if (!(mask >> cpu & 1))
			continue;
		while (last < 63 && (mask >> (last + 1) & 1))
			last++;
		used += (size_t)snprintf(buf + used, size - used, last > cpu ? "%s%u-%u" : "%s%u",
					 used ? "," : "", cpu, last);
		cpu = last;
	}
	return buf;
}
