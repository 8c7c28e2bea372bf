/* SPDX-License-Identifier: MIT */
#pragma once
/* probe: what a process can see (a name) or can do (an attack) from where it is.
 *
 * A file probes/NAME.c defines `const struct probe_set probe_set_NAME`, a family of probes, all
 * linked into tare-load. `tare-load probe` runs each in a child of its own. A probe of a name
 * lists items; two places that list the same item see the same thing. An attack is really
 * attempted. Where its success would change the machine, it only goes as far as it can without
 * changing anything (it opens for writing and writes nothing), unless probe_may_damage(). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tare_err;

enum probe_kind { PROBE_NAME, PROBE_ATTACK };
enum probe_outcome { PROBE_SEEN, PROBE_CONTAINED, PROBE_SUCCEEDED, PROBE_NOT_APPLICABLE };

#define PROBE_ITEMS     64
#define PROBE_ITEM_SIZE 96
#define PROBE_WORDS     200

struct probe_result {
	enum probe_outcome outcome;
	char evidence[PROBE_WORDS];
	size_t n_items;
	char items[PROBE_ITEMS][PROBE_ITEM_SIZE];
};

struct probe {
	const char *name;    /* [a-z0-9-] */
	const char *summary; /* one line: what is seen, or what is attempted */
	enum probe_kind kind;
	bool changes_machine; /* its success would */
	/* Runs in a child that may be killed for it, which counts as contained. */
	void (*run)(struct probe_result *ret);
};

struct probe_set {
	const struct probe *probes; /* ended by name NULL */
};

extern const struct probe_set *const probe_set_table[]; /* NULL-terminated, by name */

/* What was made outside to be found: "bait=TOKEN", "pid=N", ...; NULL: not given. */
const char *probe_bait(const char *name);
long probe_bait_number(const char *name, long otherwise);
/* A process of outside by its number there; 0, and said so: another kernel answers here, to which
 * the number means nothing. */
pid_t probe_bait_process(const char *name, struct probe_result *ret);

/* True: asked to do the real thing, and in a guest that tare booted, which is thrown away. */
bool probe_may_damage(void);

/* One more thing seen; what is over PROBE_ITEMS is dropped. */
void probe_item(struct probe_result *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Which kernel this is: its boot id. Identifiers are only unique within one. */
const char *probe_boot(void);
/* The namespace of that name, told apart from those of other kernels. */
void probe_item_namespace(struct probe_result *ret, const char *name);

/* What came of an attack. */
void probe_say(struct probe_result *ret, enum probe_outcome outcome, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Of a call whose arguments are wrong: contained when the right to it is missing; any errno but
 * those for that says that the right is there. */
void probe_say_right(struct probe_result *ret, long r, const char *what);
/* r as a system call gives it: contained, with errno's name, when negative; else succeeded. */
void probe_say_call(struct probe_result *ret, long r, const char *what);
/* Open for writing and nothing more. Contained when refused; the file is not there: not
 * applicable. */
void probe_open_for_writing(struct probe_result *ret, const char *path);
/* Open for writing; with leave to damage, also write text, and put back what was there before. */
void probe_write(struct probe_result *ret, const char *path, const char *text);
