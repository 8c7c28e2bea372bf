/* SPDX-License-Identifier: MIT */
#pragma once
/* journal: what a run is about to make on the system, written down before it is made, so that
 * `tare clean` can take it down after any death.
 *
 * One file a run, /run/tare/NAME (without root: $XDG_RUNTIME_DIR/tare/NAME; tests choose
 * another folder by TARE_RUNTIME_DIR, whose runs carry a mark in their names), of lines "KIND
 * ARGUMENT". The run is alive as long as it holds flock(2) on that file: no pid is ever guessed.
 * Entries are never removed one by one: taking down is idempotent. */

#include <stddef.h>

struct tare_err;
struct journal;

enum journal_kind {
	JOURNAL_CGROUP,  /* a cgroup's name, relative to the root of each hierarchy */
	JOURNAL_PROCESS, /* "PID STARTTIME NAME", STARTTIME being field 22 of /proc/PID/stat */
	JOURNAL_MOUNT,   /* a mount point in tare's own mount namespace; where, as JOURNAL_PATH */
	JOURNAL_PATH,    /* a file or a folder, removed with all below it: below the run's folder,
			  * tare's cache or $TMPDIR, or anywhere when named tare-NAME... */
	JOURNAL_LINK,    /* a network interface's name: "tare-" and the last part of NAME */
	JOURNAL_LOOP,    /* a loop device's path */
	JOURNAL_SETTING, /* "PATH\tVALUE": a kernel setting and what it was before */
};

/* Begin a run's journal; the name is made: the time and a random part, "20261123-190211-3f2a".
 * -EROFS, -EACCES, ...: the folder cannot be made. */
int journal_open(struct journal **ret, struct tare_err *err);

/* The run's name, fit for "tare-NAME..." in cgroups, interfaces and files. */
const char *journal_name(const struct journal *journal);
/* The run's own folder for its sockets and temporary files, /run/tare/NAME.d, which is made by the
 * first who asks: most runs do without. NULL: it cannot be made. */
const char *journal_dir(struct journal *journal, struct tare_err *err);

/* Write an entry down. -EPERM: taking down would refuse it, since the run may not have such a
 * thing: it must not be made. journal may be NULL (in a guest, which vanishes as a whole). */
int journal_note(struct journal *journal, enum journal_kind kind, const char *argument,
		 struct tare_err *err);
/* As journal_note for a process that was just made. */
int journal_note_process(struct journal *journal, int pid, const char *name, struct tare_err *err);

/* One thing of that kind is known to be gone. When all are, closing does not look for them. */
void journal_gone(struct journal *journal, enum journal_kind kind);

/* Take down what the journal says is still there, and the journal itself. What could not be
 * undone is in err, and the rest is undone nevertheless; the journal then stays for
 * journal_clean. */
int journal_close(struct journal *journal, struct tare_err *err);

struct journal_cleaned {
	size_t runs;   /* dead runs that were cleaned up */
	size_t alive;  /* runs left alone: they are still going on */
	size_t things; /* cgroups, processes, mounts, paths, ... removed */
};

/* Take down all that dead runs left, by their journals, then any cgroup, interface and
 * thing in the temporary folder that is named tare-NAME..., NAME having the form of a run's,
 * and belongs to no living run. say(what, context) is called with a line for each thing removed;
 * may be NULL. */
int journal_clean(struct journal_cleaned *ret, void (*say)(const char *what, void *context),
		  void *context, struct tare_err *err);

/* Each group at the top of a hierarchy, mounted there, that belongs to a living run. */
int journal_each_group(const char *mount,
		       void (*take)(const char *run, const char *group, void *context),
		       void *context, struct tare_err *err);
