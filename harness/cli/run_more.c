/* SPDX-License-Identifier: MIT */
#include "cli/run_more.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/log.h"
#include "report/run.h"
#include "report/summary.h"

void run_say_more(const char *dir)
{
	cleanup_run struct run *run = NULL;
	cleanup_json json_t *summary = NULL;
	cleanup_free char *more = NULL;

	if (run_load(dir, &run, NULL) < 0 || summary_make(run, &summary, NULL) < 0)
		return;
	more = summary_more_sentence(summary);
	if (more && *more)
		log_info("%s", more);
}
