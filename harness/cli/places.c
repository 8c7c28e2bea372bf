/* SPDX-License-Identifier: MIT */
#include "cli/places.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/journal.h"
#include "kernel/scratch.h"

/* NULL for an unset or empty variable. Only the main thread calls this, before any other is. */
static const char *environment(const char *name)
{
	const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe) */

	return value && value[0] ? value : NULL;
}

/* The folder of the running program; -ENAMETOOLONG and the like do not happen to a program that
 * was started by a path. */
static int own_folder(char *buf, size_t size, struct tare_err *err)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	if (n < 0)
		return err_errno(err, "read the link /proc/self/exe");
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (slash && slash != buf)
		*slash = '\0';
	return 0;
}

static bool has_load(const char *folder)
{
	cleanup_free char *path = text_format("%s/tare-load", folder);

	return path && access(path, X_OK) == 0;
}

static int find_libexec(const char *own, char **ret, struct tare_err *err)
{
	const char *asked = environment("TARE_LIBEXEC");
	cleanup_free char *installed = text_format("%s/../libexec/tare", own);
	char real[PATH_MAX];
	const char *found = NULL;

	if (!installed)
		return err_set(err, ENOMEM, "out of memory");
	if (asked) {
		if (!has_load(asked))
			return err_set(err, ENOENT, "TARE_LIBEXEC: no tare-load in '%.100s'",
				       asked);
		found = asked;
	} else if (has_load(own)) {
		found = own;
	} else if (has_load(installed)) {
		found = installed;
	}
	if (!found)
		return err_set(err, ENOENT,
			       "tare-load is neither in '%.60s' nor in '%.80s': set TARE_LIBEXEC",
			       own, installed);
	if (!realpath(found, real))
		return err_errno(err, "find '%s'", found);
	*ret = strdup(real);
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static char *find_cache(void)
{
	const char *xdg = environment("XDG_CACHE_HOME"), *home = environment("HOME");

	if (xdg && xdg[0] == '/')
		return text_format("%s/tare", xdg);
	if (geteuid() == 0 || !home)
		return strdup("/var/cache/tare");
	return text_format("%s/.cache/tare", home);
}

/* results/ of the checkout that the program was built in, if it was. */
static char *find_results(const char *own)
{
	cleanup_free char *schema = text_format("%s/../results/README.md", own);
	cleanup_free char *sources = text_format("%s/../harness/layers", own);
	cleanup_free char *results = text_format("%s/../results", own);
	char real[PATH_MAX];

	if (schema && sources && results && access(schema, F_OK) == 0 &&
	    access(sources, F_OK) == 0 && realpath(results, real))
		return strdup(real);
	return strdup("tare-results");
}

int places_find_main(char *buf, size_t size, struct tare_err *err)
{
	const char *asked = environment("TARE_LIBEXEC");
	char own[PATH_MAX - 32];
	int r = own_folder(own, sizeof(own), err);

	if (r < 0)
		return r;
	/* Beside it first: that one was built together with this one. */
	(void)snprintf(buf, size, "%s/tare-main", own);
	if (access(buf, X_OK) == 0)
		return 0;
	if (asked && snprintf(buf, size, "%s/tare-main", asked) < (int)size &&
	    access(buf, X_OK) == 0)
		return 0;
	if (snprintf(buf, size, "%s/../libexec/tare/tare-main", own) < (int)size &&
	    access(buf, X_OK) == 0)
		return 0;
	return err_set(err, ENOENT,
		       "tare-main is neither in '%.60s' nor in '%.60s/../libexec/tare': "
		       "set TARE_LIBEXEC",
		       own, own);
}

int places_find_front(const struct places *places, char *buf, size_t size, struct tare_err *err)
{
	char own[PATH_MAX - 32];
	int r = own_folder(own, sizeof(own), err);

	if (r < 0)
		return r;
	(void)snprintf(buf, size, "%s/tare", own);
	if (access(buf, X_OK) == 0)
		return 0;
	if (snprintf(buf, size, "%s/../../bin/tare", places->libexec_dir) < (int)size &&
	    access(buf, X_OK) == 0)
		return 0;
	return err_set(err, ENOENT,
		       "the program tare is neither in '%.80s' nor in '%.80s/../../bin'", own,
		       places->libexec_dir);
}

int places_find(struct places *ret, struct tare_err *err)
{
	char own[PATH_MAX];
	int r;

	*ret = (struct places){0};
	r = own_folder(own, sizeof(own), err);
	if (r < 0)
		return r;
	r = find_libexec(own, &ret->libexec_dir, err);
	if (r < 0)
		return r;
	ret->load_path = text_format("%s/tare-load", ret->libexec_dir);
	ret->agent_path = text_format("%s/tare-agent", ret->libexec_dir);
	ret->cache_dir = find_cache();
	ret->results_dir = find_results(own);
	if (!ret->load_path || !ret->agent_path || !ret->cache_dir || !ret->results_dir) {
		(void)places_close(ret, NULL);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int take_work_dir(struct places *places, struct tare_err *err)
{
	cleanup_free char *parent = text_format("%s/" SCRATCH_WORK, places->cache_dir);
	char path[SCRATCH_PATH_SIZE];

	if (!parent)
		return err_set(err, ENOMEM, "out of memory");
	places->work_fd = scratch_take(parent, path, err);
	if (places->work_fd < 0)
		return err_wrap(err, places->work_fd, "work folder");
	places->work_dir = strdup(path);
	return places->work_dir ? 0 : err_set(err, ENOMEM, "out of memory");
}

int places_open(struct places *places, bool limits, struct tare_err *err)
{
	int r = journal_open(&places->journal, err);

	if (r < 0)
		return r;
	r = take_work_dir(places, err);
	if (r < 0)
		return r;
	places->group_prefix = text_format("tare-%s", journal_name(places->journal));
	if (!places->group_prefix)
		return err_set(err, ENOMEM, "out of memory");
	if (limits || !cgroup_layout_read_v2(&places->trial.layout))
		r = cgroup_layout_read(&places->trial.layout, err);
	if (r < 0)
		return r;
	places->trial.group_prefix = places->group_prefix;
	places->trial.box = (struct box_place){
		.load_path = places->load_path,
		.cache_dir = places->cache_dir,
		.work_dir = places->work_dir,
		.journal = places->journal,
	};
	return 0;
}

struct site places_site(const struct places *places)
{
	return (struct site){.place = &places->trial,
			     .journal = places->journal,
			     .cache_dir = places->cache_dir,
			     .libexec_dir = places->libexec_dir};
}

int places_close(struct places *places, struct tare_err *err)
{
	/* The journal first: what it takes down may still be writing to the work folder. */
	int r = journal_close(places->journal, err), given = 0;

	if (places->work_dir)
		given = scratch_give_back(places->work_fd, places->work_dir, err);
	r = r < 0 ? r : given;
	free(places->libexec_dir);
	free(places->load_path);
	free(places->agent_path);
	free(places->cache_dir);
	free(places->results_dir);
	free(places->work_dir);
	free(places->group_prefix);
	*places = (struct places){0};
	return r;
}
