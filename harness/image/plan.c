/* SPDX-License-Identifier: MIT */
#include "image/plan.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"

/* The OCI image specification's words for what a layer takes away ("Whiteouts"). */
#define WHITEOUT       ".wh."
#define OPAQUE         ".wh..wh..opq"
#define WHITEOUT_OTHER ".wh..wh." /* aufs' own, as .wh..wh.plnk */

static int refuse(const char *path, const char *why, struct tare_err *err)
{
	return err_set(err, EBADMSG, "the entry '%.100s' %s", path, why);
}

/* Without "." and empty parts. */
static int normalise(const char *path, char ret[IMAGE_PATH_MAX], struct tare_err *err)
{
	size_t used = 0, depth = 0;

	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 2 && at[0] == '.' && at[1] == '.')
			return refuse(path, "goes up by '..'", err);
		if (n > IMAGE_NAME_MAX || used + n + 2 > IMAGE_PATH_MAX)
			return refuse(path, "is too long", err);
		if (n > 0 && !(n == 1 && at[0] == '.')) {
			if (++depth > IMAGE_DEPTH_MAX)
				return refuse(path, "is too deep", err);
			if (used)
				ret[used++] = '/';
			memcpy(ret + used, at, n);
			used += n;
		}
		at += n + (at[n] == '/');
	}
	ret[used] = '\0';
	return 0;
}

static void split(const char *path, struct plan *plan)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t n = slash ? (size_t)(slash - path) : 0;

	memcpy(plan->parent, path, n);
	plan->parent[n] = '\0';
	memcpy(plan->name, name, strlen(name) + 1);
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A part of the way that is named as a whiteout is no way. */
static bool has_whiteout(const char *path)
{
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (starts(at, WHITEOUT))
			return true;
	}
	return false;
}

static int plan_whiteout(const char *path, struct plan *plan, struct tare_err *err)
{
	const char *hidden = plan->name + strlen(WHITEOUT);

	if (strcmp(plan->name, OPAQUE) == 0) {
		plan->action = PLAN_OPAQUE;
		return 0;
	}
	if (starts(plan->name, WHITEOUT_OTHER)) {
		plan->action = PLAN_LEAVE_OUT;
		return 0;
	}
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return refuse(path, "takes nothing away that has a name", err);
	memmove(plan->name, hidden, strlen(hidden) + 1);
	plan->action = PLAN_WHITEOUT;
	return 0;
}

int plan_entry(const char *path, mode_t type, const char *hardlink, struct plan *ret,
	       struct tare_err *err)
{
	char whole[IMAGE_PATH_MAX];
	int r = normalise(path, whole, err);

	if (r < 0)
		return r;
	*ret = (struct plan){.action = PLAN_MAKE};
	split(whole, ret);
	if (has_whiteout(ret->parent))
		return refuse(path, "lies in a folder that is named as a whiteout", err);
	if (!whole[0]) {
		if (type != S_IFDIR || hardlink)
			return refuse(path, "is no name", err);
		ret->action = PLAN_ROOT;
		return 0;
	}
	if (starts(ret->name, WHITEOUT))
		return plan_whiteout(path, ret, err);
	if (hardlink) {
		r = normalise(hardlink, ret->target, err);
		if (r < 0)
			return r;
		if (!ret->target[0] || has_whiteout(ret->target))
			return refuse(path, "is a hard link to no file", err);
		ret->action = PLAN_HARDLINK;
		return 0;
	}
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFIFO)
		ret->action = PLAN_LEAVE_OUT;
	return 0;
}
