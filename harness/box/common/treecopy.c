/* SPDX-License-Identifier: MIT */
#include "box/common/treecopy.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

/* As deep as an image may be, and a bit. */
#define DEPTH_MAX   200
#define XATTRS_SIZE 65536
#define LINKS_SIZE  40

/* Files with more than one name get another one in a folder of the copy, DEV-INO of the original:
 * a hostile tree may have a million of them, which would be too much to remember otherwise. */
struct links {
	int fd;
	char folder[LINKS_SIZE]; /* in the copy, only while it is made */
};

/* overlayfs and another filesystem copy nothing between them, but pages can be sent. */
static ssize_t copy_some(int in, int out, off_t *begin, off_t *to, size_t size)
{
	ssize_t n = copy_file_range(in, begin, out, to, size, 0);

	if (n >= 0 || (errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP))
		return n;
	if (lseek(out, *to, SEEK_SET) < 0)
		return -1;
	n = sendfile(out, in, begin, size);
	*to += n > 0 ? n : 0;
	return n;
}

static int copy_data(int in, int out, off_t size, struct tare_err *err)
{
	off_t at = 0;

	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, size) < 0)
		return err_errno(err, "set the size");
	while (at < size) {
		off_t begin = lseek(in, at, SEEK_DATA), end;

		if (begin < 0 && errno == ENXIO)
			return 0; /* only holes follow */
		end = begin < 0 ? -1 : lseek(in, begin, SEEK_HOLE);
		if (end < 0)
			return err_errno(err, "seek");
		for (off_t to = begin; begin < end;) {
			ssize_t n = copy_some(in, out, &begin, &to, (size_t)(end - begin));

			if (n < 0)
				return err_errno(err, "copy");
			if (n == 0)
				return err_set(err, ENODATA, "the file became shorter");
		}
		at = end;
	}
	return 0;
}

static int copy_xattrs(int in, int out, struct tare_err *err)
{
	char names[XATTRS_SIZE], value[XATTRS_SIZE];
	ssize_t n = flistxattr(in, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : err_errno(err, "list the attributes");
	for (char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(in, name, value, sizeof(value));

		if (size >= 0 && fsetxattr(out, name, value, (size_t)size, 0) == 0)
			continue;
		if (size >= 0 && errno == ENOTSUP) /* tmpfs before Linux 6.6: a guest's cache */
			return err_set(err, ENOTSUP,
				       "the cache's filesystem takes no attribute '%.60s': use "
				       "rootfs=overlay",
				       name);
		return err_errno(err, "copy attribute '%.60s'", name);
	}
	return 0;
}

/* After the owner: a change of owner takes the setuid bits. */
static int copy_metadata(int in, int out, const struct stat *st, struct tare_err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	int r;

	if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
		return err_errno(err, "set owner and mode");
	r = copy_xattrs(in, out, err);
	return r == 0 && futimens(out, times) < 0 ? err_errno(err, "set the times") : r;
}

static int copy_folder(int from, int to, int depth, const struct links *links,
		       struct tare_err *err);

static int copy_file(int from, int to, const char *name, const struct stat *st,
		     struct tare_err *err)
{
	cleanup_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_close int out =
		in < 0 ? -1
		       : openat(to, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (out < 0)
		return err_errno(err, "open");
	r = copy_data(in, out, st->st_size, err);
	return r == 0 ? copy_metadata(in, out, st, err) : r;
}

static int copy_below(int from, int to, const char *name, const struct stat *st, int depth,
		      const struct links *links, struct tare_err *err)
{
	cleanup_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int out = -1;
	int r;

	if (in < 0)
		return err_errno(err, "open");
	if (depth == 0)
		return err_set(err, ELOOP, "nested too deep");
	if (mkdirat(to, name, 0700) < 0)
		return err_errno(err, "make the folder");
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return err_errno(err, "open the folder");
	r = copy_folder(in, out, depth - 1, links, err);
	return r == 0 ? copy_metadata(in, out, st, err) : r;
}

static int copy_other(int from, int to, const char *name, const struct stat *st,
		      struct tare_err *err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	char text[PATH_MAX];
	ssize_t n;

	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(from, name, text, sizeof(text) - 1);
		if (n < 0)
			return err_errno(err, "read the link");
		text[n] = '\0';
		if (symlinkat(text, to, name) < 0)
			return err_errno(err, "make the link");
	} else if (mknodat(to, name, st->st_mode, st->st_rdev) < 0) {
		return err_errno(err, "make the node");
	}
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "set owner and times");
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return err_errno(err, "set the mode");
	return 0;
}

static int copy_file_or_other(int from, int to, const char *name, const struct stat *st,
			      struct tare_err *err)
{
	return S_ISREG(st->st_mode) ? copy_file(from, to, name, st, err)
				    : copy_other(from, to, name, st, err);
}

/* The second and further names of a file are links to its copy. */
static int copy_linked(int from, int to, const char *name, const struct stat *st,
		       const struct links *links, struct tare_err *err)
{
	char known[LINKS_SIZE];
	int r;

	(void)snprintf(known, sizeof(known), "%llx-%llx", (unsigned long long)st->st_dev,
		       (unsigned long long)st->st_ino);
	if (linkat(links->fd, known, to, name, 0) == 0)
		return 0;
	if (errno != ENOENT)
		return err_errno(err, "make the hard link");
	r = copy_file_or_other(from, to, name, st, err);
	return r == 0 && linkat(to, name, links->fd, known, 0) < 0
		       ? err_errno(err, "make another name of it")
		       : r;
}

static int copy_entry(int from, int to, const char *name, int depth, const struct links *links,
		      struct tare_err *err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "look at it");
	if (S_ISDIR(st.st_mode))
		return copy_below(from, to, name, &st, depth, links, err);
	return st.st_nlink > 1 ? copy_linked(from, to, name, &st, links, err)
			       : copy_file_or_other(from, to, name, &st, err);
}

static int copy_folder(int from, int to, int depth, const struct links *links, struct tare_err *err)
{
	int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (!dir) {
		cleanup_closep(&again);
		return err_errno(err, "open the folder");
	}
	/* readdir: no other thread has this stream. */
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		const char *name = entry->d_name;
		int r;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		r = copy_entry(from, to, name, depth, links, err);
		if (r < 0)
			return err_wrap(err, r, "%.60s", name);
	}
	return 0;
}

/* By a name that the tree does not have. */
static int open_links(int from, int to, struct links *ret, struct tare_err *err)
{
	struct stat st;
	unsigned int i = 0;

	do
		(void)snprintf(ret->folder, sizeof(ret->folder), ".tare-links-%u", i++);
	while (fstatat(from, ret->folder, &st, AT_SYMLINK_NOFOLLOW) == 0);
	if (mkdirat(to, ret->folder, 0700) < 0)
		return err_errno(err, "make the folder of hard links");
	ret->fd = openat(to, ret->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ret->fd < 0 ? err_errno(err, "open the folder of hard links") : 0;
}

int treecopy(int from_fd, int to_fd, struct tare_err *err)
{
	struct links links = {.fd = -1};
	struct stat st;
	int r = open_links(from_fd, to_fd, &links, err);

	if (r == 0)
		r = copy_folder(from_fd, to_fd, DEPTH_MAX, &links, err);
	cleanup_closep(&links.fd);
	if (r == 0)
		r = fd_remove_tree_at(to_fd, links.folder, err);
	if (r == 0 && fstat(from_fd, &st) < 0)
		r = err_errno(err, "look at the tree");
	if (r == 0)
		r = copy_metadata(from_fd, to_fd, &st, err);
	return err_wrap(err, r, "copy the root filesystem");
}
