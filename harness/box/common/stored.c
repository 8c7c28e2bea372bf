/* SPDX-License-Identifier: MIT */
#include "box/common/stored.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "box/common/mounts.h"

int stored_folder(const char *cache_dir, char ret[STORED_PATH_SIZE], struct tare_err *err)
{
	int n = snprintf(ret, STORED_PATH_SIZE, "%s/image", cache_dir);

	if (n < 0 || n > STORED_PATH_SIZE - 128)
		return err_set(err, ENAMETOOLONG, "the cache folder's name is too long: '%.60s...'",
			       cache_dir);
	return 0;
}

static int load_about(const char *store, const char *name, json_t **ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/names/%s.json", store, name);
	json_error_t why;
	FILE *file;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return err_set(err, ENOENT,
			       "there is no image '%s': 'tare image list' names those there are",
			       name);
	if (!file)
		return err_errno(err, "open '%s'", path);
	*ret = json_loadf(file, JSON_REJECT_DUPLICATES, &why);
	(void)fclose(file);
	if (!*ret || strcmp(json_string_or(*ret, "schema", ""), STORED_SCHEMA) != 0)
		return err_set(err, EBADMSG, "'%s' is damaged: import the image again", path);
	return 0;
}

static int take_layers(const char *store, struct stored_image *image, struct tare_err *err)
{
	json_t *layers;
	size_t n;
	int r = json_read_array(image->about, "layers", &layers, err);

	if (r < 0)
		return r;
	n = json_array_size(layers);
	if (n == 0 || n > STORED_LAYERS_MAX)
		return err_set(err, EBADMSG, "it has %zu layers", n);
	for (size_t i = n; i > 0; i--) {
		const char *id = json_string_value(json_array_get(layers, i - 1));

		if (!id || strspn(id, "0123456789abcdef") != 64 || id[64])
			return err_set(err, EBADMSG, "layer %zu has no digest", i - 1);
		image->layers[image->n_layers] = text_format("%s/layers/%s", store, id);
		if (!image->layers[image->n_layers])
			return err_set(err, ENOMEM, "out of memory");
		if (access(image->layers[image->n_layers++], F_OK) < 0)
			return err_errno(err, "find layer '%.12s'", id);
	}
	return 0;
}

static int take_config(struct stored_image *image, struct tare_err *err)
{
	const json_t *env = json_object_get(image->about, "env");
	uint64_t uid = json_u64_or(image->about, "uid", 0);
	uint64_t gid = json_u64_or(image->about, "gid", 0);

	if (json_array_size(env) > STORED_ENV_MAX || uid > UINT32_MAX || gid > UINT32_MAX)
		return err_set(err, EBADMSG, "its settings are out of range");
	for (size_t i = 0; i < json_array_size(env); i++) {
		image->env[i] = json_string_value(json_array_get(env, i));
		if (!image->env[i])
			return err_set(err, EBADMSG, "'env' has something that is no text");
	}
	image->cwd = json_string_or(image->about, "workdir", NULL);
	if (image->cwd && image->cwd[0] != '/')
		image->cwd = NULL;
	image->merged = json_bool_or(image->about, "merged", false);
	image->uid = (uid_t)uid;
	image->gid = (gid_t)gid;
	return 0;
}

int stored_take(const char *store, json_t *about, struct stored_image *ret, struct tare_err *err)
{
	struct stored_image image = {.lock_fd = -1, .about = json_incref(about)};
	int r = take_layers(store, &image, err);

	image.empty = text_format("%s/empty", store);
	if (r == 0 && !image.empty)
		r = err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = take_config(&image, err);
	if (r < 0)
		stored_clear(&image);
	else
		*ret = image;
	return r;
}

int stored_read(const char *store, const char *name, struct stored_image *ret, struct tare_err *err)
{
	cleanup_free char *lock = text_format("%s/lock", store);
	cleanup_json json_t *about = NULL;
	cleanup_close int lock_fd = -1;
	int r;

	if (!text_is_name(name))
		return err_set(err, EINVAL, "'%.60s' is no name of an image", name);
	if (!lock)
		return err_set(err, ENOMEM, "out of memory");
	/* A guest's store has none: nothing is removed from it. */
	lock_fd = open(lock, O_RDONLY | O_CLOEXEC);
	if (lock_fd >= 0 && flock(lock_fd, LOCK_SH) < 0)
		return err_errno(err, "lock '%s'", lock);
	r = load_about(store, name, &about, err);
	if (r == 0)
		r = err_wrap(err, stored_take(store, about, ret, err), "image '%s'", name);
	if (r == 0)
		ret->lock_fd = take_fd(&lock_fd);
	return r;
}

void stored_clear(struct stored_image *image)
{
	for (size_t i = 0; i < image->n_layers; i++)
		free(image->layers[i]);
	free(image->empty);
	json_decref(image->about);
	cleanup_closep(&image->lock_fd);
	*image = (struct stored_image){.lock_fd = -1};
}

/* Also of one layer: what it hides of those below, which there are none of, is not shown. */
int stored_view(const struct stored_image *image, struct tare_err *err)
{
	const char *const one[] = {image->empty, image->layers[0]};
	const bool alone = image->n_layers == 1;
	const struct mounts_overlay overlay = {
		.lowers = alone ? one : (const char *const *)image->layers,
		.n_lowers = alone ? 2 : image->n_layers,
		.userxattr = true,
	};
	cleanup_close int fd = -1;

	if (alone && mkdir(image->empty, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "make folder '%s'", image->empty);
	fd = mounts_new_overlay(&overlay, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
				err);
	if (fd < 0)
		return fd;
	/* The mount's own fd is O_PATH: readable ones come from it. */
	return openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool has_variable(char *const *envp, size_t n, const char *variable)
{
	size_t length = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < n; i++) {
		if (strncmp(envp[i], variable, length) == 0)
			return true;
	}
	return false;
}

char **stored_environment(const struct stored_image *image, char *const *first)
{
	size_t n = 0;
	char **envp;

	for (char *const *e = first; e && *e; e++)
		n++;
	envp = calloc(n + STORED_ENV_MAX + 1, sizeof(*envp));
	if (!envp)
		return NULL;
	if (n)
		memcpy(envp, first, n * sizeof(*envp));
	for (const char *const *e = image->env; *e; e++) {
		if (!has_variable(envp, n, *e))
			/* execve(2) takes them so, and changes nothing. */
			envp[n++] = (char *)(uintptr_t)*e; /* NOLINT(performance-no-int-to-ptr) */
	}
	return envp;
}
