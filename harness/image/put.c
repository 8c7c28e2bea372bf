/* SPDX-License-Identifier: MIT */
#include "image/put.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

#define OPAQUE    "user.overlay.opaque"
#define PERMITTED 07777

/* Beneath dir_fd, through no link and into no other filesystem. */
static int open_beneath(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

static int parent_failed(const char *parent, struct tare_err *err)
{
	if (errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
		return err_set(err, EBADMSG, "the way to '%.100s' leads over a link or a file",
			       parent);
	return err_errno(err, "open folder '%.100s'", parent);
}

static bool is_whiteout(int parent_fd, const char *name)
{
	struct stat st;

	return fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(0, 0);
}

/* A folder where there is none, which is 1, or 0; over a whiteout of ours it hides what is below.
 */
static int make_folder(int parent_fd, const char *name, struct tare_err *err)
{
	bool hides = is_whiteout(parent_fd, name);
	cleanup_close int fd = -1;
	int r;

	if (hides && unlinkat(parent_fd, name, 0) < 0)
		return err_errno(err, "replace '%.100s'", name);
	if (mkdirat(parent_fd, name, 0755) < 0)
		return errno == EEXIST ? 0 : err_errno(err, "make folder '%.100s'", name);
	if (!hides)
		return 1;
	fd = open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);
	r = fd < 0 ? err_errno(err, "open folder '%.100s'", name) : put_opaque(fd, err);
	return r < 0 ? r : 1;
}

static int make_way(int dir_fd, const char *parent, size_t *ret_made, struct tare_err *err)
{
	char part[IMAGE_PATH_MAX];
	cleanup_close int at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

	for (const char *p = parent; *p && at >= 0;) {
		size_t n = strcspn(p, "/");
		int next, r;

		memcpy(part, p, n);
		part[n] = '\0';
		r = make_folder(at, part, err);
		if (r < 0)
			return r;
		*ret_made += (size_t)r;
		next = open_beneath(at, part, O_RDONLY | O_DIRECTORY);
		if (next < 0)
			return parent_failed(parent, err);
		(void)close(at);
		at = next;
		p += n + (p[n] == '/');
	}
	return at < 0 ? err_errno(err, "open folder '%.100s'", parent) : take_fd(&at);
}

int put_open_parent(int dir_fd, const char *parent, size_t *ret_made, struct tare_err *err)
{
	int fd = open_beneath(dir_fd, *parent ? parent : ".", O_RDONLY | O_DIRECTORY);

	*ret_made = 0;
	if (fd >= 0)
		return fd;
	/* A whiteout on the way is no folder yet: see make_folder(). */
	if (errno == ENOENT || errno == ENOTDIR)
		return make_way(dir_fd, parent, ret_made, err);
	return parent_failed(parent, err);
}

int put_opaque(int folder_fd, struct tare_err *err)
{
	if (fsetxattr(folder_fd, OPAQUE, "y", 1, 0) < 0)
		return err_errno(err, "set '" OPAQUE "': the cache's filesystem must have "
				      "extended attributes");
	return 0;
}

int put_whiteout(int parent_fd, const char *name, struct tare_err *err)
{
	cleanup_close int folder = open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);

	if (folder >= 0)
		return put_opaque(folder, err);
	if (mknodat(parent_fd, name, S_IFCHR, makedev(0, 0)) < 0 && errno != EEXIST)
		return err_errno(err, "make the whiteout of '%.100s'", name);
	return 0;
}

/* Of a symbolic link each name has its own: nothing can tell, as nobody writes to one, and mke2fs
 * has it so too. */
