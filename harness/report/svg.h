/* SPDX-License-Identifier: MIT */
#pragma once
/* svg: a plot of gnuplot's, put into a page: its colours become CSS variables, its ids get a
 * prefix so that several fit into one page, its title and size go. */

#include <stdio.h>

struct tare_err;

/* -ENOENT: there is no such plot. label: what it shows, for those who cannot see it. */
int svg_embed(FILE *out, const char *path, const char *prefix, const char *label,
	      struct tare_err *err);
/* Text with the five characters of markup escaped; control characters become blanks. */
void svg_escape(FILE *out, const char *text);
