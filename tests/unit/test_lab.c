/* SPDX-License-Identifier: MIT */
/* Labs: predictions, verdicts, and what grading makes of students' folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "folder.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/grade.h"
#include "lab/run/submission.h"

#define LOAD "/proc/self/exe" /* some program */

static const struct lab_ops *lab(const char *name)
{
	const struct lab_ops *ops = NULL;
	struct tare_err err = {0};

	if (lab_find(name, &ops, &err) < 0)
		fail_msg("%s", err.msg);
	return ops;
}

static char *path_of(const char *dir, const char *name)
{
	char *path = text_format("%s/%s/%s", folder, dir, name);

	assert_non_null(path);
	return path;
}

static void put_file(const char *dir, const char *name, const char *text)
{
	cleanup_free char *path = path_of(dir, name);
	cleanup_free char *above = strndup(path, (size_t)(strrchr(path, '/') - path));
	cleanup_fclose FILE *f = NULL;

	assert_int_equal(fd_make_dirs(above, NULL), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static void predictions_are_letters_or_numbers(void **state)
{
	static const char *const bad[] = {"", "e", "bb", "2", "b "};
	static const char *const no_number[] = {"", "b", "-1", "1e9", "nan", "3 times"};
	json_t *value = NULL;

	(void)state;
	assert_int_equal(lab_prediction_parse(lab("names"), "C", &value, NULL), 0);
	assert_string_equal(json_string_value(value), "c");
	json_decref(value);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(lab_prediction_parse(lab("names"), bad[i], &value, NULL), -EINVAL);
	assert_int_equal(lab_prediction_parse(lab("startup"), "2.5", &value, NULL), 0);
	assert_true(json_number_value(value) == 2.5);
	json_decref(value);
	for (size_t i = 0; i < sizeof(no_number) / sizeof(*no_number); i++)
		assert_int_equal(lab_prediction_parse(lab("startup"), no_number[i], &value, NULL),
				 -EINVAL);
}

static void an_estimate_is_right_within_its_factor(void **state)
{
	struct lab_findings findings = {.number = 4};
	cleanup_json json_t *low = json_pack("{s:f}", "value", 2.01);
	cleanup_json json_t *wrong = json_pack("{s:f}", "value", 8.1);

	(void)state;
	assert_int_equal(lab_prediction_right(lab("startup"), low, &findings), 1);
	assert_int_equal(lab_prediction_right(lab("startup"), wrong, &findings), 0);
	assert_int_equal(lab_prediction_right(lab("startup"), NULL, &findings), 0);
	findings.number = NAN;
	assert_int_equal(lab_prediction_right(lab("startup"), low, &findings), -1);
}

static json_t *interval(double low, double high)
{
	return json_pack("{s:f, s:f}", "low", low, "high", high);
}

static void a_claim_stands_or_falls_with_its_whole_interval(void **state)
{
	static const double bounds[] = {0.9, 1.1, 2, 10};
	cleanup_json json_t *in = interval(0.95, 1.05), *over = interval(1.05, 1.2);
	cleanup_json json_t *out = interval(1.2, 1.3);
	cleanup_json json_t *none = json_pack("{s:n, s:n}", "low", "high");

	(void)state;
	assert_int_equal(lab_within(in, 0.9, 1.1), LAB_CONFIRMED);
	assert_int_equal(lab_within(over, 0.9, 1.1), LAB_NOT_RESOLVED);
	assert_int_equal(lab_within(out, 0.9, 1.1), LAB_REFUTED);
	assert_int_equal(lab_within(none, 0.9, 1.1), LAB_NOT_RESOLVED);
	assert_int_equal(lab_within(NULL, 0.9, 1.1), LAB_NOT_RESOLVED);
	assert_int_equal(lab_class_of(in, bounds, 3), 0);
	assert_int_equal(lab_class_of(over, bounds, 3), -1);
	assert_int_equal(lab_class_of(out, bounds, 3), 1);
	assert_int_equal(lab_class_of(NULL, bounds, 3), -1);
	json_decref(out);
	out = interval(3, 4);
	assert_int_equal(lab_class_of(out, bounds, 3), 2);
}

static void names_of_students_are_plain(void **state)
{
	char longest[LAB_STUDENT_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	longest[LAB_STUDENT_MAX + 1] = '\0';
	assert_int_equal(lab_check_student("Zo\xc3\xab O'Neill", NULL), 0);
	assert_int_equal(lab_check_student("", NULL), -EINVAL);
	assert_int_equal(lab_check_student("a\nb", NULL), -EINVAL);
	assert_int_equal(lab_check_student("\x1b[2J", NULL), -EINVAL);
	assert_int_equal(lab_check_student("\xc2\x9b", NULL), -EINVAL);
	assert_int_equal(lab_check_student("\xff", NULL), -EINVAL);
	assert_int_equal(lab_check_student(longest, NULL), -EINVAL);
	longest[LAB_STUDENT_MAX] = '\0';
	assert_int_equal(lab_check_student(longest, NULL), 0);
}

/* The verdict on a folder's data, of which `outcome` may be all that is asked. */
static int judge(const char *name, const char *dir, struct lab_findings *ret)
{
	cleanup_free char *path = text_format("%s/%s", folder, dir);
	struct tare_err err = {0};
	struct lab_data data;
	int r = lab_data_read(path, &data, &err);

	if (r < 0)
		return r;
	assert_int_equal(lab_findings_open(ret, NULL), 0);
	r = lab(name)->judge(&data, ret, &err);
	lab_data_clear(&data);
	return r;
}

static const char ps_seen[] =
	"{\"inside\": [{\"pid\": 1, \"name\": \"sh\"}, {\"pid\": 2, \"name\": "
	"\"ps\"}], \"outside\": {\"processes\": 90, \"pid\": 4711, "
	"\"pid_inside\": 1}}";
static const char ps_everybody[] =
	"{\"inside\": [{\"pid\": 1, \"name\": \"init\"}, {\"pid\": 2, \"name\": \"kthreadd\"}, "
	"{\"pid\": 3, \"name\": \"x\"}, {\"pid\": 8, \"name\": \"y\"}, {\"pid\": 9, \"name\": "
	"\"z\"}, "
	"{\"pid\": 4711, \"name\": \"sh\"}], \"outside\": {\"processes\": 6, \"pid\": 4711, "
	"\"pid_inside\": 4711}}";

static void data_confirm_and_refute(void **state)
{
	struct lab_findings findings;

	(void)state;
	put_file("sees-few", "data/seen.json", ps_seen);
	assert_int_equal(judge("ps", "sees-few", &findings), 0);
	assert_int_equal(findings.outcome, LAB_CONFIRMED);
	assert_string_equal(findings.key, "b");
	lab_findings_clear(&findings);
	put_file("sees-all", "data/seen.json", ps_everybody);
	assert_int_equal(judge("ps", "sees-all", &findings), 0);
	assert_int_equal(findings.outcome, LAB_REFUTED);
	assert_string_equal(findings.key, "a");
	lab_findings_clear(&findings);
}

/* One round of the lab on unions, of which `own` is what the box had after it wrote. */
static void put_union(const char *dir, double own, double copy_ms)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "{\"planned\": 6, \"rounds\": [");

	for (int i = 0; i < 6; i++)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n,
			"%s{\"overlay_ms\": %g, \"bind_ms\": 10, \"copy_ms\": %g, \"write_ms\": "
			"30, \"overlay_own_mib\": 0, \"write_own_mib\": %g, \"copy_disk_mib\": 65}",
			i ? ", " : "", 10 + 0.1 * i, copy_ms, own);
	(void)snprintf(text + n, sizeof(text) - (size_t)n, "]}");
	put_file(dir, "data/seen.json", text);
}

