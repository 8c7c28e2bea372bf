/* SPDX-License-Identifier: MIT */
#include "lab/run/data.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/run/findings.h"
#include "report/summary.h"

#define JSON_MAX    (4LL << 20)
#define RECORDS_MAX (256LL << 20)

static const struct {
	const char *path;
	long long max;
} files[] = {
	{LAB_DATA_DIR "/checks.json", JSON_MAX},
	{LAB_DATA_DIR "/density.json", JSON_MAX},
	{LAB_DATA_DIR "/isolation.json", JSON_MAX},
	{LAB_DATA_DIR "/run/manifest.json", JSON_MAX},
	{LAB_DATA_DIR "/run/records.jsonl", RECORDS_MAX},
	{LAB_DATA_DIR "/seen.json", JSON_MAX},
};

/* Neither the folder of the data nor that of the run may lead elsewhere. */
static int check_folders(const char *dir, struct tare_err *err)
{
	static const char *const names[] = {LAB_DATA_DIR, LAB_DATA_DIR "/run"};

	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *path = text_format("%s/%s", dir, names[i]);
		struct stat st;

		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
			return err_set(err, EBADMSG, "'%.180s' is no folder", path);
	}
	return 0;
}

int lab_data_digests(const char *dir, json_t **ret, char ret_all[DIGEST_SIZE], struct tare_err *err)
{
	cleanup_json json_t *list = json_array();
	cleanup_free char *text = NULL;
	int r = list ? check_folders(dir, err) : err_set(err, ENOMEM, "out of memory");

	for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(*files); i++) {
		cleanup_free char *path = text_format("%s/%s", dir, files[i].path);
		cleanup_close int fd = path ? fd_open_plain(AT_FDCWD, path, files[i].max, err) : -1;
		char hex[DIGEST_SIZE];
		struct stat st;

		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		if (fd == -ENOENT)
			continue;
		if (fd < 0 || (r = digest_fd(fd, hex, err)) < 0)
			return fd < 0 ? fd : r;
		if (fstat(fd, &st) < 0)
			return err_errno(err, "look at '%.180s'", path);
		(void)json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "path",
							    files[i].path, "bytes",
							    (json_int_t)st.st_size, "sha256", hex));
	}
	text = r == 0 ? json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	if (r < 0)
		return r;
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = digest_bytes(text, strlen(text), ret_all, err);
	if (r == 0)
		*ret = take_pointer(list);
	return r;
}

static int read_part(const char *dir, const char *name, json_t **ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/" LAB_DATA_DIR "/%s", dir, name);
	int r = path ? json_read_file(path, ret, err) : err_set(err, ENOMEM, "out of memory");

	return r == -ENOENT ? 0 : r;
}

static int read_run(const char *dir, struct lab_data *ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/" LAB_DATA_DIR "/run", dir);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) < 0)
		return 0;
	r = run_load(path, &ret->run, err);
	return r < 0 ? r : summary_make(ret->run, &ret->summary, err);
}

int lab_data_read(const char *dir, struct lab_data *ret, struct tare_err *err)
{
	cleanup_json json_t *digests = NULL;
	char all[DIGEST_SIZE];
	int r;

	*ret = (struct lab_data){.dir = dir};
	/* This looks at each file's kind and size before it is read. */
	r = lab_data_digests(dir, &digests, all, err);
	if (r < 0 || (r = read_part(dir, "isolation.json", &ret->isolation, err)) < 0 ||
	    (r = read_part(dir, "checks.json", &ret->checks, err)) < 0 ||
	    (r = read_part(dir, "density.json", &ret->density, err)) < 0 ||
	    (r = read_part(dir, "seen.json", &ret->seen, err)) < 0 ||
	    (r = read_run(dir, ret, err)) < 0)
		lab_data_clear(ret);
	return r;
}

void lab_data_clear(struct lab_data *data)
{
	run_free(data->run);
	json_decref(data->summary);
	json_decref(data->isolation);
	json_decref(data->checks);
	json_decref(data->density);
	json_decref(data->seen);
	*data = (struct lab_data){0};
}

