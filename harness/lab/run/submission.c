/* SPDX-License-Identifier: MIT */
#include "lab/run/submission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "engine/fingerprint.h"
#include "engine/manifest.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/show.h"

bool lab_is_plain(const char *text)
{
	cleanup_json json_t *utf8 = json_string(text);

	for (const char *c = text; *c; c++) {
		/* Those of one byte, and the others, which UTF-8 begins with C2. */
		if ((unsigned char)*c < ' ' || *c == 0x7f ||
		    ((unsigned char)*c == 0xc2 && (unsigned char)c[1] < 0xa0))
			return false;
	}
	return utf8 != NULL;
}

int lab_check_student(const char *name, struct tare_err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n > LAB_STUDENT_MAX)
		return err_set(err, EINVAL, "--student: a name of 1 to %d bytes is needed",
			       LAB_STUDENT_MAX);
	if (!lab_is_plain(name))
		return err_set(err, EINVAL,
			       "--student: the name has control characters or is not UTF-8");
	return 0;
}

int lab_submission_begin(const struct lab_begin *begin, json_t **ret, struct tare_err *err)
{
	char load_hex[DIGEST_SIZE];
	int r = digest_file(begin->load_path, load_hex, err);

	if (r < 0) {
		json_decref(begin->prediction);
		return r;
	}
	*ret = json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:o, s:I, s:b, s:s, s:{s:o, s:o, s:s}}",
			 "schema", LAB_SCHEMA, "tare", "version", TARE_VERSION, "load_sha256",
			 load_hex, "lab", begin->lab->name, "student", begin->student, "machine",
			 fingerprint_read(), "seed", (json_int_t)begin->seed, "quick", begin->quick,
			 "status", "begun", "prediction", "value", begin->prediction, "at",
			 manifest_now(), "by", begin->on_terminal ? "terminal" : "option");
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

json_t *lab_findings_json(const struct lab_ops *lab, const struct lab_findings *findings)
{
	return json_pack("{s:O, s:o, s:s, s:{s:s, s:s}, s:{s:I, s:I}}", "figures",
			 findings->figures, "answer", lab_answer_value(lab, findings), "claim",
			 lab->claim, "verdict", "outcome", lab_outcome_name(findings->outcome),
			 "sentence", findings->verdict, "complete", "done",
			 (json_int_t)findings->done, "planned", (json_int_t)findings->planned);
}

enum { PREDICTED, RIGHT, COMPLETE, RESOLVED, INTACT, EXPLAINED, N_ITEMS };

static const struct {
	const char *id, *what; /* NULL: the lab's own question */
	int points;
} items[N_ITEMS] = {
	[PREDICTED] = {"predicted", "a prediction was made before the experiment", 2},
	[RIGHT] = {"right", "the prediction agrees with the data", 1},
	[COMPLETE] = {"complete", "all was measured that could be", 3},
	[RESOLVED] = {"resolved", "the data confirm or refute the claim", 2},
	[INTACT] = {"intact", "the data are those that were recorded", 2},
	[EXPLAINED] = {"explained", NULL, 5},
};

json_t *lab_rubric_blank(const struct lab_ops *lab)
{
	json_t *rubric = json_array();

	for (size_t i = 0; i < N_ITEMS; i++)
		(void)json_array_append_new(rubric,
					    json_pack("{s:s, s:s, s:i}", "id", items[i].id, "what",
						      items[i].what ? items[i].what : lab->discuss,
						      "points", items[i].points));
	return rubric;
}

/* earned: of the item's points; negative: open. */
static void grade_item(json_t *rubric, size_t item, int earned, const char *why)
{
	json_t *one = json_array_get(rubric, item);

	(void)json_object_set_new(one, "earned", earned < 0 ? json_null() : json_integer(earned));
	(void)json_object_set_new(one, "why", json_string(why));
}

/* Whole thirds of what could be measured; a quick run is for trying out, and earns one at most. */
static int complete_points(const struct lab_findings *findings, bool quick)
{
	int most = items[COMPLETE].points;
	int points =
		findings->planned ? (int)((size_t)most * findings->done / findings->planned) : 0;

	points = points > most ? most : points;
	return quick && points > 1 ? 1 : points;
}

