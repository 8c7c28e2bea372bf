/* SPDX-License-Identifier: MIT */
#include "box/container/furnish.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/container/identity.h"

#define ACCOUNTS_MAX 65536
#define FIELDS       4

int furnish_open(const struct extras *extras, struct furnish *ret, struct tare_err *err)
{
	ret->extras = extras;
	for (size_t i = 0; i < EXTRAS_MOUNTS; i++)
		ret->volume_fds[i] = -1;
	for (size_t i = 0; i < extras->n_mounts; i++) {
		const struct extras_mount *m = &extras->mounts[i];

		if (!m->source[0])
			continue;
		if (geteuid() != 0)
			return err_set(err, EPERM, "-v: volumes need root: run as root");
		if (access(m->source, F_OK) < 0)
			return err_errno(err, "-v: '%.100s'", m->source);
		ret->volume_fds[i] =
			mounts_clone(AT_FDCWD, m->source, MOUNTS_TREE, m->attributes, err);
		if (ret->volume_fds[i] < 0)
			return ret->volume_fds[i];
	}
	return 0;
}

void furnish_close(struct furnish *furnish)
{
	for (size_t i = 0; furnish->extras && i < EXTRAS_MOUNTS; i++)
		cleanup_closep(&furnish->volume_fds[i]);
}

void furnish_map(const struct furnish *furnish, pid_t pid)
{
	for (size_t i = 0; i < furnish->extras->n_mounts; i++)
		if (furnish->volume_fds[i] >= 0)
			(void)identity_map_mount(furnish->volume_fds[i], pid, NULL);
}

/* Beneath the root, which is the working folder, whatever links an image has on the way; those of
 * /proc, which lead into other processes' roots, are none. */
static int open_inside(const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* What path names, made in the folder above it, at, where there is nothing. */
static int open_or_make(int at, const char *path, bool folder, struct tare_err *err)
{
	const int flags = O_PATH | (folder ? O_DIRECTORY : 0);
	const char *name = path + strlen(path);
	cleanup_close int fd = open_inside(path, flags);
	cleanup_close int made = -1;

	while (name > path && name[-1] != '/')
		name--;
	if (fd < 0 && errno == ENOENT) {
		if (!folder)
			made = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (folder ? mkdirat(at, name, 0755) < 0 : made < 0)
			return err_errno(err, "step 'make %s'", path);
		fd = open_inside(path, flags);
	}
	return fd < 0 ? err_errno(err, "step 'open %s'", path) : take_fd(&fd);
}

/* The folders above it, and the last piece as a folder or an empty file. */
static int open_target(const struct extras_mount *m, bool folder, struct tare_err *err)
{
	char path[sizeof(m->target)];
	cleanup_close int at = open_inside(".", O_PATH | O_DIRECTORY);

	memcpy(path, m->target, sizeof(path));
	for (char *slash = strchr(path + 1, '/'); slash && at >= 0;
	     slash = strchr(slash + 1, '/')) {
		int next;

		*slash = '\0';
		next = open_or_make(at, path, true, err);
		*slash = '/';
		if (next < 0)
			return next;
		(void)close(at);
		at = next;
	}
	return at < 0 ? err_errno(err, "step 'open the root'")
		      : open_or_make(at, path, folder, err);
}

static int place_one(const struct extras_mount *m, int volume, struct tare_err *err)
{
	cleanup_close int made = -1;
	cleanup_close int target = -1;
	struct stat st = {.st_mode = S_IFDIR};

	if (volume >= 0 && fstat(volume, &st) < 0)
		return err_errno(err, "step 'look at volume %s'", m->source);
	target = open_target(m, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return target;
	if (volume < 0) {
		made = mounts_new("tmpfs", m->options, m->attributes, err);
		if (made < 0)
			return made;
	}
	return err_wrap(err, mounts_attach(volume < 0 ? made : volume, target, "", err),
			"mount on %s", m->target);
}

int furnish_place(const struct furnish *furnish, struct tare_err *err)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	const struct extras *extras = furnish->extras;

	for (size_t i = 0; i < extras->n_mounts; i++) {
		int r = place_one(&extras->mounts[i], furnish->volume_fds[i], err);

		if (r < 0)
			return r;
	}
	if (extras->read_only && mount_setattr(AT_FDCWD, "/", 0, &read_only, sizeof(read_only)) < 0)
		return err_errno(err, "step 'make the root read-only'");
	return 0;
}

/* A whole number that a user or group may have inside. */
static bool read_id(const char *text, size_t n, unsigned int *ret)
{
	unsigned long value = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (unsigned long)(text[i] - '0');
	}
	*ret = (unsigned int)value;
	return value < IDENTITY_COUNT;
}

