/* SPDX-License-Identifier: MIT */
#include "trial/result.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/loglin.h"
#include "base/text.h"

static json_t *latency_to_json(const struct play_result *result)
{
	json_t *buckets = json_array();
	uint64_t count = 0;

	for (unsigned int b = 0; b < LOGLIN_BUCKETS; b++) {
		if (!result->latency[b])
			continue;
		count += result->latency[b];
		(void)json_array_append_new(
			buckets, json_pack("[i, I]", (int)b, (json_int_t)result->latency[b]));
	}
	return json_pack("{s:o, s:o, s:o}", "count", json_u64(count), "max_ns",
			 json_u64(result->latency_max_ns), "buckets", buckets);
}

static json_t *figures_to_json(const struct play_result *result)
{
	json_t *figures = json_object();

	for (uint32_t i = 0; i < result->n_figures && i < PLAY_FIGURES; i++) {
		const struct play_figure *f = &result->figures[i];
		char name[sizeof(f->name) + 1], unit[sizeof(f->unit) + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)sizeof(f->name), f->name);
		(void)snprintf(unit, sizeof(unit), "%.*s", (int)sizeof(f->unit), f->unit);
		(void)json_object_set_new(
			figures, name,
			json_pack("{s:o, s:s}", "value", json_number(f->value), "unit", unit));
	}
	return figures;
}

static json_t *programs_to_json(const struct play_result *result)
{
	json_t *programs = json_array();

	for (uint64_t i = 0; i < result->n_programs && i < PLAY_PROGRAMS; i++) {
		const struct play_program *p = &result->programs[i];
		char name[sizeof(p->name) + 1];

		(void)snprintf(name, sizeof(name), "%.*s", (int)sizeof(p->name), p->name);
		(void)json_array_append_new(
			programs, json_pack("{s:s, s:o, s:o}", "name", text_make_printable(name),
					    "bytes", json_u64(p->bytes), "fnv1a",
					    json_sprintf("%016" PRIx64, p->content)));
	}
	return programs;
}

void result_put(const struct play_result *result, json_t *load)
{
	(void)json_object_set_new(load, "clock_ns",
				  json_number((double)result->clock_ns_x1000 / 1000));
	(void)json_object_set_new(load, "loop_ns",
				  json_number((double)result->loop_ns_x1000 / 1000));
	(void)json_object_set_new(load, "user_us", json_u64(result->user_us));
	(void)json_object_set_new(load, "system_us", json_u64(result->system_us));
	(void)json_object_set_new(load, "figures", figures_to_json(result));
	if (result->n_programs)
		(void)json_object_set_new(load, "programs", programs_to_json(result));
	if (result->has_latency)
		(void)json_object_set_new(load, "latency", latency_to_json(result));
}
