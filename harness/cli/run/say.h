/* SPDX-License-Identifier: MIT */
#pragma once
/* say: what `tare run` says on stderr while it goes on, and at its end. */

#include "engine/engine.h"

/* engine_config.progress */
void run_show_progress(const struct engine_progress *progress, void *context);
/* What would make the run's intervals as narrow as wanted; nothing, where they are, or where the
 * run cannot be summed up, which its report says. */
void run_say_more(const char *dir);
