/* SPDX-License-Identifier: MIT */
#include "image/import.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "image/keep.h"
#include "image/oci.h"
#include "image/pack.h"
#include "image/source.h"
#include "image/user.h"
#include "kernel/journal.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BLOB         "blobs/sha256/%s"
#define BLOB_SIZE    (sizeof(BLOB) + DIGEST_SIZE)

struct import {
	const struct import_config *config;
	struct keep *keep;
	struct source source;
	const char *architecture;
	json_t *about;
	char diff_ids[STORED_LAYERS_MAX][DIGEST_SIZE];
	size_t n_layers;
	struct layer_totals totals;
};

/* The names that images have for what uname(2) says. */
static const char *own_architecture(void)
{
	static const char *const names[][2] = {{"x86_64", "amd64"},
					       {"aarch64", "arm64"},
					       {"ppc64le", "ppc64le"},
					       {"s390x", "s390x"},
					       {"riscv64", "riscv64"}};
	struct utsname name;

	if (uname(&name) == 0)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (strcmp(name.machine, names[i][0]) == 0)
				return names[i][1];
	return "unknown";
}

/* Unpack one layer aside and keep it under what its archive's digest turns out to be. */
static int take_layer(struct import *im, const struct layer_source *from, size_t number,
		      struct tare_err *err)
{
	char diff_id[DIGEST_SIZE];
	struct layer_totals before = im->totals;
	cleanup_close int dir = -1;
	int r;

	if (from && from->diff_id && keep_has_layer(im->keep, from->diff_id))
		return 0;
	dir = keep_begin_layer(im->keep, err);
	if (dir < 0)
		return dir;
	r = from ? layer_unpack(from, im->config->limits, dir, &im->totals, diff_id, err)
		 : pack_tree(im->source.path, im->config->journal, im->config->limits, dir,
			     &im->totals, diff_id, err);
	if (r < 0)
		return err_wrap(err, r, "layer %zu", number + 1);
	memcpy(im->diff_ids[number], diff_id, DIGEST_SIZE);
	return keep_end_layer(im->keep, dir, diff_id, im->totals.bytes - before.bytes,
			      im->totals.entries - before.entries, err);
}

static int take_blob(struct import *im, const char *path, const struct oci_descriptor *layer,
		     size_t number, struct tare_err *err)
{
	struct layer_source from = {.diff_id = im->diff_ids[number]};
	off_t size;
	cleanup_close int fd =
		source_open_file(&im->source, path, layer ? layer->digest : NULL, &size, err);
	int r = 0;

	if (fd < 0)
		return err_wrap(err, fd, "layer %zu", number + 1);
	if (layer && (uint64_t)size != layer->size)
		return err_set(err, EBADMSG,
			       "layer %zu: the file has %lld bytes, the manifest "
			       "says %llu",
			       number + 1, (long long)size, (unsigned long long)layer->size);
	from.fd = fd;
	from.packed_bytes = (uint64_t)size;
	if (layer)
		from.packing = layer->packing;
	else
		r = pack_detect(fd, &from.packing, err);
	return r == 0 ? take_layer(im, &from, number, err) : r;
}

static int read_config(struct import *im, const char *path, const char *digest, size_t n_layers,
		       struct tare_err *err)
{
	cleanup_json json_t *config = NULL;
	int r = source_read_json(&im->source, path, digest, &config, err);

	if (r == 0)
		r = oci_read_config(config, im->architecture, &im->about, im->diff_ids,
				    &im->n_layers, err);
	if (r == 0 && im->n_layers != n_layers)
		r = err_set(err, EBADMSG, "the manifest has %zu layers, the configuration %zu",
			    n_layers, im->n_layers);
	return err_wrap(err, r, "configuration");
}