static void a_union_lab_is_judged_by_all_of_its_claim(void **state)
{
	struct lab_findings findings;

	(void)state;
	put_union("union-whole", 64.03, 80);
	assert_int_equal(judge("union", "union-whole", &findings), 0);
	assert_int_equal(findings.outcome, LAB_CONFIRMED);
	assert_true(fabs(findings.number - 64.03) < 1e-9);
	lab_findings_clear(&findings);
	put_union("union-bytes", 0.03, 80);
	assert_int_equal(judge("union", "union-bytes", &findings), 0);
	assert_int_equal(findings.outcome, LAB_REFUTED);
	lab_findings_clear(&findings);
	put_union("union-even", 64.03, 10.25);
	assert_int_equal(judge("union", "union-even", &findings), 0);
	assert_int_equal(findings.outcome, LAB_NOT_RESOLVED);
	lab_findings_clear(&findings);
}

/* No lab makes anything of nothing, nor of what has another shape than it wrote. */
static void hostile_data_prove_nothing(void **state)
{
	static const char *const shapes[] = {
		"{}",
		"{\"inside\": 5, \"outside\": [], \"rounds\": {\"a\": 1}, \"results\": \"x\", "
		"\"environments\": [null, 3, {\"label\": 7}], \"native\": [], \"planned\": -1}",
		"{\"rounds\": [1, [], {\"overlay_ms\": \"x\", \"copy_ms\": -3}], \"inside\": [[], "
		"1], "
		"\"results\": [[1]], \"environments\": [{\"label\": \"container\", \"status\": "
		"\"ok\", "
		"\"results\": 3}]}",
		"{\"cells\": [3, {\"env\": \"container\", \"fit\": {\"rounds\": 5, \"location\": "
		"\"x\", \"ci\": [1]}, \"group_bytes\": 7}, {\"env\": \"tcg\", \"fit\": "
		"{\"rounds\": "
		"-1}}]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		char dir[16];

		(void)snprintf(dir, sizeof(dir), "shape%zu", i);
		put_file(dir, "data/seen.json", shapes[i]);
		put_file(dir, "data/isolation.json", shapes[i]);
		put_file(dir, "data/checks.json", shapes[i]);
		put_file(dir, "data/density.json", shapes[i]);
		for (const struct lab_ops *const *l = lab_ops_table; *l; l++) {
			struct lab_findings findings;

			assert_int_equal(judge((*l)->name, dir, &findings), 0);
			if (findings.outcome == LAB_CONFIRMED)
				fail_msg("'%s' confirms by shape %zu", (*l)->name, i);
			assert_string_equal(findings.key, "");
			assert_true(isnan(findings.number));
			lab_findings_clear(&findings);
		}
	}
}

