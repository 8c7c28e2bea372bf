/* SPDX-License-Identifier: MIT */
/* The names in a folder, all in one call. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "folder.h"
#include "workload.h"

/* An entry takes 24 bytes (getdents(2)), and as many more as its name needs; also "." and "..". */
#define ENTRY_BYTES 32
#define OWN_ENTRIES 2
#define NAME_SIZE   24

struct getdents {
	struct folder folder;
	uint64_t entries, made;
	char *buf;
	size_t size;
	ssize_t all; /* bytes of all entries */
};

static void name_of(char name[NAME_SIZE], uint64_t n)
{
	(void)snprintf(name, NAME_SIZE, "%06llu", (unsigned long long)n);
}

static int make_entries(struct getdents *s, struct tare_err *err)
{
	char name[NAME_SIZE];

	for (; s->made < s->entries; s->made++) {
		int fd;

		name_of(name, s->made);
		fd = openat(s->folder.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_errno(err, "make file '%s' in '%s'", name, s->folder.path);
		(void)close(fd);
	}
	return 0;
}

static int check_all(const struct getdents *s, struct tare_err *err)
{
	uint64_t n = 0;

	for (ssize_t at = 0; at < s->all; n++)
		at += ((const struct dirent64 *)(const void *)(s->buf + at))->d_reclen;
	if (n != s->entries + OWN_ENTRIES)
		return err_set(err, ENOTSUP, "the filesystem gives %llu of %llu names in one call",
			       (unsigned long long)n, (unsigned long long)s->entries + OWN_ENTRIES);
	return 0;
}

static int getdents_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct getdents *s = state;
	int r = units_parse_count("entries", params[0], 1, 100000, &s->entries, err);

	if (r < 0)
		return r;
	s->size = (s->entries + OWN_ENTRIES) * ENTRY_BYTES;
	s->buf = malloc(s->size);
	if (!s->buf)
		return err_set(err, ENOMEM, "out of memory");
	r = folder_make(&s->folder, 1, err);
	if (r < 0)
		return r;
	r = make_entries(s, err);
	if (r < 0)
		return r;
	s->all = getdents64(s->folder.fd, s->buf, s->size);
	return s->all < 0 ? err_errno(err, "getdents64") : check_all(s, err);
}

static int getdents_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct getdents *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		ssize_t n;

		if (lseek(s->folder.fd, 0, SEEK_SET) < 0)
			return err_errno(err, "lseek");
		n = getdents64(s->folder.fd, s->buf, s->size);
		if (n != s->all)
			return n < 0 ? err_errno(err, "getdents64")
				     : err_set(err, EIO, "getdents64 gave %zd of %zd bytes", n,
					       s->all);
	}
	return 0;
}

static void getdents_teardown(void *state)
{
	struct getdents *s = state;
	char name[NAME_SIZE];

	while (s->made > 0) {
		name_of(name, --s->made);
		(void)unlinkat(s->folder.fd, name, 0);
	}
	folder_remove(&s->folder);
	free(s->buf);
}

const struct workload workload_getdents = {
	.name = "getdents",
	.summary = "read the names in a folder",
	.op = "lseek(2) to the begin, and getdents64(2) of all entries",
	.groups = "io",
	.params =
		(const struct workload_param[]){
			{"entries", "files in the folder: 1 to 100000", "100"}, {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"lseek", 1, NULL},
						      {"getdents64", 1, NULL},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct getdents),
	.setup = getdents_setup,
	.run = getdents_run,
	.teardown = getdents_teardown,
};