/* From index to index until there is a manifest. */
static int find_manifest(struct import *im, struct oci_manifest *ret, struct tare_err *err)
{
	const char *tag = im->source.tag;
	char path[BLOB_SIZE] = "index.json";
	struct oci_descriptor at = {.kind = OCI_INDEX};

	for (int depth = 0; depth <= IMAGE_NESTED_MAX; depth++) {
		cleanup_json json_t *json = NULL;
		int r = source_read_json(&im->source, path, depth ? at.digest : NULL, &json, err);

		if (r < 0)
			return r;
		if (at.kind == OCI_MANIFEST)
			return oci_read_manifest(json, ret, err);
		r = oci_choose(json, tag, im->architecture, &at, err);
		if (r < 0)
			return r;
		tag = NULL; /* it is of the outermost */
		(void)snprintf(path, sizeof(path), BLOB, at.digest);
	}
	return err_set(err, ELOOP, "the index leads to more than %d other indexes",
		       IMAGE_NESTED_MAX);
}

static int take_oci(struct import *im, struct tare_err *err)
{
	cleanup_free struct oci_manifest *manifest = calloc(1, sizeof(*manifest));
	char path[BLOB_SIZE];
	int r = manifest ? find_manifest(im, manifest, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), BLOB, manifest->config.digest);
	r = read_config(im, path, manifest->config.digest, manifest->n_layers, err);
	if (r == 0)
		r = json_put(im->about, "id", json_string(manifest->config.digest));
	for (size_t i = 0; i < manifest->n_layers && r == 0; i++) {
		(void)snprintf(path, sizeof(path), BLOB, manifest->layers[i].digest);
		r = take_blob(im, path, &manifest->layers[i], i, err);
	}
	return r;
}

static int take_docker(struct import *im, struct tare_err *err)
{
	cleanup_json json_t *list = NULL;
	struct oci_saved saved = {0};
	char digest[DIGEST_SIZE];
	off_t size;
	int r = source_read_json(&im->source, "manifest.json", NULL, &list, err);

	if (r == 0)
		r = oci_choose_saved(list, im->source.tag, &saved, err);
	if (r == 0)
		r = read_config(im, saved.config, NULL, saved.n_layers, err);
	if (r < 0)
		return r;
	cleanup_close int config = source_open_file(&im->source, saved.config, NULL, &size, err);

	r = config < 0 ? config : digest_fd(config, digest, err);
	if (r == 0)
		r = json_put(im->about, "id", json_string(digest));
	for (size_t i = 0; i < saved.n_layers && r == 0; i++)
		r = take_blob(im, saved.layers[i], NULL, i, err);
	return r;
}

static int take_tree(struct import *im, struct tare_err *err)
{
	int r;

	im->about = json_pack("{s:s, s:[], s:[], s:[], s:s, s:s}", "architecture", im->architecture,
			      "env", "entrypoint", "cmd", "workdir", "", "user", "");
	if (!im->about)
		return err_set(err, ENOMEM, "out of memory");
	im->n_layers = 1;
	r = take_layer(im, NULL, 0, err);
	return r == 0 ? json_put(im->about, "id", json_string(im->diff_ids[0])) : r;
}

static bool has_variable(const json_t *env, const char *name)
{
	json_t *item;
	size_t i;

	/* jansson walks through no const array. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	json_array_foreach((json_t *)(uintptr_t)env, i,
			   item) /* NOLINT(performance-no-int-to-ptr) */
	{
		if (strncmp(json_string_value(item), name, strlen(name)) == 0)
			return true;
	}
	return false;
}