/* What must be said with the figure of a guest. */
static const char *note_of(const struct lab_data *data, const char *label)
{
	for (size_t i = 0; data->run && i < data->run->n_envs; i++) {
		if (strcmp(data->run->envs[i].label, label) == 0)
			return data->run->envs[i].apart;
	}
	return "";
}

void lab_add_ratio(const struct lab_data *data, struct lab_findings *findings, const char *env,
		   const char *load, const char *name, const char *what)
{
	const struct lab_figure named = {
		.name = name, .what = what, .unit = "times", .note = note_of(data, env)};
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(data->summary, "ratios"), i, row)
	{
		if (strcmp(json_string_or(row, "env", ""), env) == 0 &&
		    strcmp(json_string_or(row, "load", ""), load) == 0 &&
		    strcmp(json_string_or(row, "metric", ""), "ns_per_op") == 0)
			lab_add_row(findings, &named, row, "ratio", 1);
	}
}

void lab_count_trials(const struct lab_data *data, struct lab_findings *findings)
{
	const json_t *records = json_object_get(data->summary, "records");
	uint64_t not_asked =
		json_u64_or(records, "superseded", 0) + json_u64_or(records, "void", 0);
	uint64_t all = json_u64_or(records, "all", 0);

	findings->done += json_u64_or(records, "ok", 0);
	findings->planned += all > not_asked ? all - not_asked : 0;
}

/* NaN: this trial does not tell. */
static double start_ns(const struct run_trial *trial)
{
	return trial && trial->ready_ns > 0 ? trial->ready_ns : NAN;
}

static const struct run_cell *cell_of(const struct run *run, const char *label)
{
	for (size_t i = 0; i < run->n_cells; i++) {
		if (strcmp(run->envs[run->cells[i].env].label, label) == 0)
			return &run->cells[i];
	}
	return NULL;
}

int lab_start_ratio(const struct lab_data *data, const char *a, const char *b, struct location *ret,
		    struct tare_err *err)
{
	const struct run_cell *of_a = data->run ? cell_of(data->run, a) : NULL;
	const struct run_cell *of_b = data->run ? cell_of(data->run, b) : NULL;
	cleanup_free double *logs = of_a ? calloc(of_a->n_trials + 1, sizeof(*logs)) : NULL;
	size_t n = 0;

	if (of_a && !logs)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; of_b && logs && i < of_a->n_trials; i++) {
		const struct run_trial *trial = &data->run->trials[of_a->trials[i]];
		double log_ratio = log(start_ns(trial) /
				       start_ns(run_trial_of_round(data->run, of_b, trial->round)));

		if (run_trial_counts(trial) && isfinite(log_ratio))
			logs[n++] = log_ratio;
	}
	if (n == 0)
		return err_set(err, ENODATA, "no round has a start of both '%.60s' and '%.60s'", a,
			       b);
	return location_of(logs, n, ret, err);
}

const json_t *lab_density_cell(const struct lab_data *data, const char *env)
{
	const json_t *cell;
	size_t i;

	json_array_foreach(json_object_get(data->density, "cells"), i, cell)
	{
		if (strcmp(json_string_or(cell, "env", ""), env) == 0)
			return cell;
	}
	return NULL;
}

const json_t *lab_isolation_env(const struct lab_data *data, const char *label)
{
	const json_t *env;
	size_t i;

	json_array_foreach(json_object_get(data->isolation, "environments"), i, env)
	{
		if (strcmp(json_string_or(env, "label", ""), label) == 0 &&
		    strcmp(json_string_or(env, "status", ""), "ok") == 0)
			return env;
	}
	return NULL;
}

const char *lab_isolation_verdict(const json_t *env, const char *probe)
{
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(env, "results"), i, result)
	{
		if (strcmp(json_string_or(result, "name", ""), probe) == 0)
			return json_string_or(result, "verdict", "");
	}
	return "";
}

const json_t *lab_check_result(const struct lab_data *data, const char *check)
{
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(data->checks, "results"), i, result)
	{
		if (strcmp(json_string_or(result, "check", ""), check) == 0)
			return result;
	}
	return NULL;
}
