/* SPDX-License-Identifier: MIT */
#include "image/user.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

#define FILE_MAX   (1 << 20)
#define FIELDS_MAX 7

/* The image's links are followed inside of the image. */
static FILE *open_in_image(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	struct stat st;
	FILE *file = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		file = fdopen(fd, "r");
	if (!file)
		cleanup_closep(&fd);
	return file;
}

static bool is_number(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value;

	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
		return false;
	value = strtoul(text, &end, 10);
	*ret = (uint32_t)value;
	return value < UINT32_MAX;
}

/* The first line of passwd(5) or group(5) of the name, or of the number in field 2. Its fields
 * point into *ret_line. */
static bool find_line(int root_fd, const char *path, const char *name, char **ret_line,
		      char *fields[FIELDS_MAX])
{
	cleanup_fclose FILE *file = open_in_image(root_fd, path);
	size_t room = 0;
	uint32_t wanted = 0, id;
	bool by_number = is_number(name, &wanted);
	static char empty[1];

	while (file && getline(ret_line, &room, file) > 0) {
		char *at = *ret_line;

		at[strcspn(at, "\n")] = '\0';
		for (size_t i = 0; i < FIELDS_MAX; i++)
			fields[i] = at ? strsep(&at, ":") : empty;
		if (strcmp(fields[0], name) == 0 ||
		    (by_number && is_number(fields[2], &id) && id == wanted))
			return true;
	}
	return false;
}

static int find_group(int root_fd, const char *text, gid_t *ret, struct tare_err *err)
{
	cleanup_free char *line = NULL;
	char *fields[FIELDS_MAX];
	uint32_t id;

	if (is_number(text, &id) ||
	    (find_line(root_fd, "etc/group", text, &line, fields) && is_number(fields[2], &id))) {
		*ret = id;
		return 0;
	}
	return err_set(err, ENOENT,
		       "the image's User has the group '%.60s', which it does not know", text);
}

int user_find(int root_fd, const char *text, struct user *ret, struct tare_err *err)
{
	cleanup_free char *line = NULL, *copy = strdup(*text ? text : "0");
	char *fields[FIELDS_MAX], *group;
	struct user user = {.home = "/"};
	uint32_t id;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	group = strchr(copy, ':');
	if (group)
		*group++ = '\0';
	if (find_line(root_fd, "etc/passwd", copy, &line, fields)) {
		if (!is_number(fields[2], &id))
			return err_set(err, EBADMSG, "the user '%.60s' of the image has no number",
				       copy);
		user.uid = id;
		user.gid = is_number(fields[3], &id) ? id : 0;
		if (fields[5][0] == '/')
			(void)snprintf(user.home, sizeof(user.home), "%s", fields[5]);
	} else if (is_number(copy, &id)) {
		user.uid = id;
	} else {
		return err_set(err, ENOENT, "the image's User is '%.60s', whom it does not know",
			       copy);
	}
	if (user.uid == 0 && strcmp(user.home, "/") == 0)
		(void)snprintf(user.home, sizeof(user.home), "/root");
	*ret = user;
	return group && *group ? find_group(root_fd, group, &ret->gid, err) : 0;
}
