/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/journal_undo.h"

#define ROOT_RUNTIME "/run/tare"

/* "20261123-190211-": digits where a 0 is. */
#define NAME_SHAPE "00000000-000000-"

/* The settings that tare changes, or that a run may be asked to change. */
static const char *const settings[] = {
	"/sys/devices/system/cpu/*",
	"/sys/kernel/mm/*",
	"/sys/block/*/queue/*",
	"/sys/module/*/parameters/*",
	"/proc/sys/kernel/nmi_watchdog",
	"/proc/sys/kernel/numa_balancing",
	"/proc/sys/kernel/perf_*",
	"/proc/sys/kernel/randomize_va_space",
	"/proc/sys/kernel/sched_*",
	"/proc/sys/vm/*",
	NULL,
};

/* The value of a variable that is an absolute path, without links where it exists. */
static bool read_folder(const char *variable, const char *below, char *ret, size_t size)
{
	const char *value = secure_getenv(variable);
	cleanup_free char *real = NULL;

	if (!value || value[0] != '/')
		return false;
	real = realpath(value, NULL);
	/* The root itself would put everything "below" it. */
	if (real && strcmp(real, "/") == 0)
		return false;
	return snprintf(ret, size, "%s%s", real ? real : value, below) < (int)size;
}

/* Without root and without a session: a folder of this user's own in the temporary one. */
static int read_runtime(struct journal_places *places, struct tare_err *err)
{
	if (read_folder("TARE_RUNTIME_DIR", "", places->runtime, sizeof(places->runtime)))
		return 0;
	if (geteuid() == 0)
		(void)snprintf(places->runtime, sizeof(places->runtime), ROOT_RUNTIME);
	else if (!read_folder("XDG_RUNTIME_DIR", "/tare", places->runtime,
			      sizeof(places->runtime)) &&
		 snprintf(places->runtime, sizeof(places->runtime), "%.200s/tare-user-%u",
			  places->temp, (unsigned int)geteuid()) >= (int)sizeof(places->runtime))
		return err_set(err, ENAMETOOLONG, "the temporary folder's name is too long");
	return 0;
}

/* FNV-1a, folded to 16 bits: it has to tell a machine's few runtime folders apart. */
static void make_mark(struct journal_places *places)
{
	uint32_t hash = 2166136261U;

	places->mark[0] = '\0';
	if (strcmp(places->runtime, ROOT_RUNTIME) == 0)
		return;
	for (const char *at = places->runtime; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619U;
	(void)snprintf(places->mark, sizeof(places->mark), "x%04x", (hash >> 16 ^ hash) & 0xffff);
}

static int make_runtime(struct journal_places *places, struct tare_err *err)
{
	cleanup_free char *real = NULL;
	struct stat st;
	int r = fd_make_dirs(places->runtime, err);

	if (r < 0)
		return err_wrap(err, r, "runtime folder (TARE_RUNTIME_DIR chooses another)");
	real = realpath(places->runtime, NULL);
	if (!real || strlen(real) >= sizeof(places->runtime) || stat(real, &st) < 0)
		return err_errno(err, "runtime folder '%s'", places->runtime);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "runtime folder '%s' belongs to somebody else", real);
	(void)snprintf(places->runtime, sizeof(places->runtime), "%s", real);
	return 0;
}

int journal_places_read(struct journal_places *ret, bool make, struct tare_err *err)
{
	struct journal_places places = {0};
	cleanup_free char *real = NULL;
	int r;

	if (!read_folder("TMPDIR", "", places.temp, sizeof(places.temp)))
		(void)snprintf(places.temp, sizeof(places.temp), "/tmp");
	if (!read_folder("XDG_CACHE_HOME", "/tare", places.cache, sizeof(places.cache)) &&
	    (geteuid() == 0 ||
	     !read_folder("HOME", "/.cache/tare", places.cache, sizeof(places.cache))))
		(void)snprintf(places.cache, sizeof(places.cache), "/var/cache/tare");
	r = read_runtime(&places, err);
	if (r == 0 && make)
		r = make_runtime(&places, err);
	else if (r == 0 && (real = realpath(places.runtime, NULL)))
		(void)snprintf(places.runtime, sizeof(places.runtime), "%.255s", real);
	if (r < 0)
		return r;
	make_mark(&places);
	*ret = places;
	return 0;
}

size_t journal_name_length(const char *name)
{
	size_t n = strlen(NAME_SHAPE), word;

	for (size_t i = 0; i < n; i++)
		if (NAME_SHAPE[i] == '0' ? !isdigit((unsigned char)name[i])
					 : name[i] != NAME_SHAPE[i])
			return 0;
	word = name[n] == 'x' ? 9 : 4;
	if (strspn(name + n + (word == 9), "0123456789abcdef") != word - (word == 9))
		return 0;
	return n + word;
}

bool journal_name_of(const char *text, char ret_run[JOURNAL_NAME_SIZE])
{
	size_t n;

	if (strncmp(text, "tare-", 5) != 0)
		return false;
	n = journal_name_length(text + 5);
	if (n == 0 || (text[5 + n] && !strchr("-.", text[5 + n])))
		return false;
	(void)snprintf(ret_run, JOURNAL_NAME_SIZE, "%.*s", (int)n, text + 5);
	return true;
}

