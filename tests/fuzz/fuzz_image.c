/* SPDX-License-Identifier: MIT */
/* What an image may say: its JSON, and the names of its entries. A planned name stays inside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/json.h"
#include "image/oci.h"
#include "image/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	if (path[0] == '/' || strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0 ||
	    strstr(path, "/../") || (strlen(path) >= 3 && !strcmp(path + strlen(path) - 3, "/..")))
		abort();
}

static void try_plan(const char *path, const char *target)
{
	static const mode_t types[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFIFO};
	struct tare_err err = {0};
	struct plan plan;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (plan_entry(path, types[i], *target ? target : NULL, &plan, &err) < 0) {
			if (!err.msg[0])
				abort(); /* a refusal has a sentence */
			continue;
		}
		check_path(plan.parent);
		check_path(plan.target);
		if (strchr(plan.name, '/') || strcmp(plan.name, "..") == 0 ||
		    strcmp(plan.name, ".") == 0)
			abort();
	}
}

static void try_json(const json_t *json)
{
	static struct oci_manifest manifest;
	static char diff_ids[STORED_LAYERS_MAX][DIGEST_SIZE];
	struct oci_descriptor descriptor;
	cleanup_json json_t *about = NULL;
	struct oci_saved saved;
	size_t n;

	(void)oci_choose(json, NULL, "amd64", &descriptor, NULL);
	(void)oci_choose(json, "v1", "amd64", &descriptor, NULL);
	(void)oci_read_manifest(json, &manifest, NULL);
	(void)oci_choose_saved(json, NULL, &saved, NULL);
	(void)oci_read_config(json, "amd64", &about, diff_ids, &n, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json json_t *json = NULL;
	char *text = malloc(size + 2), *target;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	target = text + strlen(text) + 1;
	try_plan(text, target > text + size ? "" : target);
	if (oci_parse((const char *)data, size, &json, NULL) == 0)
		try_json(json);
	free(text);
	return 0;
}
