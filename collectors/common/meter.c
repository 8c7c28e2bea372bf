/* SPDX-License-Identifier: MIT */
#include "common/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "common/series.h"
#include "common/statfile.h"

#define FILES_MAX  12
#define FIELDS_MAX 48

struct source {
	const char *name;
	int dirfd, fd;
	bool series; /* a field of it has a time series */
};

struct figure {
	const struct meter_field *field;
	size_t source;
	uint64_t first, last;
};

struct meter {
	struct collector collector;
	struct source sources[FILES_MAX];
	struct figure figures[FIELDS_MAX];
	size_t n_sources, n_figures;
	uint64_t begin_ns, end_ns;
	bool begun, ended;
	struct series series;
	const struct trace_ops *trace_ops;
	void *trace;         /* NULL: it does not */
	json_t *unsupported; /* NULL: it was not named */
	char text[STATFILE_SIZE];
};

/* Where a way to get a figure would be read; -1: not on this system. */
static int directory_of(const struct meter_field *field, const struct cgroup *cgroup)
{
	int version = 0, fd;

	if (field->controller == METER_UNIFIED)
		return cgroup_v2_fd(cgroup);
	fd = cgroup_controller_fd(cgroup, (enum cgroup_controller)field->controller, &version);
	return version == field->version ? fd : -1;
}

static bool same_figure(const struct meter_field *a, const struct meter_field *b)
{
	return !a->group == !b->group && (!a->group || strcmp(a->group, b->group) == 0) &&
	       strcmp(a->name, b->name) == 0;
}

static bool is_known(const struct meter *meter, const struct meter_field *field)
{
	for (size_t i = 0; i < meter->n_figures; i++)
		if (same_figure(meter->figures[i].field, field))
			return true;
	return false;
}

/* The open file of a field; FILES_MAX: there is none. */
static size_t source_of(struct meter *meter, const struct meter_field *field, int dirfd)
{
	size_t i;
	int fd;

	for (i = 0; i < meter->n_sources; i++)
		if (meter->sources[i].dirfd == dirfd &&
		    strcmp(meter->sources[i].name, field->file) == 0)
			return i;
	fd = statfile_open(dirfd, field->file);
	if (fd < 0 || i == FILES_MAX) {
		cleanup_closep(&fd);
		return FILES_MAX;
	}
	meter->sources[i] = (struct source){.name = field->file, .dirfd = dirfd, .fd = fd};
	meter->n_sources++;
	return i;
}

static void add_figure(struct meter *meter, const struct meter_field *field,
		       const struct cgroup *cgroup)
{
	size_t source;
	uint64_t value;

	if (meter->n_figures == FIELDS_MAX || is_known(meter, field))
		return;
	if (field->kind == METER_WALL) {
		meter->figures[meter->n_figures++] =
			(struct figure){.field = field, .source = FILES_MAX};
		return;
	}
	source = source_of(meter, field, directory_of(field, cgroup));
	if (source == FILES_MAX)
		return;
	if (statfile_read(meter->sources[source].fd, field->file, meter->text, sizeof(meter->text),
			  NULL) < 0 ||
	    !statfile_find(meter->text, field->key, &value))
		return;
	meter->figures[meter->n_figures++] = (struct figure){.field = field, .source = source};
	if (!field->series)
		return;
	meter->sources[source].series = true;
	series_add_column(&meter->series, field->name);
}