struct field {
	const char *at;
	size_t n;
};

/* The next line of NAME:PASSWORD:ID:ID...; false at the end. */
static bool next_account(const char **at, struct field ret[FIELDS])
{
	size_t line = strcspn(*at, "\n");
	const char *end = *at + line, *from = *at;

	if (!**at)
		return false;
	for (size_t i = 0; i < FIELDS; i++) {
		size_t n = 0;

		while (from + n < end && from[n] != ':')
			n++;
		ret[i] = (struct field){from, n};
		from += n + (from + n < end);
	}
	*at = end + (*end == '\n');
	return true;
}

static bool is_text(const struct field *field, const char *text)
{
	return field->n == strlen(text) && memcmp(field->at, text, field->n) == 0;
}

/* The text of a file of accounts inside; empty where there is none. */
static const char *read_accounts(const char *file)
{
	static char text[ACCOUNTS_MAX + 1];
	cleanup_close int fd = open_inside(file, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, text, ACCOUNTS_MAX);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

struct account {
	unsigned int id, gid; /* gid: of users, field 3 */
	char name[33];        /* "": too long, or a number that is in no line */
};

/* In which line of which file a name or number is. */
static bool look_up(const char *file, const char *who, struct account *ret)
{
	const char *at = read_accounts(file);
	struct field fields[FIELDS];
	unsigned int number = 0;
	bool is_number = read_id(who, strlen(who), &number);

	while (next_account(&at, fields)) {
		if (!read_id(fields[2].at, fields[2].n, &ret->id) ||
		    !(is_number ? ret->id == number : is_text(&fields[0], who)))
			continue;
		if (!read_id(fields[3].at, fields[3].n, &ret->gid))
			ret->gid = 0;
		ret->name[0] = '\0';
		if (fields[0].n < sizeof(ret->name))
			(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)fields[0].n,
				       fields[0].at);
		return true;
	}
	*ret = (struct account){.id = number};
	return is_number;
}

static bool is_member(const struct field *members, const char *name)
{
	const char *at = members->at, *end = at + members->n;

	while (at < end) {
		struct field one = {at, 0};

		while (at < end && *at != ',')
			at++;
		one.n = (size_t)(at - one.at);
		if (is_text(&one, name))
			return true;
		at += at < end;
	}
	return false;
}

static void find_groups(const char *name, struct furnish_user *ret)
{
	const char *at = read_accounts("/etc/group");
	struct field fields[FIELDS];
	unsigned int id;

	while (ret->n_groups < FURNISH_GROUPS_MAX && next_account(&at, fields))
		if (read_id(fields[2].at, fields[2].n, &id) && is_member(&fields[3], name))
			ret->groups[ret->n_groups++] = id;
}

int furnish_find_user(const struct extras *extras, struct furnish_user *ret, struct tare_err *err)
{
	struct account user, group;

	if (!look_up("/etc/passwd", extras->user, &user))
		return err_set(err, EINVAL,
			       "--user: '%s' is neither a number up to 65535 nor in the "
			       "container's /etc/passwd",
			       extras->user);
	*ret = (struct furnish_user){.uid = user.id, .gid = user.gid};
	if (!extras->group[0]) {
		if (user.name[0])
			find_groups(user.name, ret);
		return 0;
	}
	if (!look_up("/etc/group", extras->group, &group))
		return err_set(err, EINVAL,
			       "--user: '%s' is neither a number up to 65535 nor in the "
			       "container's /etc/group",
			       extras->group);
	ret->gid = group.id;
	return 0;
}
