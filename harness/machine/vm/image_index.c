/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_index.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "box/common/known.h"
#include "machine/vm/image.h"
#include "machine/vm/image_cache.h"
#include "machine/vm/image_kernel.h"
#include "vm_images.h"

#define INDEX_KEPT 32 /* notes of 2 KB */
#define ABSENT     "absent"

/* The file of the note; NULL: there can be none. What is asked for and the recipe; the kernel of a
 * package is known by its name and version, and nobody writes to it. */
static char *note_of(const struct image_config *config)
{
	cleanup_free char *chosen = image_kernel_default_link(config);
	char kernel[PATH_MAX] = "", hex[DIGEST_SIZE];
	cleanup_free char *text = NULL;

	if (!chosen || (!config->kernel && readlink(chosen, kernel, sizeof(kernel) - 1) < 0))
		return NULL;
	text = text_format("%s\n%s\n%s\n%s\n%s\n%s", IMAGE_SCHEMA, config->libexec_dir,
			   config->kernel ? config->kernel : "", kernel,
			   config->uml ? VM_IMAGES_UML_MODULES : VM_IMAGES_MODULES,
			   VM_IMAGES_WORK_DISK);
	if (!text || digest_bytes(text, strlen(text), hex, NULL) < 0)
		return NULL;
	return image_cache_path(config->cache_dir, IMAGE_INDEX, hex);
}

/* The digest of a file, from memory if it has not changed. */
static int digest_of(const struct image_config *config, const char *path, char ret[DIGEST_SIZE])
{
	cleanup_free char *folder = text_format("%s/guest", config->cache_dir);

	if (access(path, F_OK) < 0) {
		memcpy(ret, ABSENT, sizeof(ABSENT));
		return 0;
	}
	return folder ? known_digest(folder, path, ret, NULL) : -ENOMEM;
}

static bool are_unchanged(const struct image_config *config, json_t *files)
{
	const char *path;
	json_t *digest;

	json_object_foreach(files, path, digest)
	{
		char hex[DIGEST_SIZE];

		if (digest_of(config, path, hex) < 0 || !json_is_string(digest) ||
		    strcmp(hex, json_string_value(digest)) != 0)
			return false;
	}
	return json_object_size(files) > 0;
}

bool image_index_find(const struct image_config *config, char ret_id[DIGEST_SIZE])
{
	cleanup_free char *note = config->newest ? NULL : note_of(config);
	cleanup_json json_t *about = NULL;
	const char *id;

	if (!note || image_cache_read(note, "index.json", IMAGE_INDEX_SCHEMA, &about, NULL) < 0 ||
	    json_read_string(about, "id", &id, NULL) < 0 ||
	    strspn(id, "0123456789abcdef") != DIGEST_SIZE - 1 || id[DIGEST_SIZE - 1] ||
	    !are_unchanged(config, json_object_get(about, "files")))
		return false;
	memcpy(ret_id, id, DIGEST_SIZE);
	image_cache_touch(note);
	return true;
}

static int put_digest(const struct image_config *config, const char *path, json_t *files)
{
	char hex[DIGEST_SIZE];
	int r = digest_of(config, path, hex);

	return r < 0 ? r : json_put(files, path, json_string(hex));
}

void image_index_note(const struct image_config *config, const json_t *sources, const char *id)
{
	cleanup_free char *note = note_of(config);
	json_t *files = json_object(), *source;
	cleanup_json json_t *about = json_pack("{s:s, s:s, s:o}", "schema", IMAGE_INDEX_SCHEMA,
					       "id", id, "files", files);
	int r = note && about ? fd_remove_tree(note, NULL) : -ENOMEM;
	size_t i;

	if (r == 0)
		r = fd_make_dirs(note, NULL);
	json_array_foreach(sources, i, source) if (r == 0) r =
		put_digest(config, json_string_value(source), files);
	if (r == 0 && config->kernel)
		r = put_digest(config, config->kernel, files);
	if (r == 0)
		(void)image_cache_write(note, "index.json", about, NULL);
	image_cache_prune(config->cache_dir, IMAGE_INDEX, INDEX_KEPT);
}
