/* SPDX-License-Identifier: MIT */
#include "common/series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"

void series_add_column(struct series *series, const char *name)
{
	assert(series->n_columns < SERIES_COLUMNS && series->n_points == 0);
	series->names[series->n_columns++] = name;
}

int series_add(struct series *series, uint64_t t_ns, const uint64_t *values, struct tare_err *err)
{
	size_t width = series->n_columns + 1;
	uint64_t *row;

	if (series->n_points == SERIES_POINTS) {
		series->lost++;
		return 0;
	}
	if (series->n_points == series->room) {
		size_t room = series->room ? series->room * 2 : 256;
		uint64_t *grown = reallocarray(series->values, room, width * sizeof(*grown));

		if (!grown)
			return err_set(err, ENOMEM, "out of memory for a time series");
		series->values = grown;
		series->room = room;
	}
	row = series->values + series->n_points++ * width;
	row[0] = t_ns;
	memcpy(row + 1, values, series->n_columns * sizeof(*values));
	return 0;
}

static json_t *column_to_json(const struct series *series, size_t column)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < series->n_points; i++) {
		uint64_t value = series->values[i * (series->n_columns + 1) + column];

		if (json_array_append_new(list, json_u64(value)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *series_to_json(const struct series *series)
{
	cleanup_json json_t *object = json_object();

	if (!object || json_put(object, "t_ns", column_to_json(series, 0)) < 0)
		return NULL;
	for (size_t i = 0; i < series->n_columns; i++)
		if (json_put(object, series->names[i], column_to_json(series, i + 1)) < 0)
			return NULL;
	return take_pointer(object);
}

void series_clear(struct series *series)
{
	free(series->values);
	*series = (struct series){0};
}