/* Whom its programs run as; what docker adds to the environment. */
static int settle_user(struct import *im, struct tare_err *err)
{
	json_t *env = json_copy(json_object_get(im->about, "env"));
	struct stored_image image;
	struct user user = {0};
	int r = json_put(im->about, "env", env);

	if (r == 0)
		r = stored_take(keep_folder(im->keep), im->about, &image, err);
	if (r < 0)
		return r;
	cleanup_close int root = stored_view(&image, err);

	stored_clear(&image);
	r = root < 0 ? root : user_find(root, json_string_or(im->about, "user", ""), &user, err);
	if (r < 0)
		return r;
	if (!has_variable(env, "PATH="))
		(void)json_array_append_new(env, json_string(DEFAULT_PATH));
	if (!has_variable(env, "HOME="))
		(void)json_array_append_new(env, json_sprintf("HOME=%s", user.home));
	if (json_put(im->about, "uid", json_integer(user.uid)) < 0 ||
	    json_put(im->about, "gid", json_integer(user.gid)) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int describe(struct import *im, struct tare_err *err)
{
	json_t *layers = json_array();

	if (json_put(im->about, "schema", json_string(STORED_SCHEMA)) < 0 ||
	    json_put(im->about, "layers", layers) < 0 ||
	    json_put(im->about, "source", json_string(im->config->source)) < 0 ||
	    json_object_set(im->about, "left_out", im->totals.left_out_names) < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < im->n_layers; i++)
		(void)json_array_append_new(layers, json_string(im->diff_ids[i]));
	return settle_user(im, err);
}

/* "oci:/images/Busy Box:1.36" gives "busy-box". */
static void name_after(const char *path, char ret[64])
{
	const char *from = strrchr(path, '/');
	size_t n = 0;

	from = from && from[1] ? from + 1 : path;
	for (; *from && n < 62; from++) {
		char c = (char)tolower((unsigned char)*from);

		if (c == '.' && (strcmp(from, ".tar") == 0 || strncmp(from, ".tar.", 5) == 0))
			break;
		if (isalnum((unsigned char)c) || (n && strchr("._-", c)))
			ret[n++] = c;
		else if (n)
			ret[n++] = '-';
	}
	ret[n] = '\0';
}

static int take_image(struct import *im, const char *name, struct tare_err *err)
{
	int r;

	switch (im->source.kind) {
	case SOURCE_OCI:
	case SOURCE_OCI_ARCHIVE:
		r = take_oci(im, err);
		break;
	case SOURCE_DOCKER_ARCHIVE:
		r = take_docker(im, err);
		break;
	case SOURCE_TREE:
	default:
		r = take_tree(im, err);
		break;
	}
	if (r == 0)
		r = describe(im, err);
	return r == 0 ? keep_name(im->keep, name, im->about, err) : r;
}

static void say_left_out(const struct import *im)
{
	char text[160];

	if (!im->totals.left_out || !im->config->say)
		return;
	(void)snprintf(text, sizeof(text),
		       "left out: %llu device nodes, attributes and the like, see 'left_out' of "
		       "'tare image inspect'",
		       (unsigned long long)im->totals.left_out);
	im->config->say(text, im->config->context);
}

static int import_opened(struct import *im, const char *name, struct tare_err *err)
{
	int work = keep_work_folder(im->keep, err), r;

	if (work < 0)
		return work;
	r = source_open(&im->source, work, im->config->limits, err);
	(void)close(work);
	return r == 0 ? take_image(im, name, err) : r;
}

int import_image(const struct import_config *config, json_t **ret_about, struct tare_err *err)
{
	cleanup_free struct import *im = calloc(1, sizeof(*im));
	char name[64];
	int r;

	if (!im)
		return err_set(err, ENOMEM, "out of memory");
	im->config = config;
	im->architecture = own_architecture();
	im->totals.left_out_names = json_array();
	r = source_parse(config->source, &im->source, err);
	if (r == 0) {
		if (config->name)
			(void)snprintf(name, sizeof(name), "%s", config->name);
		else
			name_after(config->named_after ? config->named_after : im->source.path,
				   name);
		if (!text_is_name(name) || strcmp(name, "tare") == 0)
			r = err_set(err, EINVAL, "'%.60s' is no name for an image: give --name",
				    config->name ? config->name : name);
	}
	if (r == 0)
		r = keep_open(config->cache_dir, config->journal, &im->keep, err);
	if (r == 0)
		r = import_opened(im, name, err);
	if (r == 0) {
		say_left_out(im);
		*ret_about = json_incref(im->about);
	}
	keep_close(im->keep);
	source_close(&im->source);
	json_decref(im->about);
	json_decref(im->totals.left_out_names);
	return r;
}
