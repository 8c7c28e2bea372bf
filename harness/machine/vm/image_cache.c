/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/journal.h"
#include "machine/vm/image_bytes.h"

#define JSON_MAX 65536
#define AGED_MAX 1024 /* of a kind, at once */

static int lock(int fd, void (*say)(const char *what, void *context), void *context)
{
	int r = flock(fd, LOCK_EX | LOCK_NB);

	if (r == 0 || errno != EWOULDBLOCK)
		return r;
	if (say)
		say("waiting for another tare that makes a guest image", context);
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r;
}

int image_cache_lock(const char *cache_dir, void (*say)(const char *what, void *context),
		     void *context, struct tare_err *err)
{
	cleanup_free char *folder = text_format("%s/guest", cache_dir);
	cleanup_free char *path = text_format("%s/guest/lock", cache_dir);
	int r;

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_make_dirs(folder, err);
	if (r < 0)
		return err_wrap(err, r, "the cache of guests (XDG_CACHE_HOME chooses another)");
	cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return err_errno(err, "open '%s'", path);
	if (lock(fd, say, context) < 0)
		return err_errno(err, "lock '%s'", path);
	return take_fd(&fd);
}

char *image_cache_path(const char *cache_dir, const char *kind, const char *name)
{
	return text_format("%s/guest/%s/%s", cache_dir, kind, name);
}

int image_cache_begin(const char *cache_dir, const char *kind, struct journal *journal, char **ret,
		      struct tare_err *err)
{
	/* By its name it is known as a leftover, see journal.h. */
	cleanup_free char *path = text_format("%s/guest/tare-%s.%s", cache_dir,
					      journal ? journal_name(journal) : "image", kind);
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(journal, JOURNAL_PATH, path, err);
	if (r == 0)
		r = fd_remove_tree(path, err);
	if (r == 0)
		r = fd_make_dirs(path, err);
	if (r < 0)
		return r;
	*ret = take_pointer(path);
	return 0;
}

int image_cache_finish(const char *made, const char *target, struct tare_err *err)
{
	cleanup_free char *above = strdup(target);
	char *slash = above ? strrchr(above, '/') : NULL;
	int r;

	if (!slash)
		return err_set(err, ENOMEM, "out of memory");
	*slash = '\0';
	r = fd_make_dirs(above, err);
	if (r == 0)
		r = fd_remove_tree(target, err);
	if (r < 0)
		return r;
	if (rename(made, target) < 0)
		return err_errno(err, "rename to '%s'", target);
	return 0;
}

void image_cache_touch(const char *folder)
{
	(void)utimensat(AT_FDCWD, folder, NULL, 0);
}

struct aged {
	char name[256];
	struct timespec used;
};

static int compare_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct aged *)a)->used;
	const struct timespec *y = &((const struct aged *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* What is whole, the oldest first; a name with a dot is of what is being made. */
static size_t read_aged(const char *folder, struct aged *aged)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	size_t n = 0;

	while (dir && n < AGED_MAX &&
	       (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): our own stream */
		struct stat st;

		if (strchr(entry->d_name, '.') || strlen(entry->d_name) >= sizeof(aged[n].name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(void)snprintf(aged[n].name, sizeof(aged[n].name), "%s", entry->d_name);
		aged[n++].used = st.st_mtim;
	}
	if (dir)
		(void)closedir(dir);
	if (n > 0)
		qsort(aged, n, sizeof(*aged), compare_age);
	return n;
}

static void remove_unused(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)fd_remove_tree(path, NULL);
}

void image_cache_prune(const char *cache_dir, const char *kind, size_t keep)
{
	cleanup_free char *folder = text_format("%s/guest/%s", cache_dir, kind);
	cleanup_free struct aged *aged = calloc(AGED_MAX, sizeof(*aged));
	size_t n = folder && aged ? read_aged(folder, aged) : 0;

	for (size_t i = 0; i + keep < n; i++) {
		cleanup_free char *path = text_format("%s/%s", folder, aged[i].name);

		if (path)
			remove_unused(path);
	}
}

int image_cache_read(const char *folder, const char *file, const char *schema, json_t **ret,
		     struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", folder, file);
	cleanup_json json_t *object = NULL;
	char text[JSON_MAX];
	json_error_t why;
	ssize_t n;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	n = fd_read_file(AT_FDCWD, path, text, sizeof(text), err);
	if (n < 0)
		return (int)n;
	object = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &why);
	if (!object)
		return err_set(err, EBADMSG, "'%s': %.100s", path, why.text);
	if (strcmp(json_string_or(object, "schema", ""), schema) != 0)
		return err_set(err, EBADMSG, "'%s': its schema is not %s", path, schema);
	*ret = take_pointer(object);
	return 0;
}

int image_cache_write(const char *folder, const char *file, const json_t *object,
		      struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/%s", folder, file);
	cleanup_free char *text = json_dumps(object, JSON_INDENT(2));
	struct image_bytes bytes = {.at = (unsigned char *)text};

	if (!path || !text)
		return err_set(err, ENOMEM, "out of memory");
	bytes.size = strlen(text);
	return image_bytes_write(&bytes, path, err);
}
