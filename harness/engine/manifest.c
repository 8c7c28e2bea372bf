/* SPDX-License-Identifier: MIT */
#include "engine/manifest.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/fingerprint.h"

json_t *manifest_now(void)
{
	char text[40];
	time_t now = time(NULL);
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* Of a program beside the others; null where it is not there. */
static json_t *program_digest(const char *dir, const char *name)
{
	cleanup_free char *path = text_format("%s/%s", dir, name);
	char hex[DIGEST_SIZE];

	if (!path || digest_file(path, hex, NULL) < 0)
		return json_null();
	return json_string(hex);
}

int manifest_make(const struct engine_config *config, json_t **ret, struct tare_err *err)
{
	const char *slash = strrchr(config->run_dir, '/');
	char load_hex[DIGEST_SIZE];
	int r = digest_file(config->place->box.load_path, load_hex, err);

	if (r < 0)
		return r;
	*ret = json_pack(
		"{s:s, s:{s:s, s:s, s:o}, s:s, s:I, s:o, s:o, s:O*, s:o, s:n, s:n, s:[], s:[]}",
		"schema", "tare.manifest/1", "tare", "version", TARE_VERSION, "load_sha256",
		load_hex, "agent_sha256", program_digest(config->libexec_dir, "tare-agent"), "run",
		slash && slash[1] ? slash + 1 : config->run_dir, "seed",
		(json_int_t)config->campaign->seed, "campaign", campaign_to_json(config->campaign),
		"envs", campaign_envs_to_json(config->campaign), "loads",
		json_object_get(config->described, "loads"), "machine", fingerprint_read(), "qemu",
		"guest_kernel", "sittings", "settings_changed");
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

int manifest_begin_sitting(json_t *manifest, struct tare_err *err)
{
	json_t *sittings = json_object_get(manifest, "sittings");
	json_t *sitting = json_pack("{s:o, s:n, s:n, s:n}", "begun", manifest_now(), "ended", "end",
				    "records");

	if (json_array_append_new(sittings, sitting) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

int manifest_end_sitting(json_t *manifest, const char *end, uint64_t records, json_t *taken_spent,
			 struct tare_err *err)
{
	json_t *sittings = json_object_get(manifest, "sittings");
	json_t *sitting = json_array_get(sittings, json_array_size(sittings) - 1);

	if (json_put(sitting, "ended", manifest_now()) < 0 ||
	    json_put(sitting, "end", json_string(end)) < 0 ||
	    json_put(sitting, "records", json_u64(records)) < 0 ||
	    json_put(sitting, "spent", taken_spent) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

void manifest_note_guest(json_t *manifest, const json_t *described)
{
	json_t *qemu = json_object_get(described, "qemu");

	if (!qemu || !json_is_null(json_object_get(manifest, "qemu")))
		return;
	(void)json_object_set(manifest, "qemu", qemu);
	(void)json_object_set(manifest, "guest_kernel", json_object_get(described, "kernel"));
}

void manifest_note_ended(json_t *manifest, json_t *ended)
{
	json_t *guests = json_object_get(manifest, "guests");

	if (!ended)
		return;
	if (!guests)
		(void)json_object_set(manifest, "guests", ended);
	else
		(void)json_array_extend(guests, ended);
}

int manifest_check(const json_t *manifest, struct tare_err *err)
{
	cleanup_json json_t *here = fingerprint_read();
	const json_t *there = json_object_get(manifest, "machine");

	if (strcmp(json_string_or(manifest, "schema", ""), "tare.manifest/1") != 0 ||
	    !json_is_array(json_object_get(manifest, "sittings")))
		return err_set(err, EBADMSG, "manifest.json is none of schema tare.manifest/1");
	if (!fingerprint_same_machine(here, there))
		return err_set(err, EXDEV,
			       "the run is of another machine ('%.60s'): a run is resumed where "
			       "it was begun",
			       json_string_or(there, "hostname", "?"));
	return 0;
}
