/* SPDX-License-Identifier: MIT */
#include "report/style.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct style_colour style_colours[] = {
	{"paper", 0xffffff, 0x16161a},  {"ink", 0x222222, 0xe8e8e8},
	{"soft", 0x5c5c5c, 0xa8a8b0},   {"grid", 0xe4e4e4, 0x2e2e36},
	{"rule", 0x9a9a9a, 0x6c6c76},   {"limit", 0xcc0033, 0xff7a90},
	{"cold", 0xd9e6f2, 0x1d3448},   {"shade", 0xf6e3d2, 0x43301f},
	{"env0", 0x000000, 0xe6e6e6},   {"env1", 0x0072b2, 0x56b4e9},
	{"env2", 0xd55e00, 0xe69f00},   {"env3", 0x009e73, 0x2fd0a0},
	{"env4", 0xcc79a7, 0xe29cc4},   {"env5", 0x56b4ea, 0x8fd0f7},
	{"env6", 0x8a7a00, 0xf0e442},   {"heatn4", 0x6baed6, 0x15507a},
	{"heatn3", 0x9ac8e2, 0x1b4564}, {"heatn2", 0xc0dcec, 0x1f3a50},
	{"heatn1", 0xdfedf6, 0x21303d}, {"heat0", 0xf7f7f7, 0x26262c},
	{"heatp1", 0xfdeadb, 0x3a2f26}, {"heatp2", 0xfdd2ae, 0x543a24},
	{"heatp3", 0xfdb57c, 0x704420}, {"heatp4", 0xf79a50, 0x8f4d17},
	{"cause0", 0xc1440e, 0xff8a5c}, {"cause1", 0x7b3294, 0xb98fd0},
	{"cause2", 0x2b7bba, 0x6fb3e8}, {"cause3", 0xd9a400, 0xe8c34a},
	{"cause4", 0xb4b4b4, 0x55555f},
};
const size_t style_n_colours = sizeof(style_colours) / sizeof(*style_colours);

const char *style_hex(const char *name, char buf[8])
{
	uint32_t light = 0x222222;

	for (size_t i = 0; i < style_n_colours; i++) {
		if (strcmp(style_colours[i].name, name) == 0)
			light = style_colours[i].light;
	}
	(void)snprintf(buf, 8, "#%06x", (unsigned int)light);
	return buf;
}

const char *style_variable(uint32_t light)
{
	for (size_t i = 0; i < style_n_colours; i++) {
		if (style_colours[i].light == light)
			return style_colours[i].name;
	}
	return NULL;
}

const char *style_env(size_t env)
{
	static const char *const names[STYLE_ENVS] = {"env0", "env1", "env2", "env3",
						      "env4", "env5", "env6"};

	return names[env % STYLE_ENVS];
}

int style_point(size_t env, int filled)
{
	/* gnuplot: circle, square, triangle up, triangle down, diamond, pentagon, and a cross. */
	static const int points[STYLE_ENVS][2] = {{6, 7},   {4, 5},   {8, 9}, {10, 11},
						  {12, 13}, {14, 15}, {1, 2}};

	return points[env % STYLE_ENVS][filled ? 1 : 0];
}

const char *style_heat(double log2_ratio)
{
	static const char *const names[] = {"heatn4", "heatn3", "heatn2", "heatn1", "heat0",
					    "heatp1", "heatp2", "heatp3", "heatp4"};
	/* Bounds of the classes: 9 %, 1.4, 2.8 and 8 times. */
	static const double bounds[] = {0.125, 0.5, 1.5, 3};
	int class = 0;

	if (isnan(log2_ratio))
		return names[4];
	while (class < 4 && fabs(log2_ratio) >= bounds[class])
		class ++;
	return names[log2_ratio < 0 ? 4 - class : 4 + class];
}
