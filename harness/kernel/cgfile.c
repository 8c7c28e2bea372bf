/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup.h"

/* memory.stat, the longest keyed file, has some 60 lines of 30 bytes in Linux 6.18. */
#define CGFILE_SIZE 16384

static int parse_u64(const char *file, const char *text, uint64_t *ret, struct tare_err *err)
{
	char *end;
	unsigned long long value;

	if (strncmp(text, "max", 3) == 0 && (text[3] == '\n' || text[3] == '\0')) {
		*ret = UINT64_MAX;
		return 0;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || errno || (*end && *end != '\n'))
		return err_set(err, EBADMSG, "'%s': '%.*s' is no whole number", file,
			       (int)strcspn(text, "\n") % 40, text);
	*ret = value;
	return 0;
}

int cgfile_read_u64(int dirfd, const char *file, uint64_t *ret, struct tare_err *err)
{
	char buf[64];
	ssize_t n = fd_read_file(dirfd, file, buf, sizeof(buf), err);

	return n < 0 ? (int)n : parse_u64(file, buf, ret, err);
}

int cgfile_read_key(int dirfd, const char *file, const char *key, uint64_t *ret,
		    struct tare_err *err)
{
	char buf[CGFILE_SIZE];
	size_t len = strlen(key);
	ssize_t n = fd_read_file(dirfd, file, buf, sizeof(buf), err);

	if (n < 0)
		return (int)n;
	for (const char *line = buf; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return parse_u64(file, line + len + 1, ret, err);
	return err_set(err, ENOENT, "'%s' has no key '%s'", file, key);
}