static void links_pipes_and_giants_are_not_read(void **state)
{
	cleanup_free char *seen = path_of("link", "data/seen.json");
	cleanup_free char *pipe = path_of("pipe", "data/seen.json");
	cleanup_free char *giant = path_of("giant", "data/seen.json");
	cleanup_free char *run = path_of("run", "data/run");
	struct lab_findings findings;

	(void)state;
	put_file("link", "data/x", "");
	put_file("pipe", "data/x", "");
	put_file("run", "data/x", "");
	put_file("giant", "data/seen.json", "{}");
	assert_int_equal(symlink("/etc/passwd", seen), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(truncate(giant, 64 << 20), 0);
	assert_int_equal(symlink("/proc/self", run), 0);
	assert_true(judge("ps", "link", &findings) < 0);
	assert_int_equal(judge("ps", "pipe", &findings), -EBADMSG);
	assert_int_equal(judge("ps", "giant", &findings), -EFBIG);
	assert_int_equal(judge("paths", "run", &findings), -EBADMSG);
}

/* A submission as `tare lab run ps` leaves it. */
static void hand_in(const char *dir, const char *student, uint64_t seed, const char *seen)
{
	cleanup_json json_t *submission = NULL, *missing = json_array();
	cleanup_free char *path = text_format("%s/%s", folder, dir);
	const struct lab_begin begin = {.lab = lab("ps"),
					.student = student,
					.load_path = LOAD,
					.prediction = json_string("b"),
					.seed = seed};
	struct tare_err err = {0};

	put_file(dir, "data/seen.json", seen);
	assert_int_equal(lab_submission_begin(&begin, &submission, &err), 0);
	if (lab_submission_finish(submission, begin.lab, path, missing, &err) < 0)
		fail_msg("%s", err.msg);
}

static json_t *grade(const char *dir)
{
	char *path = text_format("%s/%s", folder, dir);
	char *const dirs[] = {path, NULL};
	struct tare_err err = {0};
	json_t *grades = NULL;

	if (grade_all(dirs, LOAD, &grades, &err) < 0)
		fail_msg("%s", err.msg);
	free(path);
	return grades;
}

static const json_t *row_of(const json_t *grades, size_t i)
{
	return json_array_get(json_object_get(grades, "submissions"), i);
}

/* "copied tampered" of the flags, each kind as often as it is there. */
static const char *flags_of(const json_t *row)
{
	static char text[200];
	const json_t *one;
	size_t i;

	text[0] = '\0';
	json_array_foreach(json_object_get(row, "flags"), i, one)
	{
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			       i ? " " : "", json_string_or(one, "kind", "?"));
	}
	return text;
}

