/* SPDX-License-Identifier: MIT */
#include "lab/run/grade.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/submission.h"

#define SUBMISSIONS_MAX 2000
#define ENTRIES_MAX     10000 /* of a folder */
#define DEPTH_MAX       2     /* of folders around submissions */

static void flag(json_t *row, const char *kind, const char *what)
{
	(void)json_array_append_new(json_object_get(row, "flags"),
				    json_pack("{s:s, s:s}", "kind", kind, "what", what));
}

/* A text of the student's, if it is one that may be a student's; freed with the submission. */
static const char *student_of(const json_t *submission)
{
	const char *student = json_string_or(submission, "student", "");

	return lab_check_student(student, NULL) == 0 ? student : "?";
}

/* Which of the data are not as they were when lab.json was written; "" for none. */
static int compare_digests(const json_t *submission, const char *dir, json_t *row,
			   struct tare_err *err)
{
	cleanup_json json_t *now = NULL;
	const json_t *then = json_object_get(submission, "data");
	char all[DIGEST_SIZE], what[200];
	const json_t *file;
	size_t i;
	int r = lab_data_digests(dir, &now, all, err);

	if (r < 0)
		return r;
	(void)json_object_set_new(row, "data_sha256", json_string(all));
	json_array_foreach(now, i, file)
	{
		if (json_equal(json_array_get(then, i), file))
			continue;
		(void)snprintf(what, sizeof(what), "%s is not what was recorded",
			       json_string_or(file, "path", "?"));
		flag(row, "tampered", what);
		return 0;
	}
	if (json_array_size(then) != json_array_size(now))
		flag(row, "tampered", "a file of the data is missing");
	else if (strcmp(json_string_or(submission, "data_sha256", ""), all) != 0)
		flag(row, "tampered", "the digest over the data is another");
	return 0;
}

static bool is_complete(const json_t *submission)
{
	return strcmp(json_string_or(submission, "status", ""), "complete") == 0;
}

/* What a submission says against itself. */
static int check_submission(const json_t *submission, const char *dir, json_t *row,
			    struct tare_err *err)
{
	char hex[DIGEST_SIZE];
	int r = lab_submission_digest(submission, hex, err);

	if (r < 0)
		return r;
	if (strcmp(json_string_or(submission, "digest", ""), hex) != 0)
		flag(row, "tampered", LAB_FILE " is not what was written");
	/* One that was stopped says nothing of its data yet. */
	return is_complete(submission) ? compare_digests(submission, dir, row, err) : 0;
}

static void check_against_data(const json_t *submission, const struct lab_data *data,
			       const json_t *found, json_t *row)
{
	static const char *const keys[] = {"figures", "answer", "verdict", "complete"};
	const json_t *manifest = data->run ? data->run->manifest : NULL;
	const char *load = json_string_or(json_object_get(submission, "tare"), "load_sha256", "");

	if (strcmp(json_string_or(json_object_get(submission, "tare"), "version", ""),
		   TARE_VERSION) != 0) {
		flag(row, "other-version", "made by another version of tare than this one");
	} else {
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			if (!json_equal(json_object_get(submission, keys[i]),
					json_object_get(found, keys[i]))) {
				flag(row, "tampered", "its figures do not follow from its data");
				break;
			}
		}
	}
	if (manifest &&
	    (json_u64_or(manifest, "seed", 0) != json_u64_or(submission, "seed", 1) ||
	     strcmp(json_string_or(json_object_get(manifest, "tare"), "load_sha256", ""), load) !=
		     0))
		flag(row, "tampered", "its seed or its tare-load is not that of the run");
}

/* RFC 3339 in UTC sorts as text. */
static void check_times(const json_t *submission, const struct lab_data *data, json_t *row)
{
	const json_t *sittings =
		data->run ? json_object_get(data->run->manifest, "sittings") : NULL;
	const char *begun = json_string_or(json_array_get(sittings, 0), "begun", NULL);
	const char *at = json_string_or(json_object_get(submission, "prediction"), "at", NULL);

	if (begun && at && strcmp(at, begun) > 0)
		flag(row, "tampered", "its prediction is later than its run");
}

/* Why the data are not taken for what was recorded. */
static const char *doubt_of(const json_t *row)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(row, "flags"), i, one)
	{
		if (strcmp(json_string_or(one, "kind", ""), "tampered") == 0 ||
		    strcmp(json_string_or(one, "kind", ""), "incomplete") == 0)
			return json_string_or(one, "what", "");
	}
	return "";
}