static int put_link_again(int at, const char *target, const struct stat *st, int parent_fd,
			  const char *name, struct tare_err *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
	char text[IMAGE_PATH_MAX + 1];
	ssize_t n = readlinkat(at, target, text, sizeof(text) - 1);
	struct stat there;

	if (n < 0)
		return err_errno(err, "read the link '%.100s'", target);
	text[n] = '\0';
	if (fstatat(parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
		int r = there.st_ino == st->st_ino ? 0 : fd_remove_tree_at(parent_fd, name, err);

		if (r < 0 || there.st_ino == st->st_ino)
			return r;
	}
	if (symlinkat(text, parent_fd, name) < 0 ||
	    fchownat(parent_fd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "make the link '%.100s'", name);
	return 0;
}

int put_hardlink(int dir_fd, const char *target, int parent_fd, const char *name,
		 struct tare_err *err)
{
	const char *slash = strrchr(target, '/');
	char folder[IMAGE_PATH_MAX] = ".";
	cleanup_close int at = -1;
	struct stat st, there;

	if (slash) {
		memcpy(folder, target, (size_t)(slash - target));
		folder[slash - target] = '\0';
		target = slash + 1;
	}
	at = open_beneath(dir_fd, folder, O_RDONLY | O_DIRECTORY);
	if (at < 0 && errno != ENOENT)
		return parent_failed(folder, err);
	if (at < 0 || fstatat(at, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, EBADMSG,
			       "the hard link '%.80s' is to '%.80s', which the layer "
			       "does not have before it",
			       name, target);
	if (S_ISLNK(st.st_mode))
		return put_link_again(at, target, &st, parent_fd, name, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "the hard link '%.80s' is to no file", name);
	if (linkat(at, target, parent_fd, name, 0) == 0)
		return 0;
	/* The last of two entries of a name counts; a link to itself is there already. */
	if (errno != EEXIST)
		return err_errno(err, "make the hard link '%.80s'", name);
	if (fstatat(parent_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st.st_ino)
		return 0;
	if (fd_remove_tree_at(parent_fd, name, err) < 0 ||
	    linkat(at, target, parent_fd, name, 0) < 0)
		return err_errno(err, "make the hard link '%.80s'", name);
	return 0;
}

/* What is not both a folder makes way. */
static int clear_place(int parent_fd, const char *name, bool for_folder, struct tare_err *err)
{
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(err, "look at '%.100s'", name);
	if (for_folder && (S_ISDIR(st.st_mode) || is_whiteout(parent_fd, name)))
		return 0;
	return fd_remove_tree_at(parent_fd, name, err);
}

int put_entry(int parent_fd, const char *name, struct archive_entry *entry, int *ret_fd,
	      struct tare_err *err)
{
	mode_t type = archive_entry_filetype(entry);
	int r = clear_place(parent_fd, name, type == S_IFDIR, err);
	const char *link;

	*ret_fd = -1;
	if (r < 0)
		return r;
	switch (type) {
	case S_IFDIR:
		r = make_folder(parent_fd, name, err);
		return r < 0 ? r : 0;
	case S_IFLNK:
		link = archive_entry_symlink(entry);
		if (!link || !*link || strlen(link) >= IMAGE_PATH_MAX)
			return err_set(err, EBADMSG, "the link '%.100s' leads nowhere", name);
		if (symlinkat(link, parent_fd, name) < 0)
			return err_errno(err, "make the link '%.100s'", name);
		return 0;
	case S_IFIFO:
		if (mkfifoat(parent_fd, name, 0600) < 0)
			return err_errno(err, "make the pipe '%.100s'", name);
		return 0;
	default:
		*ret_fd = openat(parent_fd, name,
				 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		return *ret_fd < 0 ? err_errno(err, "make the file '%.100s'", name) : 0;
	}
}

static bool may_have_attribute(const char *name)
{
	if (strcmp(name, "security.capability") == 0)
		return true;
	/* overlayfs' own would lead it to other files. */
	return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0;
}

static int put_attributes(int fd, struct archive_entry *entry, uint64_t *left_out,
			  struct tare_err *err)
{
	const char *name;
	const void *value;
	size_t size, n = 0;

	(void)archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (!may_have_attribute(name) || ++n > IMAGE_XATTRS_MAX) {
			(*left_out)++;
			continue;
		}
		if (fsetxattr(fd, name, value, size, 0) == 0)
			continue;
		if (errno != ENOTSUP && errno != ENOSPC && errno != E2BIG && errno != ERANGE &&
		    errno != EINVAL)
			return err_errno(err, "set the attribute '%.60s'", name);
		(*left_out)++;
	}
	return 0;
}

static int put_owner(int parent_fd, const char *name, struct archive_entry *entry,
		     struct tare_err *err)
{
	int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
	mode_t mode = archive_entry_perm(entry) & PERMITTED;

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(err, EBADMSG, "the owner of '%.100s' is out of range", name);
	if (fchownat(parent_fd, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "set the owner of '%.100s'", name);
	/* After the owner, whose change takes the setuid bits. We made it: it is no link. */
	if (archive_entry_filetype(entry) != S_IFLNK && fchmodat(parent_fd, name, mode, 0) < 0)
		return err_errno(err, "set the mode of '%.100s'", name);
	return 0;
}

int put_metadata(int parent_fd, const char *name, int fd, struct archive_entry *entry,
		 uint64_t *left_out, struct tare_err *err)
{
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
	};
	cleanup_close int folder = -1;
	int r = put_owner(parent_fd, name, entry, err);

	if (r == 0 && fd < 0 && archive_entry_filetype(entry) == S_IFDIR) {
		fd = folder = open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);
		if (folder < 0)
			return err_errno(err, "open folder '%.100s'", name);
	}
	if (r == 0 && fd >= 0)
		r = put_attributes(fd, entry, left_out, err);
	if (r == 0 && utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "set the times of '%.100s'", name);
	return r;
}
