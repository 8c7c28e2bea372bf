/* SPDX-License-Identifier: MIT */
#pragma once
/* journal_undo: inside of the journal: where things may be, whose they are, how they go.
 *
 * What a journal or a name says is not trusted: it may be torn, old or made up. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cgroup.h"
#include "kernel/journal.h"

#define JOURNAL_NAME_SIZE 40
#define JOURNAL_KINDS     (JOURNAL_SETTING + 1)
/* A run of a day with a trial a second notes some 10 MB. */
#define JOURNAL_SIZE_MAX  (64U << 20)

extern const char *const journal_kind_names[JOURNAL_KINDS];

struct journal_places {
	char runtime[256]; /* "/run/tare" */
	char cache[256];   /* "/var/cache/tare" */
	char temp[256];    /* "/tmp" */
	/* The runs of another runtime folder than /run/tare carry its mark in their names, so
	 * that no folder's `clean` takes the things of another one's runs: "x1a2b", else "". */
	char mark[8];
};

/* Also makes the runtime folder if make is true. */
int journal_places_read(struct journal_places *ret, bool make, struct tare_err *err);

/* Does name start as a run's name, "20261123-190211-3f2a"? Gives back its length, or 0. */
size_t journal_name_length(const char *name);
/* Is the text "tare-RUN" or "tare-RUN" with more behind a '-' or '.', RUN being a run's name?
 * Gives back RUN. */
bool journal_name_of(const char *text, char ret_run[JOURNAL_NAME_SIZE]);
/* Is a run of this runtime folder? */
bool journal_name_is_ours(const struct journal_places *places, const char *run);

/* May the run have such an entry? -EPERM and a sentence. */
int journal_check(const struct journal_places *places, const char *run, enum journal_kind kind,
		  const char *argument, struct tare_err *err);

/* Field 22 of /proc/PID/stat. -ESRCH: no such process. */
int journal_start_time(int pid, uint64_t *ret, struct tare_err *err);

/* Taking down. */
struct journal_undo {
	const struct journal_places *places;
	struct cgroup_layout layout; /* by journal_undo_layout() */
	bool has_layout;
	/* So many of the journal's entries are known to be gone: where they are all of a kind,
	 * none is looked for. */
	size_t gone[JOURNAL_KINDS];
	void (*say)(const char *what, void *context); /* may be NULL */
	void *context;
	size_t things;        /* removed so far */
	struct tare_err *err; /* the first that could not be done; may be NULL */
	int failed;           /* its -errno, or 0 */
	bool again;           /* something is left that a later attempt may remove */
};

void journal_undo_init(struct journal_undo *undo, const struct journal_places *places,
		       struct tare_err *err);
/* The layout, read by the first who needs it. */
const struct cgroup_layout *journal_undo_layout(struct journal_undo *undo);
/* Say and count a thing that is gone. */
void journal_undo_did(struct journal_undo *undo, const char *kind, const char *what);
/* Keep the first failure. */
void journal_undo_failed(struct journal_undo *undo, const struct tare_err *why);
/* All that the text of a run's journal names. */
void journal_undo_text(struct journal_undo *undo, const char *run, char *text);
void journal_undo_cgroup(struct journal_undo *undo, const char *name);
void journal_undo_link(struct journal_undo *undo, const char *name);
/* Undo what journal_fd says and remove the journal, unless something is left. */
void journal_undo_run(struct journal_undo *undo, const char *run, int journal_fd);
