/* SPDX-License-Identifier: MIT */
/* What a run folder of anybody's may hold: a line of records.jsonl, through to the summary, and to
 * a comparison with itself, which must find nothing. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "report/compare.h"
#include "report/run.h"
#include "report/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char manifest[] = "{\"schema\":\"tare.manifest/"
			       "1\",\"campaign\":{\"baseline\":\"a\",\"groups\":[]},\"envs\":[]}";

static char dir[] = "/tmp/tare-fuzz-XXXXXX";

static void take_down(void)
{
	(void)fd_remove_tree(dir, NULL);
}

static void put_file(const char *name, const void *data, size_t size)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	cleanup_fclose FILE *f = fopen(path, "we");
	if (!f || fwrite(data, 1, size, f) != size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *made;
	cleanup_run struct run *run = NULL;
	cleanup_json json_t *summary = NULL, *comparison = NULL;

	if (!made && (!(made = mkdtemp(dir)) || atexit(take_down) != 0))
		abort();
	put_file("manifest.json", manifest, sizeof(manifest) - 1);
	put_file("records.jsonl", data, size);
	if (run_load(dir, &run, NULL) == 0)
		(void)summary_make(run, &summary, NULL);
	if (compare_runs(dir, dir, &(struct compare_options){.effect_pct = 1}, &comparison, NULL) ==
		    0 &&
	    json_u64_or(comparison, "regressions", 1) != 0)
		abort();
	return 0;
}
