/* SPDX-License-Identifier: MIT */
#include "common/statfile.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

int statfile_open(int dirfd, const char *name)
{
	return dirfd < 0 ? -1 : openat(dirfd, name, O_RDONLY | O_CLOEXEC);
}

int statfile_read(int fd, const char *name, char *buf, size_t size, struct tare_err *err)
{
	size_t used = 0;

	while (used + 1 < size) {
		ssize_t n = pread(fd, buf + used, size - 1 - used, (off_t)used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read '%s'", name);
		if (n == 0) {
			buf[used] = '\0';
			return 0;
		}
		used += (size_t)n;
	}
	return err_set(err, EFBIG, "read '%s': more than %zu bytes", name, size);
}

static bool number_at(const char *text, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	if (strncmp(text, "max", 3) == 0) {
		*ret = UINT64_MAX;
		return true;
	}
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	*ret = value;
	return true;
}

/* Where the line that starts with the word goes on behind it and blanks. */
static const char *line_of(const char *text, const char *word, size_t length)
{
	while (text && *text) {
		if (strncmp(text, word, length) == 0 && text[length] == ' ')
			return text + length + strspn(text + length, " ");
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

bool statfile_find(const char *text, const char *key, uint64_t *ret)
{
	const char *space = key ? strchr(key, ' ') : NULL;
	const char *at, *end;
	size_t length;

	if (!key)
		return number_at(text, ret);
	at = line_of(text, key, space ? (size_t)(space - key) : strlen(key));
	if (!at || !space)
		return at && number_at(at, ret);

	length = strlen(space + 1);
	end = strchrnul(at, '\n');
	for (; at < end; at += strcspn(at, " \n") + 1)
		if (strncmp(at, space + 1, length) == 0 && at[length] == '=')
			return number_at(at + length + 1, ret);
	return false;
}
