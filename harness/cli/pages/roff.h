/* SPDX-License-Identifier: MIT */
#pragma once
/* roff: text as groff's man macros want it. */

#include <stdbool.h>
#include <stdio.h>

/* Text within a line: nothing in it is a request, an escape or a hyphen that may be broken. */
void roff_put(FILE *to, const char *text);
/* The same in bold or italics: font 'B' or 'I'. */
void roff_put_in(FILE *to, char font, const char *text);
/* Lines that are filled into paragraphs: an empty one ends a paragraph, and what begins with a
 * blank is kept as it stands. */
void roff_put_text(FILE *to, const char *text);
/* What may stand after a command: what is typed in bold, what it stands for in italics, a line
 * for each of the usage's. */
void roff_put_usage(FILE *to, const char *usage);
