/* SPDX-License-Identifier: MIT */
#include "box/common/extras.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/mount.h>

#include "base/err.h"

#define DIGITS "0123456789"

static int read_hostname(const char *text, struct extras *ret, struct tare_err *err)
{
	size_t n = strlen(text);

	if (n == 0 || n >= sizeof(ret->hostname) || text[0] == '-' ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-." DIGITS)])
		return err_set(err, EINVAL,
			       "--hostname: '%.80s' is not of at most 64 letters, digits, '-' and "
			       "'.'",
			       text);
	memcpy(ret->hostname, text, n + 1);
	return 0;
}

static bool is_account(const char *text, size_t n)
{
	if (n == 0 || n > 32)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return true;
}

static int read_user(const char *text, struct extras *ret, struct tare_err *err)
{
	size_t n = strcspn(text, ":");
	const char *group = text[n] ? text + n + 1 : NULL;

	if (!is_account(text, n) || (group && !is_account(group, strlen(group))))
		return err_set(err, EINVAL, "--user: '%.80s' is not USER[:GROUP], names or numbers",
			       text);
	(void)snprintf(ret->user, sizeof(ret->user), "%.*s", (int)n, text);
	(void)snprintf(ret->group, sizeof(ret->group), "%s", group ? group : "");
	return 0;
}

static bool is_beyond(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

static int read_target(const char *flag, const char *text, size_t n, struct extras_mount *ret,
		       struct tare_err *err)
{
	if (n == 0 || n >= sizeof(ret->target) || text[0] != '/')
		return err_set(err, EINVAL, "%s: '%.*s' is no absolute path of at most %zu bytes",
			       flag, (int)(n < 80 ? n : 80), text, sizeof(ret->target) - 1);
	(void)snprintf(ret->target, sizeof(ret->target), "%.*s", (int)n, text);
	while (n > 1 && ret->target[n - 1] == '/')
		ret->target[--n] = '\0';
	if (strstr(ret->target, "/../") || strcmp(ret->target, "/") == 0 ||
	    (n >= 3 && strcmp(ret->target + n - 3, "/..") == 0) ||
	    is_beyond(ret->target, "/proc") || is_beyond(ret->target, "/sys"))
		return err_set(err, EINVAL,
			       "%s: nothing can be put at '%.80s': choose a path other than /, "
			       "/proc and /sys, without '..'",
			       flag, ret->target);
	return 0;
}

static struct extras_mount *next_mount(struct extras *ret, const char *flag, struct tare_err *err)
{
	if (ret->n_mounts == EXTRAS_MOUNTS) {
		err_set(err, EINVAL, "%s: at most %d volumes and tmpfs", flag, EXTRAS_MOUNTS);
		return NULL;
	}
	return &ret->mounts[ret->n_mounts++];
}

static int read_volume(const char *text, struct extras *ret, struct tare_err *err)
{
	size_t source = strcspn(text, ":"), target;
	struct extras_mount *m = next_mount(ret, "-v", err);
	const char *at, *mode;

	if (!m)
		return -EINVAL;
	if (!text[source] || text[0] != '/' || source >= sizeof(m->source))
		return err_set(err, EINVAL,
			       "-v: '%.80s' is not SRC:DST[:ro] with absolute paths of at most %zu "
			       "bytes (verbose is --verbose)",
			       text, sizeof(m->source) - 1);
	(void)snprintf(m->source, sizeof(m->source), "%.*s", (int)source, text);
	at = text + source + 1;
	target = strcspn(at, ":");
	mode = at[target] ? at + target + 1 : "rw";
	if (strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		return err_set(err, EINVAL, "-v: '%.40s' is neither ro nor rw", mode);
	m->read_only = strcmp(mode, "ro") == 0;
	m->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	m->attributes |= m->read_only ? MOUNT_ATTR_RDONLY : 0;
	return read_target("-v", at, target, m, err);
}

/* Those of mount(8) that say how it may be used; true if it was one. */
static bool take_attribute(struct extras_mount *m, const char *word)
{
	static const struct {
		const char *word;
		unsigned int set, clear;
	} words[] = {
		{"ro", MOUNT_ATTR_RDONLY, 0},     {"rw", 0, MOUNT_ATTR_RDONLY},
		{"noexec", MOUNT_ATTR_NOEXEC, 0}, {"exec", 0, MOUNT_ATTR_NOEXEC},
		{"nosuid", MOUNT_ATTR_NOSUID, 0}, {"nodev", MOUNT_ATTR_NODEV, 0},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		m->attributes = (m->attributes | words[i].set) & ~words[i].clear;
		return true;
	}
	return false;
}

static bool is_tmpfs_option(const char *key, const char *value)
{
	size_t n = strspn(value, DIGITS);

	if (n == 0 || n > 15)
		return false;
	if (strcmp(key, "size") == 0)
		return !value[n] || (strchr("kKmMgG%", value[n]) && !value[n + 1]);
	if (strcmp(key, "mode") == 0)
		return n <= 5 && !value[strspn(value, "01234567")];
	return !value[n] && (strcmp(key, "uid") == 0 || strcmp(key, "gid") == 0 ||
			     strcmp(key, "nr_inodes") == 0);
}

static int read_tmpfs_options(struct extras_mount *m, struct tare_err *err)
{
	char *save = NULL;
	size_t n = 0;

	for (char *word = strtok_r(m->text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');

		if (!value && take_attribute(m, word))
			continue;
		if (value)
			*value++ = '\0';
		if (!value || n == EXTRAS_TMPFS_OPTIONS || !is_tmpfs_option(word, value))
			return err_set(err, EINVAL,
				       "--tmpfs: '%.30s%s%.30s' is none of size=, mode=, uid=, "
				       "gid=, nr_inodes=, ro, rw, exec, noexec, nosuid and nodev",
				       word, value ? "=" : "", value ? value : "");
		m->options[n++] = (struct mount_option){word, value};
	}
	return 0;
}

/* Without options it is as docker's: world-writable, not for programs and devices. */
static int read_tmpfs(const char *text, struct extras *ret, struct tare_err *err)
{
	size_t n = strcspn(text, ":");
	struct extras_mount *m = next_mount(ret, "--tmpfs", err);
	int r;

	if (!m)
		return -EINVAL;
	m->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	r = read_target("--tmpfs", text, n, m, err);
	if (r < 0 || !text[n])
		return r;
	if (snprintf(m->text, sizeof(m->text), "%s", text + n + 1) >= (int)sizeof(m->text))
		return err_set(err, EINVAL, "--tmpfs: its options are longer than %zu bytes",
			       sizeof(m->text) - 1);
	return read_tmpfs_options(m, err);
}

static int read_capability(const char *flag, const char *text, uint64_t *set, bool *all,
			   struct tare_err *err)
{
	char name[40];
	cap_value_t value;

	if (strcasecmp(text, "ALL") == 0) {
		*all = true;
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s%.32s",
		       strncasecmp(text, "CAP_", 4) == 0 ? "" : "cap_", text);
	if (strlen(text) > 32 || isdigit((unsigned char)text[0]) ||
	    cap_from_name(name, &value) < 0 || value < 0 || value > 63)
		return err_set(err, EINVAL,
			       "%s: there is no capability '%.40s' (names are as in "
			       "capabilities(7), or ALL)",
			       flag, text);
	*set |= 1ULL << value;
	return 0;
}

static int read_add(const char *text, struct extras *ret, struct tare_err *err)
{
	ret->caps_changed = true;
	return read_capability("--cap-add", text, &ret->cap_add, &ret->add_all, err);
}

static int read_drop(const char *text, struct extras *ret, struct tare_err *err)
{
	ret->caps_changed = true;
	return read_capability("--cap-drop", text, &ret->cap_drop, &ret->drop_all, err);
}

static int read_text(const json_t *value, struct extras *ret,
		     int (*read)(const char *, struct extras *, struct tare_err *),
		     struct tare_err *err)
{
	const char *text = json_string_value(value);

	return text ? read(text, ret, err) : err_set(err, EBADMSG, "an extra is no text");
}

static int read_list(const json_t *object, const char *key, struct extras *ret,
		     int (*read)(const char *, struct extras *, struct tare_err *),
		     struct tare_err *err)
{
	const json_t *list = json_object_get(object, key);
	json_t *value;
	size_t i;
	int r = 0;

	if (json_is_string(list))
		return read_text(list, ret, read, err);
	json_array_foreach(list, i, value)
	{
		r = read_text(value, ret, read, err);
		if (r < 0)
			break;
	}
	return r;
}

int extras_read(const json_t *object, struct extras *ret, struct tare_err *err)
{
	const json_t *seccomp = json_object_get(object, "seccomp");
	int r;

	*ret = (struct extras){
		.read_only = json_is_true(json_object_get(object, "read_only")),
		.init = json_is_true(json_object_get(object, "init")),
		.unconfined = json_is_string(seccomp),
		.profile = json_is_object(seccomp) ? seccomp : NULL,
	};
	if ((r = read_list(object, "hostname", ret, read_hostname, err)) < 0 ||
	    (r = read_list(object, "user", ret, read_user, err)) < 0 ||
	    (r = read_list(object, "volumes", ret, read_volume, err)) < 0 ||
	    (r = read_list(object, "tmpfs", ret, read_tmpfs, err)) < 0 ||
	    (r = read_list(object, "cap_add", ret, read_add, err)) < 0)
		return r;
	return read_list(object, "cap_drop", ret, read_drop, err);
}

/* As docker: ALL first, then what is named. */
uint64_t extras_capabilities(const struct extras *extras, uint64_t own)
{
	if (extras->add_all)
		return ~0ULL & ~extras->cap_drop;
	if (extras->drop_all)
		return extras->cap_add;
	return (own & ~extras->cap_drop) | extras->cap_add;
}
