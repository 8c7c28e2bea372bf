/* SPDX-License-Identifier: MIT */
#pragma once
/* lab: one experiment of the lecture: a question to predict first, what is carried out to answer
 * it, and what the student's own data say to a claim.
 *
 * A file lab/NAME.c defines `const struct lab_ops lab_ops_NAME`; helpers are in lab/run/.
 * carry_out() writes the data into the submission's folder; judge() makes figures, answer and
 * verdict of these data alone, so that whoever grades can do it again. */

#include <jansson.h>
#include <stdbool.h>

struct tare_err;
struct doc;
struct lab_work;
struct lab_data;
struct lab_findings;

struct lab_choice {
	const char *key;  /* "a" */
	const char *text; /* one line */
};

struct lab_ops {
	const char *name, *summary;
	const char *aim;        /* one sentence */
	const char *background; /* a few sentences */
	const char *question;
	const struct lab_choice *choices; /* ended by key NULL; NULL: a number is estimated */
	const char *unit;                 /* of that number */
	double least, most;               /* that may be said */
	double factor;       /* an estimate within this factor of what was measured is right */
	const char *claim;   /* one sentence, which the data confirm or refute */
	const char *discuss; /* to be answered in words, and graded by a person */
	/* Can it be done here? 0, or -ENOTSUP and a sentence. May be NULL. image: that was asked
	 * for, or NULL. */
	int (*probe)(const char *cache_dir, const char *image, struct tare_err *err);
	bool takes_image; /* --image is for it */
	int (*carry_out)(struct lab_work *work, struct tare_err *err);
	/* The data are a stranger's: what is missing in them is missing in the findings. */
	int (*judge)(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err);
	/* Tables and plots of its own for the report. May be NULL. */
	int (*show)(const struct lab_data *data, struct doc *doc, struct tare_err *err);
};

extern const struct lab_ops *const lab_ops_table[]; /* NULL-terminated, by name */

/* -ENOENT with "did you mean". */
int lab_find(const char *name, const struct lab_ops **ret, struct tare_err *err);
