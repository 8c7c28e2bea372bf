/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "lab/lab.h"
#include "lab/run/show.h"
#include "lab/run/submission.h"

#define WIDTH 92

/* A paragraph in lines of at most WIDTH. */
static void put_wrapped(FILE *to, const char *text)
{
	size_t at = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (at && at + 1 + word > WIDTH) {
			(void)fputc('\n', to);
			at = 0;
		}
		(void)fprintf(to, "%s%.*s", at ? " " : "", (int)word, text);
		at += word + (at > 0);
		text += word + (text[word] == ' ');
	}
	(void)fputc('\n', to);
}

void lab_ask(const struct lab_ops *lab, FILE *to)
{
	put_wrapped(to, lab->question);
	for (const struct lab_choice *c = lab->choices; c && c->key; c++)
		(void)fprintf(to, "  %s) %s\n", c->key, c->text);
	if (!lab->choices)
		(void)fprintf(to,
			      "  a number from %g to %g (%s); within a factor of %g it counts as "
			      "right\n",
			      lab->least, lab->most, lab->unit, lab->factor);
}

/* The words to be graded have been printed. */
static void put_points(const struct lab_ops *lab, FILE *to)
{
	cleanup_json json_t *rubric = lab_rubric_blank(lab);
	const json_t *item;
	size_t i;

	(void)fprintf(to, "\nWhat is graded, in points\n");
	json_array_foreach(rubric, i, item)
	{
		const char *what = json_string_or(item, "what", "");

		(void)fprintf(to, "  %llu  %s\n",
			      (unsigned long long)json_u64_or(item, "points", 0),
			      strcmp(what, lab->discuss) == 0 ? "the answer in words" : what);
	}
}

void lab_handout(const struct lab_ops *lab, FILE *to)
{
	(void)fprintf(to, "LAB %s: %s\n\nAim\n", lab->name, lab->summary);
	put_wrapped(to, lab->aim);
	(void)fprintf(to, "\nBackground\n");
	put_wrapped(to, lab->background);
	(void)fprintf(to, "\nPredict first\n");
	lab_ask(lab, to);
	(void)fprintf(to, "\nThe claim that your data will confirm, refute or leave open\n");
	put_wrapped(to, lab->claim);
	(void)fprintf(to,
		      "\nCarry it out, as root\n  tare lab run %s --student 'YOUR NAME' --predict "
		      "%s\n",
		      lab->name, lab->choices ? "LETTER" : "NUMBER");
	(void)fprintf(to, "\nThen answer in words\n");
	put_wrapped(to, lab->discuss);
	put_points(lab, to);
}

json_t *lab_handout_json(const struct lab_ops *lab)
{
	json_t *choices = lab->choices ? json_object() : json_null();
	json_t *number = json_null();

	for (const struct lab_choice *c = lab->choices; c && c->key; c++)
		(void)json_object_set_new(choices, c->key, json_string(c->text));
	if (!lab->choices)
		number = json_pack("{s:s, s:o, s:o, s:o}", "unit", lab->unit, "least",
				   json_number(lab->least), "most", json_number(lab->most),
				   "factor", json_number(lab->factor));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:o}", "name", lab->name,
			 "summary", lab->summary, "aim", lab->aim, "background", lab->background,
			 "question", lab->question, "choices", choices, "number", number, "claim",
			 lab->claim, "discuss", lab->discuss, "rubric", lab_rubric_blank(lab));
}
