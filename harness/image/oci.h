/* SPDX-License-Identifier: MIT */
#pragma once
/* oci: reads the JSON of images: indexes, manifests and configurations of the OCI image
 * specification, and of docker's `save`. Pure: texts in, structs out; all of it is hostile. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "box/common/stored.h"
#include "image/layer.h"

struct tare_err;

enum oci_kind { OCI_INDEX, OCI_MANIFEST, OCI_CONFIG, OCI_LAYER };

struct oci_descriptor {
	enum oci_kind kind;
	char digest[DIGEST_SIZE]; /* of SHA-256, the only one that is taken */
	uint64_t size;
	enum layer_packing packing; /* of a layer */
};

struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor layers[STORED_LAYERS_MAX]; /* the bottom one first */
	size_t n_layers;
};

/* One image of docker's manifest.json: names of files in the archive. They belong to the JSON. */
struct oci_saved {
	const char *config;
	const char *layers[STORED_LAYERS_MAX];
	size_t n_layers;
};

/* -EBADMSG: it is no JSON. -E2BIG. */
int oci_parse(const char *text, size_t size, json_t **ret, struct tare_err *err);

/* The one of the index that is for us: of the tag, if one is given, else the only one; for this
 * architecture ("amd64") and Linux. -ENOENT: none. -EINVAL: more than one. */
int oci_choose(const json_t *index, const char *tag, const char *architecture,
	       struct oci_descriptor *ret, struct tare_err *err);
int oci_read_manifest(const json_t *manifest, struct oci_manifest *ret, struct tare_err *err);
int oci_choose_saved(const json_t *list, const char *tag, struct oci_saved *ret,
		     struct tare_err *err);

/* What the configuration says about running, as the store keeps it: "architecture", "env",
 * "entrypoint", "cmd", "workdir", "user"; and the layers' digests. */
int oci_read_config(const json_t *config, const char *architecture, json_t **ret_about,
		    char ret_diff_ids[STORED_LAYERS_MAX][DIGEST_SIZE], size_t *ret_n,
		    struct tare_err *err);

/* "sha256:HEX". */
int oci_read_digest(const char *text, char ret[DIGEST_SIZE], struct tare_err *err);
