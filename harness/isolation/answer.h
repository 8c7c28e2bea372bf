/* SPDX-License-Identifier: MIT */
#pragma once
/* answer: what `tare-load probe` said from inside of a box. It is not trusted: whoever is inside
 * may have written it. */

#include <jansson.h>
#include <stddef.h>

struct tare_err;

#define ANSWER_MAX (256U << 10) /* bytes of all of it */

/* One JSON object a line, {"name", "kind": "name"|"attack", "outcome", "evidence", "items"}.
 * *ret: {NAME: the object}; the first of a name counts. Evidence is cut and its control
 * characters are replaced. -EBADMSG: a line is none; -EFBIG: too much. */
int answer_parse(const char *text, size_t size, json_t **ret, struct tare_err *err);

/* "private", "partly" or "shared": how many of outside's items are inside too. NULL: outside has
 * none to be seen. */
const char *answer_compare(const json_t *inside, const json_t *outside);