static void put_prediction(json_t *row, const struct lab_ops *lab, const json_t *submission,
			   const struct lab_findings *findings)
{
	static const char *const words[] = {"not told", "wrong", "right"};
	const json_t *prediction = json_object_get(submission, "prediction");
	const json_t *value = json_object_get(prediction, "value");
	cleanup_json json_t *answer = lab_answer_value(lab, findings);
	char predicted[200], told[200];

	(void)json_object_set_new(
		row, "prediction",
		json_pack("{s:s, s:s, s:s}", "right",
			  words[lab_prediction_right(lab, prediction, findings) + 1], "predicted",
			  lab_answer_text(lab, value, predicted, sizeof(predicted)), "answer",
			  lab_answer_text(lab, answer, told, sizeof(told))));
}

/* Findings, rubric and points made anew. */
static int judge_row(const json_t *submission, const struct lab_ops *lab, const char *dir,
		     json_t *row, struct tare_err *err)
{
	cleanup_json json_t *found = NULL;
	struct lab_findings findings;
	struct lab_data data;
	json_t *rubric;
	int r = lab_data_read(dir, &data, err);

	if (r < 0)
		return r;
	r = lab_findings_open(&findings, err);
	if (r == 0)
		r = lab->judge(&data, &findings, err);
	if (r == 0) {
		found = lab_findings_json(lab, &findings);
		if (is_complete(submission))
			check_against_data(submission, &data, found, row);
		check_times(submission, &data, row);
		put_prediction(row, lab, submission, &findings);
		rubric = lab_rubric(lab, submission, &findings, doubt_of(row));
		(void)json_object_update(row, found);
		(void)json_object_del(row, "claim");
		(void)json_object_set_new(row, "points", lab_points(rubric));
		(void)json_object_set_new(row, "rubric", rubric);
	}
	lab_findings_clear(&findings);
	lab_data_clear(&data);
	return r;
}

static int fill_row(const char *dir, json_t *row, struct tare_err *err)
{
	cleanup_json json_t *submission = NULL;
	cleanup_free char *path = text_format("%s/" LAB_FILE, dir);
	const struct lab_ops *lab;
	int r = path ? json_read_file(path, &submission, err)
		     : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	if (strcmp(json_string_or(submission, "schema", ""), LAB_SCHEMA) != 0)
		return err_set(err, EBADMSG, "its schema is not " LAB_SCHEMA);
	r = lab_find(json_string_or(submission, "lab", ""), &lab, err);
	if (r < 0)
		return r;
	(void)json_object_set_new(row, "student", json_string(student_of(submission)));
	(void)json_object_set_new(row, "lab", json_string(lab->name));
	(void)json_object_set_new(row, "seed", json_u64(json_u64_or(submission, "seed", 0)));
	(void)json_object_set_new(row, "quick",
				  json_boolean(json_bool_or(submission, "quick", false)));
	(void)json_object_set_new(row, "load_sha256",
				  json_printable(json_object_get(
					  json_object_get(submission, "tare"), "load_sha256")));
	if (!is_complete(submission))
		flag(row, "incomplete", "the experiment was not carried out to its end");
	r = check_submission(submission, dir, row, err);
	return r < 0 ? r : judge_row(submission, lab, dir, row, err);
}

