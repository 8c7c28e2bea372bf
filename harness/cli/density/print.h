/* SPDX-License-Identifier: MIT */
#pragma once
/* print: what `tare density` tells people. */

#include <jansson.h>

struct density_progress;

/* Of a document of density.h. */
void density_print(const json_t *document);
/* For struct density_plan.progress. */
void density_show_progress(const struct density_progress *progress);
