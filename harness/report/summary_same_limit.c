/* SPDX-License-Identifier: MIT */
/* The same share of a CPU in different environments: what is done with it, how long operations are
 * held up, and who sees it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/summary.h"

static bool is_guest(const struct run_trial *t)
{
	const char *machine = json_string_value(run_asked(t, "machine"));

	return machine && strcmp(machine, "host") != 0;
}

static const json_t *seen_by(const json_t *record, const char *who, const char *what)
{
	return json_object_get(json_object_get(record, who), what);
}

static double per_s(const struct run_trial *t, const json_t *record)
{
	(void)record;
	return run_trial_counts(t) ? 1e9 / t->median_ns : NAN;
}

static double throttled_of(const json_t *cpu)
{
	double wall_ns = json_double_or(cpu, "wall_ns", 0);

	return wall_ns > 0 ? json_double_or(cpu, "throttled_us", NAN) * 1000 / wall_ns : NAN;
}

static double host_throttled(const struct run_trial *t, const json_t *record)
{
	return throttled_of(seen_by(record, is_guest(t) ? "host_collectors" : "collectors", "cpu"));
}

static double guest_throttled(const struct run_trial *t, const json_t *record)
{
	return is_guest(t) ? throttled_of(seen_by(record, "collectors", "cpu")) : NAN;
}

static double of_turns(const json_t *record, const char *key)
{
	const json_t *vcpus = seen_by(record, "host_collectors", "vcpus");
	const json_t *turns = json_object_get(vcpus, "turns");
	double wall_ns = json_double_or(turns, "wall_ns", 0);

	return wall_ns > 0 ? json_double_or(turns, key, NAN) / wall_ns : NAN;
}

static double host_wait(const struct run_trial *t, const json_t *record)
{
	double count = json_double_or(seen_by(record, "host_collectors", "vcpus"), "count", 0);

	(void)t;
	return count > 0 ? of_turns(record, "wait_ns") / count : NAN;
}

static double host_others(const struct run_trial *t, const json_t *record)
{
	(void)t;
	return of_turns(record, "others_ns");
}

static double guest_steal(const struct run_trial *t, const json_t *record)
{
	const json_t *stolen = json_object_get(record, "stolen");
	double wall_ns = json_double_or(stolen, "wall_ns", 0);

	if (!is_guest(t) || wall_ns <= 0)
		return NAN;
	return json_double_or(stolen, "steal_us", NAN) * 1000 / wall_ns;
}

/* Records that do not say it are of a time when it went by the box. */
static const char *limit_at(const struct run_trial *t)
{
	const char *box = json_string_value(run_asked(t, "box"));
	const char *by_box = is_guest(t) && box && strcmp(box, "bare") == 0 ? "machine" : "box";

	return json_string_or(t->asked, "limit_at", by_box);
}

static const json_t *asked(const struct run *run, const struct run_cell *cell)
{
	return json_object_get(run->trials[cell->trials[0]].asked, "trial");
}

static double cpus_of(const struct run *run, const struct run_cell *cell)
{
	return json_double_or(json_object_get(asked(run, cell), "limits"), "cpus", 0);
}

/* The same environment under any label, wherever its limits would lie. */
static bool is_same_env(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"machine", "box", "options", "machine_options"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		cleanup_json json_t *one = json_deep_copy(json_object_get(a, keys[i]));
		cleanup_json json_t *other = json_deep_copy(json_object_get(b, keys[i]));

		(void)json_object_del(one, "limit-at");
		(void)json_object_del(other, "limit-at");
		if (!json_equal(one, other))
			return false;
	}
	return true;
}

/* The same without any limit, in another group of the campaign. */
static const struct run_cell *find_free(const struct run *run, const struct run_cell *like)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[i];
		const json_t *trial = asked(run, cell);

		if (strcmp(cell->name, like->name) == 0 && strcmp(cell->mode, like->mode) == 0 &&
		    !cell->observed && is_same_env(trial, asked(run, like)) &&
		    json_object_size(json_object_get(trial, "limits")) == 0)
			return cell;
	}
	return NULL;
}

static int put_speed(const struct run *run, const struct run_cell *cell, double cpus,
		     json_t *object, struct tare_err *err)
{
	const struct run_cell *unlimited = find_free(run, cell);
	double limited, all;
	const struct rounds_limit of_cell = {"per_s", per_s}, of_unlimited = {"free_per_s", per_s};
	int r = summary_put_medians(run, cell, object, &of_cell, 1, err);

	if (r == 0 && unlimited)
		r = summary_put_medians(run, unlimited, object, &of_unlimited, 1, err);
	if (r < 0)
		return r;
	limited = json_double_or(object, "per_s", NAN);
	all = json_double_or(object, "free_per_s", NAN);
	if (limited > 0 && all > 0)
		(void)json_put(object, "of_limit", json_number(limited / all / cpus));
	return 0;
}

static int put_latency(const struct run *run, const struct run_cell *cell, json_t *object,
		       struct tare_err *err)
{
	static const struct {
		const char *key;
		double p;
	} quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
	cleanup_free struct histogram *all = calloc(1, sizeof(*all));

	if (!all)
		return err_set(err, ENOMEM, "out of memory");
	run_merge_latency(run, cell, all);
	if (!all->count)
		return 0;
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		(void)json_put(object, quantiles[i].key,
			       json_number(histogram_quantile_upper(all, quantiles[i].p)));
	(void)json_put(object, "max", json_u64(all->max));
	return 0;
}

static int add_row(const struct run *run, const struct run_cell *cell, double cpus, json_t *list,
		   struct tare_err *err)
{
	static const struct rounds_limit figures[] = {
		{"host_throttled", host_throttled}, {"guest_throttled", guest_throttled},
		{"host_wait", host_wait},           {"guest_steal", guest_steal},
		{"host_others", host_others},
	};
	json_t *object = summary_cell_json(run, cell);
	int r;

	(void)json_array_append_new(list, object);
	(void)json_put(object, "cpus", json_number(cpus));
	(void)json_put(object, "limit_at", json_string(limit_at(&run->trials[cell->trials[0]])));
	(void)json_put(object, "trials", json_u64(cell->n_trials));
	r = summary_put_medians(run, cell, object, figures, sizeof(figures) / sizeof(*figures),
				err);
	if (r == 0)
		r = put_speed(run, cell, cpus, object, err);
	return r < 0 ? r : put_latency(run, cell, object, err);
}

int summary_add_same_limit(const struct run *run, json_t *summary, struct tare_err *err)
{
	json_t *list = json_array();

	(void)json_put(summary, "same_limit", list);
	for (size_t i = 0; i < run->n_cells; i++) {
		const struct run_cell *cell = &run->cells[run->order[i]];
		double cpus = cpus_of(run, cell);
		/* A load that is killed for memory does nothing that could be compared. */
		int r = cpus > 0 && run_cell_counts(run, cell) ? add_row(run, cell, cpus, list, err)
							       : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
