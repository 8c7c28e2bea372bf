/* SPDX-License-Identifier: MIT */
#include "kernel/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

/* Boxes with another user inside write here too. */
#define MODE  (S_IFDIR | 01777)
/* More than so many are not kept: a crowd that was there once must not stay. */
#define KEPT  16
/* Who finds those in use takes one by its own process's number, the next one if another pid
 * namespace has a process of that number too, and looks at none of the others. */
#define CROWD 64

static bool is_empty(int fd)
{
	_Alignas(struct dirent64) char entries[512];
	ssize_t n = lseek(fd, 0, SEEK_SET) < 0 ? -1 : getdents64(fd, entries, sizeof(entries));

	/* Those of an empty folder, "." and "..", come at once. */
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
		at += entry->d_reclen;
	}
	return n > 0 && getdents64(fd, entries, sizeof(entries)) == 0;
}

/* Labels of a security module are the system's own, and given anew with each folder. */
static bool has_attributes(int fd)
{
	char names[256];
	ssize_t n = flistxattr(fd, names, sizeof(names));

	if (n < 0)
		return errno != ENOTSUP;
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1)
		if (strncmp(names + at, "security.", 9) != 0)
			return true;
	return false;
}

/* Root inside owns the folder while it is lent: what he may have changed of it would be part of
 * the next measurement. */
static bool is_pristine(int parent_fd, int fd)
{
	struct stat st;
	int given = 0, now = 0;

	/* What a new folder takes over from its parent; not all filesystems have such flags, and
	 * some of them only say how large a folder has become. */
	if (ioctl(parent_fd, FS_IOC_GETFLAGS, &given) == 0 &&
	    (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0 || ((given ^ now) & FS_FL_USER_MODIFIABLE) != 0))
		return false;
	return fstat(fd, &st) == 0 && st.st_mode == MODE && st.st_uid == geteuid() &&
	       st.st_gid == getegid() && !has_attributes(fd) && is_empty(fd);
}

/* Another one may have removed it between our open and our lock. */
static bool is_still_there(int parent_fd, const char *name, int fd)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 &&
	       fstatat(parent_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* -EWOULDBLOCK: somebody has it. -ENOENT: there is none. */
static int hold(int parent_fd, const char *name)
{
	cleanup_close int fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return is_still_there(parent_fd, name, fd) ? take_fd(&fd) : -ENOENT;
}

static int make(int parent_fd, const char *name, struct tare_err *err)
{
	if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "make folder '%s'", name);
	/* The mode after mkdir, which the umask cuts. */
	return fchmodat(parent_fd, name, MODE & 07777, 0) == 0 || errno == ENOENT
		       ? 0
		       : err_errno(err, "open folder '%s' to all", name);
}

/* Hold the folder of that number, new or as new. -EWOULDBLOCK: somebody has it. */
static int take_number(int parent_fd, const char *name, struct tare_err *err)
{
	/* Again when another one was faster. */
	for (int attempt = 0; attempt < 8; attempt++) {
		int fd = hold(parent_fd, name), r = 0;

		if (fd == -ENOENT)
			r = make(parent_fd, name, err);
		else if (fd < 0 && fd != -EWOULDBLOCK)
			return err_set(err, -fd, "open folder '%s'", name);
		else if (fd < 0 || is_pristine(parent_fd, fd))
			return fd;
		else
			r = fd_remove_tree_at(parent_fd, name, err);
		if (fd >= 0)
			(void)close(fd);
		if (r < 0)
			return r;
	}
	return -EWOULDBLOCK;
}

int scratch_take(const char *parent, char ret_path[SCRATCH_PATH_SIZE], struct tare_err *err)
{
	int r = fd_make_dirs(parent, err);
	cleanup_close int parent_fd =
		r < 0 ? r : open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char name[16];

	if (r < 0)
		return r;
	if (parent_fd < 0)
		return err_errno(err, "open folder '%s'", parent);
	for (unsigned int attempt = 0; attempt < KEPT + CROWD; attempt++) {
		unsigned int number = attempt < KEPT ? attempt : (unsigned int)getpid() + attempt;

		(void)snprintf(name, sizeof(name), "%u", number);
		r = take_number(parent_fd, name, err);
		if (r == -EWOULDBLOCK)
			continue;
		if (r >= 0 && snprintf(ret_path, SCRATCH_PATH_SIZE, "%s/%s", parent, name) >=
				      SCRATCH_PATH_SIZE) {
			(void)close(r);
			return err_set(err, ENAMETOOLONG, "the folder's name is too long: '%.60s'",
				       parent);
		}
		return err_wrap(err, r, "'%s'", parent);
	}
	return err_set(err, EMFILE, "all folders below '%s' are in use", parent);
}

/* Its parent, and its name there. */
static int open_above(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = strndup(path, (size_t)(slash - path));

	*ret_name = slash + 1;
	return parent ? open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

int scratch_give_back(int fd, const char *path, struct tare_err *err)
{
	cleanup_close int held = fd;
	const char *name;
	cleanup_close int parent_fd = open_above(path, &name);

	if (parent_fd < 0)
		return err_errno(err, "open the folder of '%s'", path);
	if (strtoul(name, NULL, 10) < KEPT && is_pristine(parent_fd, held))
		return 0;
	return err_wrap(err, fd_remove_tree_at(parent_fd, name, err), "'%s'", path);
}

int scratch_sweep(const char *parent, void (*said)(const char *path, void *context), void *context,
		  struct tare_err *err)
{
	cleanup_dir DIR *dir = opendir(parent);
	struct dirent *entry;
	int failed = 0;

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		cleanup_close int fd =
			entry->d_name[0] == '.' ? -1 : hold(dirfd(dir), entry->d_name);
		char path[SCRATCH_PATH_SIZE];
		int r;

		if (fd < 0 || is_pristine(dirfd(dir), fd))
			continue;
		(void)snprintf(path, sizeof(path), "%.200s/%.80s", parent, entry->d_name);
		r = fd_remove_tree_at(dirfd(dir), entry->d_name, err);
		if (r < 0 && !failed)
			failed = err_wrap(err, r, "'%s'", path);
		if (r == 0)
			said(path, context);
	}
	return failed;
}
