/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "args.h"

/* Whether stdout took it is asked once, at the end. */
static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

static void put_text(const char *text, size_t size)
{
	put("\"");
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			put("\\%c", c);
		else if (c < ' ')
			put("\\u%04x", c);
		else
			put("%c", c);
	}
	put("\"");
}

static void put_pair(const char *key, const char *text, size_t size)
{
	put("\"%s\":", key);
	put_text(text, size);
}

static void put_groups(const char *groups)
{
	put("\"groups\":[");
	while (*groups) {
		size_t n = strcspn(groups, " ");

		put_text(groups, n);
		groups += n;
		groups += strspn(groups, " ");
		put("%s", *groups ? "," : "");
	}
	put("]");
}

static void put_param(const struct workload_param *p, bool common)
{
	put("{");
	put_pair("name", p->name, strlen(p->name));
	put(",");
	put_pair("summary", p->summary, strlen(p->summary));
	put(",");
	put_pair("default", p->fallback, strlen(p->fallback));
	put("%s}", common ? ",\"common\":true" : "");
}

static void put_params(const struct workload_param *params)
{
	put("\"params\":[");
	for (const struct workload_param *p = params; p && p->name; p++) {
		put_param(p, false);
		put(",");
	}
	for (const struct workload_param *p = args_common; p->name; p++) {
		put("%s", p == args_common ? "" : ",");
		put_param(p, true);
	}
	put("]");
}

static void put_syscalls(const struct workload *load, const char *const *values)
{
	const char *comma = "";

	put("\"syscalls\":{");
	for (const struct workload_syscall *c = load->syscalls; c && c->name; c++) {
		if (!args_syscall_applies(load, c, values))
			continue;
		put("%s", comma);
		put_text(c->name, strlen(c->name));
		put(":%u", c->per_op);
		comma = ",";
	}
	put("}");
}

/* "memory=512M,pids-limit=256" as an object of texts. */
static void put_safety(const char *safety)
{
	const char *comma = "";

	put("\"safety\":{");
	while (safety && *safety) {
		size_t name = strcspn(safety, "="), all = strcspn(safety, ",");

		put("%s", comma);
		put_text(safety, name);
		put(":");
		put_text(safety + name + 1, all - name - 1);
		safety += all + (safety[all] == ',');
		comma = ",";
	}
	put("}");
}

static void put_load(const struct workload *load, const char *const *values)
{
	put("{");
	put_pair("name", load->name, strlen(load->name));
	put(",");
	put_pair("summary", load->summary, strlen(load->summary));
	put(",");
	put_pair("op", load->op, strlen(load->op));
	put(",");
	put_groups(load->groups);
	put(",");
	put_params(load->params);
	put(",");
	put_syscalls(load, values);
	put(",\"solo\":%s,", load->solo ? "true" : "false");
	put_safety(load->safety);
	put(",\"may_be_oom_killed\":%s}", load->may_be_oom_killed ? "true" : "false");
}

static int end_output(void)
{
	put("\n");
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	(void)fprintf(stderr, "tare-load: write to stdout: %m\n");
	return 1;
}

int describe_all(void)
{
	put("{\"loads\":[");
	for (const struct workload *const *load = workload_table; *load; load++) {
		const char *values[ARGS_VALUES];

		(void)args_resolve_params(*load, NULL, 0, values, NULL);
		put("%s\n", load == workload_table ? "" : ",");
		put_load(*load, values);
	}
	put("],\n\"turn\":{\"readv\":%d,\"writev\":%d}}", PLAY_TURN_READV, PLAY_TURN_WRITEV);
	return end_output();
}

int describe_one(const struct workload *load, const char *const *values)
{
	put_load(load, values);
	return end_output();
}