bool journal_name_is_ours(const struct journal_places *places, const char *run)
{
	size_t n = journal_name_length(run);
	const char *word = run + strlen(NAME_SHAPE);

	if (n == 0 || run[n])
		return false;
	return places->mark[0] ? strncmp(word, places->mark, strlen(places->mark)) == 0
			       : word[0] != 'x';
}

/* Is path the same as folder or below it? */
static bool is_within(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_below(const char *path, const char *folder)
{
	return is_within(path, folder) && path[strlen(folder)] == '/';
}

/* Absolute, no "." or ".." or empty part, no control characters. */
static bool is_plain(const char *path)
{
	size_t n = strlen(path);

	if (path[0] != '/' || n < 2 || n >= PATH_MAX || path[n - 1] == '/')
		return false;
	for (const char *at = path; *at; at++)
		if (iscntrl((unsigned char)*at))
			return false;
	for (const char *at = path; at; at = strchr(at + 1, '/')) {
		size_t part = strcspn(at + 1, "/");

		if (part == 0 || (part <= 2 && strspn(at + 1, ".") == part))
			return false;
	}
	return true;
}

/* Is there the name of another run anywhere in the text? */
static bool names_another_run(const char *text, const char *run)
{
	for (; *text; text++) {
		size_t n = journal_name_length(text);

		if (n > 0 && (strlen(run) != n || strncmp(text, run, n) != 0))
			return true;
	}
	return false;
}

static bool path_is_allowed(const struct journal_places *places, const char *run, const char *path)
{
	char own[sizeof(places->runtime) + JOURNAL_NAME_SIZE + 2];
	const char *name = strrchr(path, '/') + 1;
	char of[JOURNAL_NAME_SIZE];

	(void)snprintf(own, sizeof(own), "%s/%s.d", places->runtime, run);
	if (is_below(path, own))
		return true;
	/* Nothing of another run, and no folder that holds any of ours. */
	if (names_another_run(path, run))
		return false;
	if (is_within(path, places->runtime) || is_within(places->runtime, path) ||
	    is_within(places->cache, path) || is_within(places->temp, path))
		return false;
	if (is_below(path, places->cache) || is_below(path, places->temp))
		return true;
	return journal_name_of(name + (name[0] == '.'), of);
}

static int check_path(const struct journal_places *places, const char *run, const char *path,
		      struct tare_err *err)
{
	if (is_plain(path) && path_is_allowed(places, run, path))
		return 0;
	return err_set(err, EPERM,
		       "'%.100s' is not the run's own: not below its folder, the cache or the "
		       "temporary folder, nor named tare-%s",
		       path, run);
}

static int check_setting(const char *argument, struct tare_err *err)
{
	const char *tab = strchr(argument, '\t');
	char path[256];

	if (tab && tab - argument < (int)sizeof(path)) {
		(void)snprintf(path, sizeof(path), "%.*s", (int)(tab - argument), argument);
		for (size_t i = 0; settings[i] && is_plain(path); i++)
			if (fnmatch(settings[i], path, 0) == 0)
				return 0;
	}
	return err_set(err, EPERM, "'%.100s' is no setting that tare changes", argument);
}

static int check_process(const char *argument, struct tare_err *err)
{
	char *end;
	unsigned long pid = strtoul(argument, &end, 10);

	if (isdigit((unsigned char)argument[0]) && pid > 1 && pid <= INT_MAX && *end == ' ' &&
	    isdigit((unsigned char)end[1]))
		return 0;
	return err_set(err, EPERM, "'%.60s' is no process that tare started", argument);
}

static int check_loop(const char *path, struct tare_err *err)
{
	size_t n = strlen("/dev/loop");

	if (strncmp(path, "/dev/loop", n) == 0 && path[n] && strlen(path + n) < 8 &&
	    strspn(path + n, "0123456789") == strlen(path + n))
		return 0;
	return err_set(err, EPERM, "'%.60s' is no loop device", path);
}

int journal_check(const struct journal_places *places, const char *run, enum journal_kind kind,
		  const char *argument, struct tare_err *err)
{
	switch (kind) {
	case JOURNAL_CGROUP:
		if (strncmp(argument, "tare-", 5) == 0 && text_is_name(argument) &&
		    !names_another_run(argument, run))
			return 0;
		return err_set(err, EPERM, "'%.64s' is no cgroup of this run", argument);
	case JOURNAL_LINK:
		if (strncmp(argument, "tare-", 5) == 0 && text_is_name(argument) &&
		    strlen(argument) < IF_NAMESIZE)
			return 0;
		return err_set(err, EPERM, "'%.64s' is no interface of tare", argument);
	case JOURNAL_PROCESS:
		return check_process(argument, err);
	case JOURNAL_MOUNT:
	case JOURNAL_PATH:
		return check_path(places, run, argument, err);
	case JOURNAL_LOOP:
		return check_loop(argument, err);
	case JOURNAL_SETTING:
		return check_setting(argument, err);
	}
	return err_set(err, EPERM, "no such kind of entry");
}
