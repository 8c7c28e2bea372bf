/* SPDX-License-Identifier: MIT */
#pragma once
/* manifest: what was asked and of which machine, as manifest.json; lists the sittings. */

#include <jansson.h>

#include "engine/engine.h"

struct tare_err;

/* The wall clock's time in UTC, as RFC 3339 writes it: a new text. */
json_t *manifest_now(void);

/* A new run's. -ENOENT: no tare-load. */
int manifest_make(const struct engine_config *config, json_t **ret, struct tare_err *err);

/* Begin a sitting; end it: how ("complete", ...), and the number of records by then. */
int manifest_begin_sitting(json_t *manifest, struct tare_err *err);
int manifest_end_sitting(json_t *manifest, const char *end, uint64_t records, json_t *taken_spent,
			 struct tare_err *err);
/* What the first guest of a run told of itself. */
void manifest_note_guest(json_t *manifest, const json_t *described);

/* The boots of guests that have ended, of this sitting; NULL: none. */
void manifest_note_ended(json_t *manifest, json_t *ended);

/* -EBADMSG: no manifest of tare. -EXDEV: of another machine. */
int manifest_check(const json_t *manifest, struct tare_err *err);
