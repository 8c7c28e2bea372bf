/* SPDX-License-Identifier: MIT */
#include "image/source.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "image/layer.h"
#include "image/oci.h"
#include "image/pack.h"

static const struct {
	const char *prefix;
	bool tagged;
} kinds[] = {
	[SOURCE_OCI] = {"oci:", true},
	[SOURCE_OCI_ARCHIVE] = {"oci-archive:", true},
	[SOURCE_DOCKER_ARCHIVE] = {"docker-archive:", true},
	[SOURCE_TREE] = {"rootfs:", false},
};

/* The tag begins at the first ':' that ends a path of something that is there: both may have a
 * ':' in them. */
static void split_tag(struct source *source)
{
	if (access(source->path, F_OK) == 0)
		return;
	for (char *colon = strchr(source->path, ':'); colon; colon = strchr(colon + 1, ':')) {
		*colon = '\0';
		if (access(source->path, F_OK) == 0 && colon[1]) {
			source->tag = strdup(colon + 1);
			return;
		}
		*colon = ':';
	}
}

int source_parse(const char *text, struct source *ret, struct tare_err *err)
{
	struct source source = {.dir_fd = -1};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, n) != 0 || !text[n])
			continue;
		source.kind = (enum source_kind)i;
		source.path = strdup(text + n);
		if (!source.path)
			return err_set(err, ENOMEM, "out of memory");
		if (kinds[i].tagged)
			split_tag(&source);
		*ret = source;
		return 0;
	}
	if (strncmp(text, "docker://", 9) == 0 || !strchr(text, ':'))
		return err_set(err, EINVAL,
			       "'%.80s' would be fetched: do 'skopeo copy docker://IMAGE oci:DIR' "
			       "and import oci:DIR",
			       text);
	return err_set(err, EINVAL,
		       "'%.80s' is none of oci:DIR[:TAG], oci-archive:FILE[:TAG], "
		       "docker-archive:FILE[:TAG], rootfs:DIR",
		       text);
}

static int unpack_archive(struct source *source, int work_fd, const struct image_limits *limits,
			  struct tare_err *err)
{
	cleanup_close int file = open(source->path, O_RDONLY | O_CLOEXEC);
	struct layer_totals totals = {0};
	struct layer_source archive = {.fd = file};
	char digest[DIGEST_SIZE];
	struct stat st;
	int r;

	if (file < 0 || fstat(file, &st) < 0)
		return err_errno(err, "open '%s'", source->path);
	archive.packed_bytes = (uint64_t)st.st_size;
	r = pack_detect(file, &archive.packing, err);
	if (r == 0)
		r = layer_unpack(&archive, limits, work_fd, &totals, digest, err);
	if (r < 0)
		return err_wrap(err, r, "archive '%.80s'", source->path);
	source->dir_fd = fcntl(work_fd, F_DUPFD_CLOEXEC, 3);
	return source->dir_fd < 0 ? err_errno(err, "dup") : 0;
}

int source_open(struct source *source, int work_fd, const struct image_limits *limits,
		struct tare_err *err)
{
	if (source->kind == SOURCE_OCI_ARCHIVE || source->kind == SOURCE_DOCKER_ARCHIVE)
		return unpack_archive(source, work_fd, limits, err);
	source->dir_fd = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return source->dir_fd < 0 ? err_errno(err, "open folder '%s'", source->path) : 0;
}

void source_close(struct source *source)
{
	cleanup_closep(&source->dir_fd);
	free(source->path);
	free(source->tag);
	*source = (struct source){.dir_fd = -1};
}

int source_open_file(const struct source *source, const char *path, const char *digest,
		     off_t *ret_size, struct tare_err *err)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_close int fd = (int)syscall(SYS_openat2, source->dir_fd, path, &how, sizeof(how));
	char found[DIGEST_SIZE];
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open '%.100s' of the image", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%.100s' of the image is no file", path);
	if (digest) {
		r = digest_fd(fd, found, err);
		if (r < 0)
			return r;
		if (strcmp(found, digest) != 0)
			return err_set(err, EBADMSG,
				       "'%.80s' of the image has digest %.12s...: it "
				       "was changed or damaged",
				       path, found);
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, "seek");
	*ret_size = st.st_size;
	return take_fd(&fd);
}

int source_read_json(const struct source *source, const char *path, const char *digest,
		     json_t **ret, struct tare_err *err)
{
	off_t size;
	cleanup_close int fd = source_open_file(source, path, digest, &size, err);
	cleanup_free char *text = NULL;
	int r;

	if (fd < 0)
		return fd;
	if (size > (off_t)IMAGE_JSON_MAX)
		return err_set(err, E2BIG, "'%.80s' of the image is larger than %u MB", path,
			       IMAGE_JSON_MAX >> 20);
	text = malloc((size_t)size + 1);
	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_read_all(fd, text, (size_t)size, err);
	if (r == 0)
		r = oci_parse(text, (size_t)size, ret, err);
	return err_wrap(err, r, "'%.80s' of the image", path);
}