static int start_trace(struct meter *meter, const struct meter_field *fields,
		       const struct cgroup *cgroup, struct tare_err *err)
{
	meter->unsupported = json_object();
	if (!meter->unsupported || meter_missing(fields, cgroup, meter->unsupported) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return meter->trace_ops->open(cgroup, meter->unsupported, &meter->trace, err);
}

int meter_attach(const struct collector_ops *ops, const struct meter_field *fields,
		 const struct trace_ops *trace_ops, const struct collector_target *target,
		 struct collector **ret, struct tare_err *err)
{
	struct meter *meter = calloc(1, sizeof(*meter));
	int r;

	if (!meter)
		return err_set(err, ENOMEM, "out of memory");
	meter->collector.ops = ops;
	meter->trace_ops = trace_ops;
	for (const struct meter_field *field = fields; field->name; field++)
		add_figure(meter, field, target->cgroup);
	r = target->named ? start_trace(meter, fields, target->cgroup, err) : 0;
	if (r < 0) {
		meter_detach(&meter->collector);
		return r;
	}
	*ret = &meter->collector;
	return 0;
}

/* Read the files, all or those with a series, and keep each figure's value. */
static int read_sources(struct meter *meter, bool only_series, struct tare_err *err)
{
	for (size_t s = 0; s < meter->n_sources; s++) {
		const struct source *source = &meter->sources[s];
		int r;

		if (only_series && !source->series)
			continue;
		r = statfile_read(source->fd, source->name, meter->text, sizeof(meter->text), err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < meter->n_figures; i++) {
			struct figure *figure = &meter->figures[i];

			if (figure->source == s)
				(void)statfile_find(meter->text, figure->field->key, &figure->last);
		}
	}
	return 0;
}

int meter_snapshot(struct collector *collector, enum collector_moment moment, struct tare_err *err)
{
	struct meter *meter = (struct meter *)collector;
	int r = read_sources(meter, false, err);

	if (r == 0 && meter->trace)
		r = meter->trace_ops->snapshot(meter->trace, moment, err);
	if (r < 0)
		return r;
	if (moment == COLLECTOR_END) {
		meter->end_ns = clock_now_ns();
		meter->ended = true;
		return 0;
	}
	for (size_t i = 0; i < meter->n_figures; i++)
		meter->figures[i].first = meter->figures[i].last;
	meter->begin_ns = clock_now_ns();
	meter->begun = true;
	return 0;
}

static uint64_t value_of(const struct figure *figure)
{
	uint64_t value = figure->last;

	if (figure->field->kind == METER_COUNTER)
		value = value > figure->first ? value - figure->first : 0;
	return figure->field->divide ? value / figure->field->divide : value;
}

int meter_sample(struct collector *collector, uint64_t now_ns, struct tare_err *err)
{
	struct meter *meter = (struct meter *)collector;
	uint64_t row[SERIES_COLUMNS];
	size_t n = 0;
	int r = 0;

	if (meter->trace && meter->trace_ops->sample)
		r = meter->trace_ops->sample(meter->trace, err);
	if (r < 0 || meter->series.n_columns == 0 || !meter->begun)
		return r;
	r = read_sources(meter, true, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < meter->n_figures; i++)
		if (meter->figures[i].field->series)
			row[n++] = value_of(&meter->figures[i]);
	return series_add(&meter->series, now_ns > meter->begin_ns ? now_ns - meter->begin_ns : 0,
			  row, err);
}

static int put_figures(const struct meter *meter, json_t *object)
{
	for (size_t i = 0; i < meter->n_figures; i++) {
		const struct meter_field *field = meter->figures[i].field;
		uint64_t value = field->kind == METER_WALL ? meter->end_ns - meter->begin_ns
							   : value_of(&meter->figures[i]);
		json_t *group = field->group ? json_object_get(object, field->group) : object;

		if (!group) {
			group = json_object();
			if (json_put(object, field->group, group) < 0)
				return -ENOMEM;
		}
		if (json_put(group, field->name, json_u64(value)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int meter_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	struct meter *meter = (struct meter *)collector;
	cleanup_json json_t *object = json_object();
	json_t *lost = json_pack("{s:o}", "points", json_u64(meter->series.lost));
	int r = 0;

	if (json_put(object, "lost", lost) < 0 || put_figures(meter, object) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (!meter->begun || !meter->ended)
		return err_set(err, EINVAL, "read before its two snapshots");
	if (meter->series.n_points > 0)
		r |= json_put(object, "series", series_to_json(&meter->series));
	if (meter->unsupported)
		r |= json_put(object, "unsupported", json_incref(meter->unsupported));
	if (r < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = meter->trace ? meter->trace_ops->read(meter->trace, object, lost, err) : 0;
	if (r == 0)
		*ret = take_pointer(object);
	return r;
}

void meter_detach(struct collector *collector)
{
	struct meter *meter = (struct meter *)collector;

	if (!meter)
		return;
	for (size_t i = 0; i < meter->n_sources; i++)
		cleanup_closep(&meter->sources[i].fd);
	if (meter->trace_ops)
		meter->trace_ops->close(meter->trace);
	json_decref(meter->unsupported);
	series_clear(&meter->series);
	free(meter);
}

int meter_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

/* Why one way to a figure leads nowhere; 0: it does not. */
static int try_way(const struct meter_field *field, const struct cgroup *cgroup, char *text,
		   struct tare_err *err)
{
	int version = 2, dirfd = cgroup_v2_fd(cgroup);
	uint64_t value;

	if (field->controller != METER_UNIFIED)
		dirfd = cgroup_controller_fd(cgroup, (enum cgroup_controller)field->controller,
					     &version);
	if (dirfd < 0 && field->controller == METER_UNIFIED)
		return err_set(err, ENOTSUP, "no cgroup v2 is mounted");
	if (dirfd < 0)
		return err_set(err, ENOTSUP, "the group has no controller '%s'",
			       cgroup_controller_name((enum cgroup_controller)field->controller));
	if (version != field->version)
		return err_set(err, ENOTSUP, "only cgroup v%d has it, and '%s' is of v%d here",
			       field->version,
			       cgroup_controller_name((enum cgroup_controller)field->controller),
			       version);
	cleanup_close int fd = statfile_open(dirfd, field->file);
	if (fd < 0)
		return err_set(err, ENOTSUP, "the kernel has no '%s'", field->file);
	if (statfile_read(fd, field->file, text, STATFILE_SIZE, err) < 0)
		return -err->code;
	if (!statfile_find(text, field->key, &value))
		return err_set(err, ENOTSUP, "the kernel's '%s' has no '%s'", field->file,
			       field->key);
	return 0;
}

/* The ways to a figure are listed one after the other. */
int meter_missing(const struct meter_field *fields, const struct cgroup *cgroup, json_t *figures)
{
	cleanup_free char *text = malloc(STATFILE_SIZE);
	char name[64];

	if (!text)
		return -ENOMEM;
	for (const struct meter_field *field = fields, *next; field->name; field = next) {
		struct tare_err why = {0};
		int r = -ENOTSUP;

		for (next = field; next->name && same_figure(next, field); next++) {
			struct tare_err its = {0};

			if (next->kind == METER_WALL || try_way(next, cgroup, text, &its) == 0)
				r = 0;
			/* v1's own figures are what it has instead of v2's. */
			if (next->version == 1 && its.code && strstr(its.msg, "only cgroup v1"))
				continue;
			/* The way of the version that is here says most. */
			if (r < 0 && (why.code == 0 || !strstr(its.msg, "only cgroup")))
				why = its;
		}
		(void)snprintf(name, sizeof(name), "%s%s%s", field->group ? field->group : "",
			       field->group ? "." : "", field->name);
		if (r < 0 && why.code && json_put(figures, name, json_string(why.msg)) < 0)
			return -ENOMEM;
	}
	return 0;
}
