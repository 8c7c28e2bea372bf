/* SPDX-License-Identifier: MIT */
/* A whole program: the environment's own tar, which unpacks an archive of many small files on
 * /work. They are removed again in the same operation, since else the disk would fill; that each
 * of them is there to be removed is what tells that tar has done its work. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/units.h"
#include "folder.h"
#include "param.h"
#include "tool.h"
#include "workload.h"

#define IN_A_FOLDER 50
#define FILES_MAX   10000
#define BLOCK       512 /* of an archive */
#define SIZE_LIMIT  (1U << 20)
#define ALL_LIMIT   (128ULL << 20)
#define UNPACKED    "u"

struct unpack {
	struct folder folder; /* its file is the archive */
	struct tool tool;
	uint64_t files, size;
	int fd; /* of the folder to unpack in */
	char archive[sizeof(((struct folder *)NULL)->path) + 2];
	char into[sizeof(((struct folder *)NULL)->path) + 4];
};

/* The header of POSIX.1-1988, "ustar": numbers are octal texts. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[6], version[2], rest[247];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

static void name_folder(uint64_t i, char *buf, size_t size)
{
	(void)snprintf(buf, size, "d%03u", (unsigned int)(i / IN_A_FOLDER));
}

static void name_file(uint64_t i, char *buf, size_t size)
{
	(void)snprintf(buf, size, "d%03u/f%02u", (unsigned int)(i / IN_A_FOLDER),
		       (unsigned int)(i % IN_A_FOLDER));
}

static int put_header(int fd, const char *name, char type, uint64_t size, struct tare_err *err)
{
	struct header h = {.type = type, .magic = "ustar", .version = {'0', '0'}};
	const unsigned char *bytes = (const unsigned char *)&h;
	unsigned int sum = 0;

	(void)snprintf(h.name, sizeof(h.name), "%s", name);
	(void)snprintf(h.mode, sizeof(h.mode), "%07o", type == '5' ? 0755U : 0644U);
	(void)snprintf(h.uid, sizeof(h.uid), "%07o", 0U);
	(void)snprintf(h.gid, sizeof(h.gid), "%07o", 0U);
	(void)snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size);
	(void)snprintf(h.mtime, sizeof(h.mtime), "%011o", 0U);
	memset(h.sum, ' ', sizeof(h.sum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += bytes[i];
	(void)snprintf(h.sum, sizeof(h.sum), "%06o", sum);
	return fd_write_all(fd, &h, sizeof(h), err);
}

static int put_data(int fd, uint64_t size, struct tare_err *err)
{
	char block[BLOCK];
	int r = 0;

	for (uint64_t at = 0; at < size && r == 0; at += BLOCK) {
		size_t part = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		memset(block, 0, sizeof(block));
		memset(block, 't', part);
		r = fd_write_all(fd, block, sizeof(block), err);
	}
	return r;
}

static int put_file(int fd, const struct unpack *s, uint64_t i, struct tare_err *err)
{
	char name[32];
	int r = 0;

	if (i % IN_A_FOLDER == 0) {
		name_folder(i, name, sizeof(name));
		r = put_header(fd, name, '5', 0, err);
	}
	name_file(i, name, sizeof(name));
	if (r == 0)
		r = put_header(fd, name, '0', s->size, err);
	return r < 0 ? r : put_data(fd, s->size, err);
}

static int make_archive(const struct unpack *s, struct tare_err *err)
{
	int fd = folder_make_file(&s->folder, 0, 0, err), r = fd;

	for (uint64_t i = 0; i < s->files && r >= 0; i++)
		r = put_file(fd, s, i, err);
	for (int i = 0; i < 2 && r >= 0; i++) { /* the end: two blocks of zeros */
		static const char zeros[BLOCK];

		r = fd_write_all(fd, zeros, sizeof(zeros), err);
	}
	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? r : 0;
}

static int unpack_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct unpack *s = state;
	int r;

	s->fd = -1;
	if ((r = units_parse_count("files", params[0], 1, FILES_MAX, &s->files, err)) < 0 ||
	    (r = param_size("size", params[1], 0, SIZE_LIMIT, 1, &s->size, err)) < 0)
		return r;
	if (s->files * s->size > ALL_LIMIT)
		return err_set(err, EINVAL, "files: more than 128 MiB of that size together");
	if ((r = tool_find(&s->tool, "tar", "tar", err)) < 0 ||
	    (r = folder_make(&s->folder, 1, err)) < 0 || (r = make_archive(s, err)) < 0)
		return r;
	(void)snprintf(s->archive, sizeof(s->archive), "%s/f", s->folder.path);
	(void)snprintf(s->into, sizeof(s->into), "%s/" UNPACKED, s->folder.path);
	if (mkdir(s->into, 0700) < 0)
		return err_errno(err, "make folder '%s'", s->into);
	s->fd = open(s->into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->fd < 0 ? err_errno(err, "open '%s'", s->into) : 0;
}

static int remove_all(const struct unpack *s, struct tare_err *err)
{
	char name[32];

	for (uint64_t i = 0; i < s->files; i++) {
		name_file(i, name, sizeof(name));
		if (unlinkat(s->fd, name, 0) < 0)
			return err_errno(err, "remove '%s', which tar has unpacked", name);
	}
	for (uint64_t i = 0; i < s->files; i += IN_A_FOLDER) {
		name_folder(i, name, sizeof(name));
		if (unlinkat(s->fd, name, AT_REMOVEDIR) < 0)
			return err_errno(err, "remove folder '%s', which tar has unpacked", name);
	}
	return 0;
}

static int unpack_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct unpack *s = state;
	const char *const argv[] = {"tar", "-xf", s->archive, "-C", s->into, NULL};
	char said[512];
	int r = 0;

	for (uint64_t i = 0; i < iters && r == 0; i++) {
		r = tool_run(&s->tool, argv, said, sizeof(said), err);
		if (r == 0)
			r = remove_all(s, err);
	}
	return r;
}

static double unpack_per_op(const void *state)
{
	return (double)((const struct unpack *)state)->files;
}

static size_t unpack_programs(const void *state, struct play_program *programs)
{
	programs[0] = ((const struct unpack *)state)->tool.file;
	return 1;
}

static void unpack_teardown(void *state)
{
	struct unpack *s = state;

	tool_end(&s->tool);
	if (s->fd >= 0) {
		struct tare_err none = {0};

		/* After a failure tar may have left some of them. */
		(void)close(s->fd);
		(void)fd_remove_tree(s->into, &none);
	}
	folder_remove(&s->folder);
}

const struct workload workload_unpack = {
	.name = "unpack",
	.summary = "whole program: unpack an archive of many small files by the environment's tar",
	.op = "a run of tar -x on `files` files of `size` bytes, and their removal",
	.groups = "program",
	.rate = "files_per_s",
	.per_op = unpack_per_op,
	.params = (const struct workload_param[]){{"files", "files in it: 1 to 10000", "200"},
						  {"size", "bytes of each", "1K"},
						  {NULL, NULL, NULL}},
	.state_size = sizeof(struct unpack),
	.setup = unpack_setup,
	.run = unpack_run,
	.programs = unpack_programs,
	.teardown = unpack_teardown,
};
