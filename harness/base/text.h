/* SPDX-License-Identifier: MIT */
#pragma once
/* text: names, near misses and lists. */

#include <stdbool.h>
#include <stddef.h>

/* The candidate nearest to word if it is near enough to be meant, else NULL.
 * Candidates end with NULL; distance is Damerau's optimal string alignment. */
const char *text_did_you_mean(const char *word, const char *const *candidates);

/* Room enough for ", did you mean 'NAME'?" of any name of tare. */
#define TEXT_HINT_SIZE 96
/* ", did you mean 'x'?" or "" into buf; gives back buf. */
char *text_hint(const char *word, const char *const *candidates, char *buf, size_t size);

/* printf into new memory; NULL when there is none. */
char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc));

/* Make what is outside of ' ' to '~' a '?': a stranger's words must not steer the user's terminal.
 */
char *text_make_printable(char *text);

/* True for 1 to 63 of [a-z0-9._-], not starting with '.' or '-': fit for a file or a cgroup. */
bool text_is_name(const char *text);

/* True for 1 to 63 of [A-Za-z0-9._+,=:-], not starting with '.' or '-': fit for the label of an
 * environment, "container,seccomp=off". */
bool text_is_label(const char *text);

/* True when one of the words of list, which are set apart by any of separators, is word. */
bool text_has_word(const char *list, const char *separators, const char *word);
