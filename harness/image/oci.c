/* SPDX-License-Identifier: MIT */
#include "image/oci.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"

#define SHA256   "sha256:"
#define REF_NAME "org.opencontainers.image.ref.name"

static const struct {
	const char *media_type;
	enum oci_kind kind;
	enum layer_packing packing;
} media_types[] = {
	{"application/vnd.oci.image.index.v1+json", OCI_INDEX, 0},
	{"application/vnd.docker.distribution.manifest.list.v2+json", OCI_INDEX, 0},
	{"application/vnd.oci.image.manifest.v1+json", OCI_MANIFEST, 0},
	{"application/vnd.docker.distribution.manifest.v2+json", OCI_MANIFEST, 0},
	{"application/vnd.oci.image.config.v1+json", OCI_CONFIG, 0},
	{"application/vnd.docker.container.image.v1+json", OCI_CONFIG, 0},
	{"application/vnd.oci.image.layer.v1.tar", OCI_LAYER, LAYER_PLAIN},
	{"application/vnd.oci.image.layer.v1.tar+gzip", OCI_LAYER, LAYER_GZIP},
	{"application/vnd.oci.image.layer.v1.tar+zstd", OCI_LAYER, LAYER_ZSTD},
	{"application/vnd.docker.image.rootfs.diff.tar", OCI_LAYER, LAYER_PLAIN},
	{"application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_LAYER, LAYER_GZIP},
	{"application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_LAYER, LAYER_ZSTD},
};

int oci_parse(const char *text, size_t size, json_t **ret, struct tare_err *err)
{
	json_error_t why;

	if (size > IMAGE_JSON_MAX)
		return err_set(err, E2BIG, "its JSON is larger than %u MB", IMAGE_JSON_MAX >> 20);
	/* jansson itself refuses what is nested deeper than 2048. */
	*ret = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (!*ret)
		return err_set(err, EBADMSG, "its JSON is wrong in line %d: %.100s", why.line,
			       why.text);
	return 0;
}

int oci_read_digest(const char *text, char ret[DIGEST_SIZE], struct tare_err *err)
{
	const char *hex = text + strlen(SHA256);

	if (strncmp(text, SHA256, strlen(SHA256)) != 0 ||
	    strspn(hex, "0123456789abcdef") != DIGEST_SIZE - 1 || hex[DIGEST_SIZE - 1])
		return err_set(err, EBADMSG, "'%.80s' is no digest of SHA-256", text);
	memcpy(ret, hex, DIGEST_SIZE);
	return 0;
}

static int read_media_type(const char *text, struct oci_descriptor *ret, struct tare_err *err)
{
	for (size_t i = 0; i < sizeof(media_types) / sizeof(*media_types); i++) {
		if (strcmp(text, media_types[i].media_type) != 0)
			continue;
		ret->kind = media_types[i].kind;
		ret->packing = media_types[i].packing;
		return 0;
	}
	return err_set(err, EBADMSG, "the media type '%.100s' is not one that is taken", text);
}

static int read_descriptor(const json_t *object, struct oci_descriptor *ret, struct tare_err *err)
{
	const char *media_type, *digest;
	int r;

	*ret = (struct oci_descriptor){0};
	if ((r = json_read_string(object, "mediaType", &media_type, err)) < 0 ||
	    (r = json_read_string(object, "digest", &digest, err)) < 0 ||
	    (r = json_read_u64(object, "size", &ret->size, err)) < 0 ||
	    (r = read_media_type(media_type, ret, err)) < 0)
		return r == -ENOENT ? err_set(err, EBADMSG, "a descriptor lacks something") : r;
	return oci_read_digest(digest, ret->digest, err);
}

static bool fits(const json_t *item, const char *tag, const char *architecture)
{
	const json_t *platform = json_object_get(item, "platform");
	const char *name = json_string_or(json_object_get(item, "annotations"), REF_NAME, "");

	if (tag && strcmp(name, tag) != 0)
		return false;
	return !platform ||
	       (strcmp(json_string_or(platform, "architecture", ""), architecture) == 0 &&
		strcmp(json_string_or(platform, "os", ""), "linux") == 0);
}

int oci_choose(const json_t *index, const char *tag, const char *architecture,
	       struct oci_descriptor *ret, struct tare_err *err)
{
	const json_t *found = NULL;
	json_t *items, *item;
	size_t i, n = 0;
	int r = json_read_array(index, "manifests", &items, err);

	if (r < 0)
		return err_set(err, EBADMSG, "the index lists no manifests");
	json_array_foreach(items, i, item)
	{
		if (!fits(item, tag, architecture))
			continue;
		found = found ? found : item;
		n++;
	}
	if (n == 0)
		return err_set(err, ENOENT, "the index has nothing for linux/%s%s%.60s%s",
			       architecture, tag ? " with the tag '" : "", tag ? tag : "",
			       tag ? "'" : "");
	if (n > 1 && !tag)
		return err_set(err, EINVAL, "the index has %zu images: name one by its tag", n);
	r = read_descriptor(found, ret, err);
	if (r == 0 && ret->kind != OCI_INDEX && ret->kind != OCI_MANIFEST)
		return err_set(err, EBADMSG, "the index lists something that is no manifest");
	return r;
}

int oci_read_manifest(const json_t *manifest, struct oci_manifest *ret, struct tare_err *err)
{
	json_t *config, *layers, *item;
	size_t i;
	int r;

	*ret = (struct oci_manifest){0};
	if (json_read_object(manifest, "config", &config, NULL) < 0 ||
	    json_read_array(manifest, "layers", &layers, NULL) < 0)
		return err_set(err, EBADMSG, "the manifest lacks 'config' or 'layers'");
	r = err_wrap(err, read_descriptor(config, &ret->config, err), "the configuration");
	if (r == 0 && ret->config.kind != OCI_CONFIG)
		r = err_set(err, EBADMSG, "the configuration has the media type of something else");
	if (r == 0 && (json_array_size(layers) == 0 || json_array_size(layers) > STORED_LAYERS_MAX))
		r = err_set(err, E2BIG, "the image has %zu layers, not 1 to %d",
			    json_array_size(layers), STORED_LAYERS_MAX);
	if (r < 0)
		return r;
	json_array_foreach(layers, i, item)
	{
		r = read_descriptor(item, &ret->layers[i], err);
		if (r == 0 && ret->layers[i].kind != OCI_LAYER)
			r = err_set(err, EBADMSG, "it has the media type of something else");
		if (r < 0)
			return err_wrap(err, r, "layer %zu", i);
	}
	ret->n_layers = json_array_size(layers);
	return 0;
}

static bool has_tag(const json_t *item, const char *tag)
{
	json_t *tags = json_object_get(item, "RepoTags"), *name;
	size_t i;

	json_array_foreach(tags, i, name)
	{
		if (json_is_string(name) && strcmp(json_string_value(name), tag) == 0)
			return true;
	}
	return false;
}

int oci_choose_saved(const json_t *list, const char *tag, struct oci_saved *ret,
		     struct tare_err *err)
{
	const json_t *found = NULL;
	json_t *item, *layers;
	size_t i, n = 0;

	*ret = (struct oci_saved){0};
	/* jansson walks through no const array. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	json_array_foreach((json_t *)(uintptr_t)list, i,
			   item) /* NOLINT(performance-no-int-to-ptr) */
	{
		if (tag && !has_tag(item, tag))
			continue;
		found = item;
		n++;
	}
	if (n != 1)
		return err_set(err, n ? EINVAL : ENOENT,
			       "the archive has %zu images%s%.60s: name one by its tag", n,
			       tag ? " of the name " : "", tag ? tag : "");
	if (json_read_string(found, "Config", &ret->config, NULL) < 0 ||
	    json_read_array(found, "Layers", &layers, NULL) < 0)
		return err_set(err, EBADMSG, "manifest.json lacks 'Config' or 'Layers'");
	ret->n_layers = json_array_size(layers);
	if (ret->n_layers == 0 || ret->n_layers > STORED_LAYERS_MAX)
		return err_set(err, E2BIG, "the image has %zu layers, not 1 to %d", ret->n_layers,
			       STORED_LAYERS_MAX);
	for (i = 0; i < ret->n_layers; i++) {
		ret->layers[i] = json_string_value(json_array_get(layers, i));
		if (!ret->layers[i])
			return err_set(err, EBADMSG, "layer %zu has no name", i);
	}
	return 0;
}

/* A list of texts, or nothing at all: then an empty list. */
static int read_texts(const json_t *object, const char *key, size_t max, json_t **ret,
		      struct tare_err *err)
{
	json_t *given = json_object_get(object, key), *item;
	size_t i;

	if (!given || json_is_null(given)) {
		*ret = json_array();
		return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	if (!json_is_array(given) || json_array_size(given) > max)
		return err_set(err, EBADMSG, "'%s' is no list of at most %zu texts", key, max);
	json_array_foreach(given, i, item)
	{
		const char *text = json_string_value(item);

		if (!text || strlen(text) != json_string_length(item))
			return err_set(err, EBADMSG, "'%s' has something that is no text", key);
	}
	*ret = json_incref(given);
	return 0;
}

static int read_running(const json_t *config, json_t *about, struct tare_err *err)
{
	static const struct {
		const char *from, *to;
		size_t max;
	} lists[] = {{"Env", "env", STORED_ENV_MAX - 2},
		     {"Entrypoint", "entrypoint", 1024},
		     {"Cmd", "cmd", 1024}};
	static const char *const texts[][2] = {{"WorkingDir", "workdir"}, {"User", "user"}};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		json_t *list = NULL;
		int r = read_texts(config, lists[i].from, lists[i].max, &list, err);

		if (r == 0)
			r = json_put(about, lists[i].to, list);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (json_put(about, texts[i][1],
			     json_string(json_string_or(config, texts[i][0], ""))) < 0)
			return err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int read_diff_ids(const json_t *config, char ret[STORED_LAYERS_MAX][DIGEST_SIZE],
			 size_t *ret_n, struct tare_err *err)
{
	json_t *ids, *id;
	size_t i;

	if (json_read_array(json_object_get(config, "rootfs"), "diff_ids", &ids, NULL) < 0 ||
	    json_array_size(ids) > STORED_LAYERS_MAX)
		return err_set(err, EBADMSG, "the configuration lists no layers ('rootfs')");
	json_array_foreach(ids, i, id)
	{
		int r = oci_read_digest(json_is_string(id) ? json_string_value(id) : "?", ret[i],
					err);

		if (r < 0)
			return r;
	}
	*ret_n = json_array_size(ids);
	return 0;
}

int oci_read_config(const json_t *config, const char *architecture, json_t **ret_about,
		    char ret_diff_ids[STORED_LAYERS_MAX][DIGEST_SIZE], size_t *ret_n,
		    struct tare_err *err)
{
	const char *theirs = json_string_or(config, "architecture", architecture);
	cleanup_json json_t *about = json_object();
	int r;

	if (!about)
		return err_set(err, ENOMEM, "out of memory");
	if (strcmp(theirs, architecture) != 0)
		return err_set(err, ENOENT, "the image is for %.40s, this machine is %s", theirs,
			       architecture);
	r = read_diff_ids(config, ret_diff_ids, ret_n, err);
	if (r == 0)
		r = read_running(json_object_get(config, "config"), about, err);
	if (r == 0)
		r = json_put(about, "architecture", json_string(architecture));
	if (r < 0)
		return r;
	*ret_about = json_incref(about);
	return 0;
}
