/* SPDX-License-Identifier: MIT */
#include "cli/run/say.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/log.h"
#include "report/run.h"
#include "report/summary.h"

void run_show_progress(const struct engine_progress *p, void *context)
{
	double fraction = p->total ? (double)p->done / (double)p->total : 0;

	(void)context;
	if (p->said) {
		log_warn("round %llu, %s, %s", (unsigned long long)p->round + 1, p->load, p->said);
		return;
	}
	if (!p->load) {
		log_progress_end();
		return;
	}
	log_progress_left(p->left_ns);
	log_progress(fraction, "round %llu, %s: %s", (unsigned long long)p->round + 1, p->group,
		     p->load);
}

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
