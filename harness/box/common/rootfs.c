/* SPDX-License-Identifier: MIT */
#include "box/common/rootfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "box/box.h"
#include "box/common/kept.h"
#include "box/common/known.h"

#define BUSYBOX "/bin/busybox"
/* Counted up when this file makes another tree from the same ingredients. */
#define RECIPE  2

struct entry {
	const char *path;
	mode_t mode;
	const char *text; /* NULL: a folder */
};

/* A change here makes other trees: the digest is over this table too. */
static const struct entry entries[] = {
	{"bin", 0755, NULL},
	{"dev", 0755, NULL},
	{"etc", 0755, NULL},
	{"proc", 0755, NULL},
	{"root", 0700, NULL},
	{"run", 0755, NULL},
	{"sys", 0755, NULL},
	{"tmp", 01777, NULL},
	{"work", 0755, NULL},
	{"etc/group", 0644, "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
	{"etc/hostname", 0644, "tare\n"},
	{"etc/hosts", 0644, "127.0.0.1\tlocalhost\n::1\tlocalhost\n"},
	{"etc/passwd", 0644,
	 "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"},
	{"etc/resolv.conf", 0644, ""},
};
#define N_ENTRIES (sizeof(entries) / sizeof(entries[0]))

struct ingredients {
	char load[DIGEST_SIZE], busybox[DIGEST_SIZE]; /* busybox "": there is none */
	char whole[DIGEST_SIZE];
};

static int ingredients_read(const struct box_place *place, const char *store, uid_t owner,
			    struct ingredients *ret, struct tare_err *err)
{
	char text[4096];
	size_t used;
	int r = known_digest(store, place->load_path, ret->load, err);

	if (r == 0 && access(BUSYBOX, X_OK) == 0)
		r = known_digest(store, BUSYBOX, ret->busybox, err);
	if (r < 0)
		return r;
	used = (size_t)snprintf(text, sizeof(text), "%d %s %s %u\n", RECIPE, ret->load,
				ret->busybox, owner);
	for (size_t i = 0; i < N_ENTRIES; i++) {
		int n = snprintf(text + used, sizeof(text) - used, "%s %o %s\n", entries[i].path,
				 entries[i].mode, entries[i].text ? entries[i].text : "/");

		if (n < 0 || (size_t)n >= sizeof(text) - used)
			return err_set(err, E2BIG, "the table of the root filesystem is too long");
		used += (size_t)n;
	}
	return digest_bytes(text, used, ret->whole, err);
}

static int copy_program(const char *from, int dirfd, const char *to, struct tare_err *err)
{
	cleanup_close int in = open(from, O_RDONLY | O_CLOEXEC);
	cleanup_close int out =
		openat(dirfd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)0755);
	ssize_t n;

	if (in < 0)
		return err_errno(err, "open '%s'", from);
	if (out < 0)
		return err_errno(err, "make '%s'", to);
	do {
		n = sendfile(out, in, NULL, 1U << 20);
	} while (n > 0);
	if (n < 0 || fchmod(out, 0755) < 0)
		return err_errno(err, "copy '%s' to '%s'", from, to);
	return 0;
}

static int link_applets(FILE *names, int bin, struct tare_err *err)
{
	char name[64];

	while (fgets(name, sizeof(name), names)) {
		name[strcspn(name, "\n")] = '\0';
		if (!name[0] || name[0] == '.' || strchr(name, '/'))
			return err_set(err, EBADMSG, "'%s --list' names '%s'", BUSYBOX, name);
		if (symlinkat("busybox", bin, name) < 0 && errno != EEXIST)
			return err_errno(err, "make link '%s'", name);
	}
	return 0;
}