/* A folder that cannot be graded is a row that says why. */
static int add_row(const char *dir, json_t *rows, struct tare_err *err)
{
	cleanup_free char *printable = strdup(dir);
	struct tare_err why = {0};
	json_t *row;

	if (json_array_size(rows) == SUBMISSIONS_MAX)
		return err_set(err, E2BIG, "more than %d submissions: grade them in parts",
			       SUBMISSIONS_MAX);
	if (printable && !lab_is_plain(printable))
		(void)text_make_printable(printable);
	row = printable ? json_pack("{s:s, s:s, s:s, s:[]}", "folder", printable, "student", "?",
				    "lab", "?", "flags")
			: NULL;
	if (!row || json_array_append_new(rows, row) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (fill_row(dir, row, &why) < 0)
		flag(row, "unreadable", text_make_printable(why.msg));
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folders in one, by name; links are not followed. */
static int list_folders(const char *dir, char **ret, size_t *ret_n, struct tare_err *err)
{
	cleanup_dir DIR *d = opendir(dir);
	struct dirent *entry;
	size_t seen = 0;

	*ret_n = 0;
	if (!d)
		return err_errno(err, "open '%.200s'", dir);
	while ((entry = readdir(d))) { /* NOLINT(concurrency-mt-unsafe) */
		char *path =
			entry->d_name[0] == '.' ? NULL : text_format("%s/%s", dir, entry->d_name);
		struct stat st;

		if (++seen > ENTRIES_MAX)
			return free(path), err_set(err, E2BIG, "'%.160s' holds more than %d files",
						   dir, ENTRIES_MAX);
		if (path && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			ret[(*ret_n)++] = path;
		else
			free(path);
	}
	qsort(ret, *ret_n, sizeof(*ret), compare_names);
	return 0;
}

static bool is_submission(const char *dir)
{
	cleanup_free char *path = text_format("%s/" LAB_FILE, dir);
	struct stat st;

	return path && lstat(path, &st) == 0;
}

/* A tree of bounded depth. NOLINTNEXTLINE(misc-no-recursion) */
static int add_folder(const char *dir, int depth, json_t *rows, struct tare_err *err)
{
	cleanup_free char **folders = NULL;
	size_t n = 0;
	int r;

	if (is_submission(dir))
		return add_row(dir, rows, err);
	if (depth == 0)
		return 0;
	folders = calloc(ENTRIES_MAX, sizeof(*folders));
	if (!folders)
		return err_set(err, ENOMEM, "out of memory");
	r = list_folders(dir, folders, &n, err);
	for (size_t i = 0; i < n; i++) {
		if (r == 0)
			r = add_folder(folders[i], depth - 1, rows, err);
		free(folders[i]);
	}
	return r;
}

/* Two with the same seed and the same data are one experiment. */
static void flag_copies(json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *a = json_array_get(rows, i);

		for (size_t k = 0; k < json_array_size(rows); k++) {
			const json_t *b = json_array_get(rows, k);
			char what[400];

			if (i == k || !json_object_get(a, "data_sha256") ||
			    !json_equal(json_object_get(a, "data_sha256"),
					json_object_get(b, "data_sha256")) ||
			    !json_equal(json_object_get(a, "seed"), json_object_get(b, "seed")))
				continue;
			(void)snprintf(what, sizeof(what), "the same data as %.100s's in %.240s",
				       json_string_or(b, "student", "?"),
				       json_string_or(b, "folder", "?"));
			flag(a, "copied", what);
			break;
		}
	}
}

static size_t count_load(const json_t *rows, const char *hex)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(rows); i++)
		n += strcmp(json_string_or(json_array_get(rows, i), "load_sha256", ""), hex) == 0;
	return n;
}

/* Expected is the grader's own tare-load, where a student has it; else the one that most have. */
static void flag_loads(json_t *rows, const char *own, json_t *grades)
{
	bool mine = *own && count_load(rows, own);
	const char *expected = mine ? own : "";

	for (size_t i = 0; !mine && i < json_array_size(rows); i++) {
		const char *hex = json_string_or(json_array_get(rows, i), "load_sha256", "");

		if (*hex && (!*expected || count_load(rows, hex) > count_load(rows, expected)))
			expected = hex;
	}
	(void)json_object_set_new(grades, "load_sha256", json_string(expected));
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		const char *hex = json_string_or(row, "load_sha256", NULL);

		if (hex && strcmp(hex, expected) != 0)
			flag(row, "other-load", "measured with another tare-load than the others");
	}
}

int grade_all(char *const *dirs, const char *load_path, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *grades =
		json_pack("{s:s, s:[]}", "schema", GRADE_SCHEMA, "submissions");
	json_t *rows = json_object_get(grades, "submissions");
	char own[DIGEST_SIZE] = "";

	if (!rows)
		return err_set(err, ENOMEM, "out of memory");
	for (; *dirs; dirs++) {
		size_t before = json_array_size(rows);
		int r = add_folder(*dirs, DEPTH_MAX, rows, err);

		if (r < 0)
			return r;
		if (json_array_size(rows) == before)
			return err_set(err, ENOENT, "there is no " LAB_FILE " in '%.180s' or below",
				       *dirs);
	}
	if (digest_file(load_path, own, NULL) < 0)
		own[0] = '\0';
	flag_copies(rows);
	flag_loads(rows, own, grades);
	*ret = take_pointer(grades);
	return 0;
}

bool grade_has_flags(const json_t *grades)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(grades, "submissions"), i, row)
	{
		if (json_array_size(json_object_get(row, "flags")))
			return true;
	}
	return false;
}