json_t *lab_rubric(const struct lab_ops *lab, const json_t *submission,
		   const struct lab_findings *findings, const char *not_intact)
{
	const json_t *prediction = json_object_get(submission, "prediction");
	bool quick = json_bool_or(submission, "quick", false);
	bool made = json_is_string(json_object_get(prediction, "value")) ||
		    json_is_number(json_object_get(prediction, "value"));
	int right = lab_prediction_right(lab, prediction, findings);
	bool resolved = findings->outcome != LAB_NOT_RESOLVED;
	json_t *rubric = lab_rubric_blank(lab);
	char why[96];

	(void)snprintf(why, sizeof(why), "%zu of %zu measurements%s", findings->done,
		       findings->planned,
		       quick ? "; by --quick, which earns one point at most" : "");
	grade_item(rubric, PREDICTED, made ? items[PREDICTED].points : 0,
		   made ? "" : "there is none");
	grade_item(rubric, RIGHT, right == 1 ? items[RIGHT].points : 0,
		   right == 1   ? ""
		   : right == 0 ? "the data say otherwise"
				: "the data do not tell");
	grade_item(rubric, COMPLETE, complete_points(findings, quick), why);
	grade_item(rubric, RESOLVED, resolved ? items[RESOLVED].points : 0,
		   resolved ? "" : "the intervals leave it open");
	grade_item(rubric, INTACT, *not_intact ? 0 : items[INTACT].points, not_intact);
	grade_item(rubric, EXPLAINED, -1, "for a person to grade");
	return rubric;
}

json_t *lab_points(const json_t *rubric)
{
	json_int_t of = 0, earned = 0, by_hand = 0;
	const json_t *item;
	size_t i;

	json_array_foreach(rubric, i, item)
	{
		json_int_t points = json_integer_value(json_object_get(item, "points"));
		const json_t *got = json_object_get(item, "earned");

		if (json_is_integer(got)) {
			of += points;
			earned += json_integer_value(got);
		} else {
			by_hand += points;
		}
	}
	return json_pack("{s:I, s:I, s:I}", "earned", earned, "of", of, "by_hand", by_hand);
}

static int judge_into(json_t *submission, const struct lab_ops *lab, const struct lab_data *data,
		      struct tare_err *err)
{
	cleanup_json json_t *found = NULL;
	struct lab_findings findings;
	json_t *rubric;
	int r = lab_findings_open(&findings, err);

	if (r < 0)
		return r;
	r = lab->judge(data, &findings, err);
	if (r == 0) {
		rubric = lab_rubric(lab, submission, &findings, "");
		found = lab_findings_json(lab, &findings);
		(void)json_object_update(submission, found);
		(void)json_object_set_new(submission, "points", lab_points(rubric));
		(void)json_object_set_new(submission, "rubric", rubric);
	}
	lab_findings_clear(&findings);
	return r;
}

int lab_submission_finish(json_t *submission, const struct lab_ops *lab, const char *dir,
			  const json_t *missing, struct tare_err *err)
{
	char all[DIGEST_SIZE];
	struct lab_data data;
	json_t *digests;
	int r = lab_data_digests(dir, &digests, all, err);

	if (r < 0)
		return r;
	(void)json_object_set_new(submission, "data", digests);
	(void)json_object_set_new(submission, "data_sha256", json_string(all));
	(void)json_object_set_new(submission, "ended", manifest_now());
	(void)json_object_set_new(submission, "missing", json_deep_copy(missing));
	(void)json_object_set_new(submission, "status", json_string("complete"));
	r = lab_data_read(dir, &data, err);
	if (r < 0)
		return r;
	r = judge_into(submission, lab, &data, err);
	if (r == 0)
		r = lab_report(lab, submission, &data, err);
	lab_data_clear(&data);
	return r < 0 ? r : lab_submission_write(submission, dir, err);
}

int lab_submission_digest(const json_t *submission, char ret_hex[DIGEST_SIZE], struct tare_err *err)
{
	cleanup_json json_t *copy = json_copy((json_t *)(uintptr_t)submission); /* NOLINT */
	cleanup_free char *text = NULL;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	(void)json_object_del(copy, "digest");
	text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	return digest_bytes(text, strlen(text), ret_hex, err);
}

int lab_submission_write(json_t *submission, const char *dir, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/" LAB_FILE, dir);
	char hex[DIGEST_SIZE];
	int r = lab_submission_digest(submission, hex, err);

	if (r < 0)
		return r;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	(void)json_object_set_new(submission, "digest", json_string(hex));
	return newfile_write_json(path, submission, JSON_INDENT(1), err);
}