/* A link for each of its applets, which busybox itself knows best. */
static int install_applets(int tree, struct tare_err *err)
{
	char name[] = "busybox", list[] = "--list";
	char *argv[] = {name, list, NULL}, *envp[] = {NULL};
	cleanup_close int bin = openat(tree, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fclose FILE *out = tmpfile();
	posix_spawn_file_actions_t actions;
	int status, r;
	pid_t pid;

	if (bin < 0 || !out)
		return err_errno(err, "open 'bin' and a temporary file");
	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_set(err, ENOMEM, "out of memory");
	r = posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(&pid, BUSYBOX, &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r != 0) {
		errno = r;
		return err_errno(err, "run '%s'", BUSYBOX);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(err, "wait for '%s'", BUSYBOX);
	}
	if (status != 0)
		return err_set(err, EIO, "'%s --list' failed", BUSYBOX);
	rewind(out);
	return link_applets(out, bin, err);
}

static int make_entry(int tree, const struct entry *e, struct tare_err *err)
{
	cleanup_close int fd = -1;

	if (!e->text) {
		if (mkdirat(tree, e->path, e->mode) < 0 || fchmodat(tree, e->path, e->mode, 0) < 0)
			return err_errno(err, "make folder '%s'", e->path);
		return 0;
	}
	fd = openat(tree, e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, e->mode);
	if (fd < 0 || fchmod(fd, e->mode) < 0)
		return err_errno(err, "make '%s'", e->path);
	return fd_write_all(fd, e->text, strlen(e->text), err);
}

/* By descriptors: nothing in the tree is followed. */
static int give_to(int dirfd, const char *name, uid_t owner, struct tare_err *err)
{
	if (fchownat(dirfd, name, owner, (gid_t)owner, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, "give '%s' to user %u", name, owner);
	return 0;
}

static int give_programs_to(int tree, uid_t owner, struct tare_err *err)
{
	cleanup_close int bin = openat(tree, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names;
	int n = bin < 0 ? -1 : scandirat(bin, ".", &names, NULL, NULL), r = 0;

	if (n < 0)
		return err_errno(err, "list 'bin'");
	for (int i = 0; i < n; i++) {
		if (r == 0 && strcmp(names[i]->d_name, "..") != 0)
			r = give_to(bin, names[i]->d_name, owner, err);
		free(names[i]);
	}
	free(names);
	return r;
}

struct filling {
	const struct box_place *place;
	const struct ingredients *parts;
	uid_t owner;
};

static int fill_tree(void *context, int tree, struct tare_err *err)
{
	const struct filling *f = context;
	int r = fchmod(tree, 0755) < 0 ? err_errno(err, "open the tree to others") : 0;

	for (size_t i = 0; i < N_ENTRIES && r == 0; i++)
		r = make_entry(tree, &entries[i], err);
	if (r == 0)
		r = copy_program(f->place->load_path, tree, "bin/tare-load", err);
	if (r == 0 && f->parts->busybox[0]) {
		r = copy_program(BUSYBOX, tree, "bin/busybox", err);
		if (r == 0)
			r = install_applets(tree, err);
	}
	if (f->owner == geteuid())
		return r;
	for (size_t i = 0; i < N_ENTRIES && r == 0; i++)
		r = give_to(tree, entries[i].path, f->owner, err);
	if (r == 0)
		r = give_programs_to(tree, f->owner, err);
	return r == 0 ? give_to(tree, ".", f->owner, err) : r;
}

static int verify_program(const char *store, const char *tree, const char *name,
			  const char *expected, struct tare_err *err)
{
	char file[ROOTFS_PATH_SIZE + 16], hex[DIGEST_SIZE];
	int r;

	(void)snprintf(file, sizeof(file), "%s/bin/%s", tree, name);
	r = known_digest(store, file, hex, err);
	if (r == 0 && strcmp(hex, expected) != 0)
		return err_set(err, EBADMSG, "'%s' was changed in '%s': remove that folder", name,
			       tree);
	return r;
}

/* Nobody but its owner may have been able to change what we are going to run. */
static int verify_tree(const char *store, const char *path, const struct ingredients *parts,
		       uid_t owner, struct tare_err *err)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return err_errno(err, "look at '%s'", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != owner || (st.st_mode & 022))
		return err_set(err, EPERM, "'%s' is not a folder of user %u alone: remove it", path,
			       owner);
	r = verify_program(store, path, "tare-load", parts->load, err);
	return r == 0 && parts->busybox[0]
		       ? verify_program(store, path, "busybox", parts->busybox, err)
		       : r;
}

int rootfs_prepare(const struct box_place *place, uid_t owner, char ret_path[ROOTFS_PATH_SIZE],
		   struct tare_err *err)
{
	struct ingredients parts = {0};
	struct filling filling = {.place = place, .parts = &parts, .owner = owner};
	char store[KEPT_PATH_SIZE];
	int r = kept_store(place, "rootfs", store, err);

	if (r == 0)
		r = ingredients_read(place, store, owner, &parts, err);
	if (r < 0)
		return r;
	(void)snprintf(ret_path, ROOTFS_PATH_SIZE, "%.180s/%s", store, parts.whole);
	if (access(ret_path, F_OK) < 0)
		r = kept_make(place, ret_path, fill_tree, &filling, err);
	return r == 0 ? verify_tree(store, ret_path, &parts, owner, err) : r;
}
