/* SPDX-License-Identifier: MIT */
#pragma once
/* style: the colours and shapes of the plots, by name, light and dark.
 *
 * Okabe and Ito's colours, which colour-blind people tell apart; shapes differ too, so that a
 * grey print works. A plot is drawn in the light ones; for the HTML each becomes a CSS variable
 * that has a dark value too. */

#include <stddef.h>
#include <stdint.h>

struct style_colour {
	const char *name; /* of the CSS variable, without "--" */
	uint32_t light, dark;
};

extern const struct style_colour style_colours[];
extern const size_t style_n_colours;

/* "#rrggbb" of the light colour; never fails: an unknown name is the ink. */
const char *style_hex(const char *name, char buf[8]);
/* The CSS variable for a light colour; NULL: none. */
const char *style_variable(uint32_t light);

#define STYLE_ENVS 7
/* The name of the colour of an environment, and gnuplot's point types, filled and hollow. */
const char *style_env(size_t env);
int style_point(size_t env, int filled);
/* The heat map's colour for a log2 ratio: nine classes, symmetric around 0. */
const char *style_heat(double log2_ratio);