static uint64_t points_of(const json_t *row)
{
	return json_u64_or(json_object_get(row, "points"), "earned", 99);
}

static void honest_submissions_are_merged(void **state)
{
	cleanup_json json_t *grades = NULL;

	(void)state;
	hand_in("class/ada/ps", "Ada", 1, ps_seen);
	hand_in("class/bob/ps", "Bob", 2, ps_seen); /* on the same machine: the same is seen */
	hand_in("class/eve/ps", "Eve", 3, ps_everybody);
	grades = grade("class");
	assert_int_equal(json_array_size(json_object_get(grades, "submissions")), 3);
	assert_false(grade_has_flags(grades));
	assert_string_equal(json_string_or(row_of(grades, 0), "student", ""), "Ada");
	assert_int_equal(points_of(row_of(grades, 0)), 10);
	assert_int_equal(points_of(row_of(grades, 2)), 9);
	assert_string_equal(
		json_string_or(json_object_get(row_of(grades, 2), "prediction"), "right", ""),
		"wrong");
	assert_string_equal(
		json_string_or(json_object_get(row_of(grades, 2), "verdict"), "outcome", ""),
		"refuted");
}

static void copies_are_flagged_whoever_signs(void **state)
{
	cleanup_json json_t *grades = NULL;

	(void)state;
	hand_in("copies/a", "Ada", 7, ps_seen);
	hand_in("copies/b", "Bob", 7, ps_seen);
	hand_in("copies/c", "Eve", 8, ps_seen);
	grades = grade("copies");
	assert_string_equal(flags_of(row_of(grades, 0)), "copied");
	assert_string_equal(flags_of(row_of(grades, 1)), "copied");
	assert_string_equal(flags_of(row_of(grades, 2)), "");
}

/* Change a member of a handed-in lab.json, and sign it anew if `sign`. */
static void forge(const char *dir, const char *key, json_t *value, bool sign)
{
	cleanup_free char *path = path_of(dir, LAB_FILE);
	cleanup_free char *whole = text_format("%s/%s", folder, dir);
	cleanup_json json_t *submission = json_load_file(path, 0, NULL);

	assert_non_null(submission);
	assert_int_equal(json_object_set_new(submission, key, value), 0);
	if (sign)
		assert_int_equal(lab_submission_write(submission, whole, NULL), 0);
	else
		assert_int_equal(json_dump_file(submission, path, 0), 0);
}

static void what_was_changed_is_flagged(void **state)
{
	cleanup_json json_t *grades = NULL;
	char other[DIGEST_SIZE];

	(void)state;
	memset(other, 'a', sizeof(other));
	other[DIGEST_SIZE - 1] = '\0';
	hand_in("forged/1data", "Ada", 11, ps_seen);
	put_file("forged/1data", "data/seen.json", ps_everybody);
	hand_in("forged/2name", "Bob", 12, ps_seen);
	forge("forged/2name", "student", json_string("Eve"), false);
	hand_in("forged/3answer", "Cleo", 13, ps_everybody);
	forge("forged/3answer", "answer", json_string("b"), true);
	hand_in("forged/4load", "Dan", 14, ps_seen);
	forge("forged/4load", "tare",
	      json_pack("{s:s, s:s}", "version", TARE_VERSION, "load_sha256", other), true);
	hand_in("forged/5version", "Fay", 15, ps_seen);
	forge("forged/5version", "tare",
	      json_pack("{s:s, s:s}", "version", "0.0.1", "load_sha256", other), true);
	grades = grade("forged");
	assert_string_equal(flags_of(row_of(grades, 0)), "tampered tampered");
	assert_int_equal(points_of(row_of(grades, 0)), 7);
	assert_string_equal(flags_of(row_of(grades, 1)), "tampered");
	assert_int_equal(points_of(row_of(grades, 1)), 8);
	assert_string_equal(flags_of(row_of(grades, 2)), "tampered");
	assert_string_equal(flags_of(row_of(grades, 3)), "other-load");
	assert_int_equal(points_of(row_of(grades, 3)), 10);
	assert_string_equal(flags_of(row_of(grades, 4)), "other-version other-load");
}

static void what_cannot_be_graded_is_a_row_that_says_why(void **state)
{
	cleanup_free char *pipe = path_of("broken/2pipe", LAB_FILE);
	cleanup_json json_t *grades = NULL;

	(void)state;
	put_file("broken/1text", LAB_FILE, "not JSON");
	put_file("broken/2pipe", "x", "");
	assert_int_equal(mkfifo(pipe, 0600), 0);
	put_file("broken/3lab", LAB_FILE, "{\"schema\": \"tare.lab/1\", \"lab\": \"magic\"}");
	put_file("broken/4bare", LAB_FILE,
		 "{\"schema\": \"tare.lab/1\", \"lab\": \"ps\", \"student\": \"\\u001b[2J\", "
		 "\"prediction\": 3, \"seed\": -1, \"data\": 5, \"tare\": []}");
	grades = grade("broken");
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(flags_of(row_of(grades, i)), "unreadable");
	assert_string_equal(json_string_or(row_of(grades, 3), "student", ""), "?");
	assert_string_equal(flags_of(row_of(grades, 3)), "incomplete tampered");
	assert_int_equal(points_of(row_of(grades, 3)), 0);
}

static void nothing_to_grade_is_an_error(void **state)
{
	char *none = text_format("%s/none", folder);
	char *const dirs[] = {none, NULL};
	struct tare_err err = {0};
	json_t *grades = NULL;

	(void)state;
	put_file("none", "a/b/c/" LAB_FILE, "{}"); /* deeper than is looked */
	assert_int_equal(grade_all(dirs, LOAD, &grades, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "lab.json"));
	free(none);
}

static void a_spreadsheet_carries_nothing_out(void **state)
{
	cleanup_free char *csv = path_of("sheet", "out.csv");
	cleanup_json json_t *grades = NULL;
	char text[4096];

	(void)state;
	hand_in("sheet/a", "=HYPERLINK(\"http://x\")", 21, ps_seen);
	grades = grade("sheet");
	assert_int_equal(grade_write_csv(grades, csv, NULL), 0);
	assert_true(fd_read_file(-1, csv, text, sizeof(text), NULL) > 0);
	assert_non_null(strstr(text, "\r\n\"'=HYPERLINK(\"\"http://x\"\")\",\"ps\","));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(predictions_are_letters_or_numbers),
		cmocka_unit_test(an_estimate_is_right_within_its_factor),
		cmocka_unit_test(a_claim_stands_or_falls_with_its_whole_interval),
		cmocka_unit_test(names_of_students_are_plain),
		cmocka_unit_test(data_confirm_and_refute),
		cmocka_unit_test(a_union_lab_is_judged_by_all_of_its_claim),
		cmocka_unit_test(hostile_data_prove_nothing),
		cmocka_unit_test(links_pipes_and_giants_are_not_read),
		cmocka_unit_test(honest_submissions_are_merged),
		cmocka_unit_test(copies_are_flagged_whoever_signs),
		cmocka_unit_test(what_was_changed_is_flagged),
		cmocka_unit_test(what_cannot_be_graded_is_a_row_that_says_why),
		cmocka_unit_test(nothing_to_grade_is_an_error),
		cmocka_unit_test(a_spreadsheet_carries_nothing_out),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
