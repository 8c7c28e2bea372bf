/* SPDX-License-Identifier: MIT */
#include "box/common/root.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/common/dev.h"
#include "box/common/mounts.h"
#include "box/common/stored.h"

/* The tree is put together on top of this folder: any would do, this one is everywhere. */
#define STAGE "/proc"

#define INERT (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define DATA  (INERT | MOUNT_ATTR_NOEXEC)

/* The lists of the OCI runtime specification's default configuration, as far as Linux 6.x has
 * the files. */
static const char *const masked_files[] = {
	"proc/interrupts", "proc/kcore",       "proc/keys",        "proc/latency_stats",
	"proc/timer_list", "proc/timer_stats", "proc/sched_debug", NULL,
};
static const char *const masked_folders[] = {
	"proc/acpi",
	"proc/asound",
	"proc/scsi",
	NULL,
};
static const char *const masked_in_sys[] = {
	"sys/firmware",
	"sys/devices/virtual/powercap",
	NULL,
};
static const char *const read_only[] = {
	"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger", NULL,
};

/* The given detached mount, or one made by path. */
static int piece(int fd, const char *path, unsigned int attributes, struct tare_err *err)
{
	int copy;

	if (fd < 0)
		return mounts_clone(AT_FDCWD, path, MOUNTS_ONE, attributes, err);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? err_errno(err, "step 'take %s'", path) : copy;
}

static int make_folder(int dirfd, const char *name, mode_t mode, struct tare_err *err)
{
	if (mkdirat(dirfd, name, mode) < 0)
		return err_errno(err, "step 'make folder %s'", name);
	return 0;
}

/* What an image may lack, or may have as a link to elsewhere: as the top layer ours are seen. */
static const char *const places[] = {"dev", "proc", "sys", "tmp", "run", "work", ".tare", NULL};
#define LOAD_PLACE ".tare/load"

int root_make_places(int at, struct tare_err *err)
{
	cleanup_close int load = -1;

	for (const char *const *p = places; *p; p++) {
		struct stat st;

		if (fstatat(at, *p, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
		    unlinkat(at, *p, 0) < 0)
			return err_errno(err, "step 'replace /%s of the image'", *p);
		if (mkdirat(at, *p, 0755) == 0 && strcmp(*p, "tmp") == 0 &&
		    fchmodat(at, *p, 01777, 0) < 0)
			return err_errno(err, "step 'open /tmp to all'");
	}
	load = openat(at, ".tare", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (load < 0)
		return err_errno(err, "step 'make folder .tare'");
	if (unlinkat(load, "load", 0) < 0 && errno != ENOENT)
		return err_errno(err, "step 'replace /" LOAD_PLACE " of the image'");
	if (mknodat(load, "load", S_IFREG | 0444, 0) < 0)
		return err_errno(err, "step 'make /" LOAD_PLACE "'");
	return 0;
}

static int make_places_above(int stage, struct tare_err *err)
{
	cleanup_close int above = -1;
	int r = make_folder(stage, "above", 0755, err);

	if (r < 0)
		return r;
	above = openat(stage, "above", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (above < 0)
		return err_errno(err, "step 'open the places'");
	return root_make_places(above, err);
}

#define LAYER_NAME_SIZE 24

/* overlayfs takes its layers by path, here relative to the stage, which is the working folder. */
static int attach_layers(const struct root *root, int stage, int tree,
			 char names[][LAYER_NAME_SIZE], const char **ret_names, size_t *ret_n,
			 struct tare_err *err)
{
	size_t n = root->n_layers ? root->n_layers : 1, at = 0;
	int r = root->n_layers ? make_places_above(stage, err) : 0;

	if (root->n_layers)
		ret_names[at++] = "above";
	for (size_t i = 0; i < n && r == 0; i++) {
		(void)snprintf(names[i], LAYER_NAME_SIZE, "%zu", i);
		ret_names[at++] = names[i];
		r = make_folder(stage, names[i], 0755, err);
		if (r == 0)
			r = mounts_attach(root->n_layers ? root->layer_fds[i] : tree, stage,
					  names[i], err);
	}
	*ret_n = at;
	return r;
}

/* The upper layer is on a tmpfs: no disk is written, and it ends with the namespace. */
static int mount_overlay(const struct root *root, int stage, int tree, struct tare_err *err)
{
	char names[STORED_LAYERS_MAX][LAYER_NAME_SIZE];
	const char *lowers[STORED_LAYERS_MAX + 1];
	struct mounts_overlay overlay = {
		.lowers = lowers,
		.userxattr = root->userxattr || root->marked,
	};
	int r = attach_layers(root, stage, tree, names, lowers, &overlay.n_lowers, err);

	if (r == 0 && root->overlay) {
		overlay.upper = "upper";
		overlay.work = "work";
		r = make_folder(stage, "upper", 0755, err);
		if (r == 0)
			r = make_folder(stage, "work", 0755, err);
	}
	if (r < 0)
		return r;
	return mounts_new_overlay(&overlay,
				  MOUNT_ATTR_NODEV | (root->overlay ? 0 : MOUNT_ATTR_RDONLY), err);
}

static int mount_writable_folders(int root, struct tare_err *err)
{
	static const struct mount_option tmp[] = {{"mode", "1777"}, {NULL, NULL}};
	static const struct mount_option run[] = {{"mode", "755"}, {NULL, NULL}};
	cleanup_close int tmp_fd = mounts_new("tmpfs", tmp, INERT, err);
	cleanup_close int run_fd = tmp_fd < 0 ? tmp_fd : mounts_new("tmpfs", run, INERT, err);
	int r;

	if (run_fd < 0)
		return run_fd;
	r = mounts_attach(tmp_fd, root, "tmp", err);
	return r == 0 ? mounts_attach(run_fd, root, "run", err) : r;
}

/* The fd of the root folder, put in place on the stage. */
static int mount_root(const struct root *root, int stage, int tree, struct tare_err *err)
{
	cleanup_close int overlay = -1;
	cleanup_close int place = -1;
	bool upon = root->overlay || root->n_layers;
	int r = make_folder(stage, "root", 0755, err);

	if (r == 0 && upon) {
		overlay = mount_overlay(root, stage, tree, err);
		r = overlay < 0 ? overlay : 0;
	}
	if (r == 0)
		r = mounts_attach(upon ? overlay : tree, stage, "root", err);
	if (r < 0)
		return r;
	place = openat(stage, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return err_errno(err, "step 'open the root'");
	r = root->overlay || root->writable ? 0 : mount_writable_folders(place, err);
	return r < 0 ? r : take_fd(&place);
}

static int mount_proc(int at, int host_proc, struct tare_err *err)
{
	cleanup_close int proc = host_proc >= 0 ? -1 : mounts_new("proc", NULL, DATA, err);

	if (host_proc < 0 && proc < 0)
		return proc;
	return mounts_attach(host_proc >= 0 ? host_proc : proc, at, "proc", err);
}

static int make_read_only(const char *path, struct tare_err *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)) < 0)
		return err_errno(err, "step 'make %s read-only'", path);
	return 0;
}

/* Cover path of the tree by what is at from; what is not there needs no cover. By the old call,
 * which is one instead of four: below are filesystems of our own, where nobody puts links. */
static int cover(const char *from, const char *path, bool read_only_too, struct tare_err *err)
{
	if (mount(from, path, NULL, MS_BIND, NULL) < 0)
		return errno == ENOENT ? 0 : err_errno(err, "step 'cover %s'", path);
	return read_only_too ? make_read_only(path, err) : 0;
}

static int cover_folders(const char *const *paths, struct tare_err *err)
{
	int r = 0;

	for (; *paths && r == 0; paths++)
		r = cover(STAGE "/empty", *paths, true, err);
	return r;
}

/* The working folder is the tree. */
static int mask_paths(int stage, struct tare_err *err)
{
	/* One empty folder for all: a tmpfs each would contend for one lock of the kernel. */
	int r = make_folder(stage, "empty", 0555, err);

	for (const char *const *p = masked_files; *p && r == 0; p++)
		r = cover("dev/null", *p, false, err);
	if (r == 0)
		r = cover_folders(masked_folders, err);
	for (const char *const *p = read_only; *p && r == 0; p++)
		r = cover(*p, *p, true, err);
	return r;
}

/* The working folder is the tree. */
static int become_root(const struct root *root, struct tare_err *err)
{
	if (!root->root_pivot)
		return chroot(".") < 0 ? err_errno(err, "step 'chroot'") : 0;
	/* The old root comes to lie over the new one, where it is then unmounted: pivot_root(2). */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(err, "step 'pivot_root'");
	if (umount2(".", MNT_DETACH) < 0)
		return err_errno(err, "step 'leave the old root'");
	return chdir("/") < 0 ? err_errno(err, "step 'enter the root'") : 0;
}

static int furnish(const struct root *root, int at, int stage, int host_proc, int work,
		   struct tare_err *err)
{
	int r = dev_mount(root->dev_fd, root->devpts_fd, at, stage, err);

	if (r == 0)
		r = mount_proc(at, host_proc, err);
	if (r == 0 && work >= 0)
		r = mounts_attach(work, at, "work", err);
	if (r == 0 && root->load_fd >= 0)
		r = mounts_attach(root->load_fd, at, LOAD_PLACE, err);
	if (r == 0 && fchdir(at) < 0)
		r = err_errno(err, "step 'enter the root'");
	return r == 0 && root->mask ? mask_paths(stage, err) : r;
}

/* The working folder is the tree. */
static int mount_sys(const struct root *root, struct tare_err *err)
{
	cleanup_close int sys = mounts_new("sysfs", NULL, DATA | MOUNT_ATTR_RDONLY, err);
	int r = sys < 0 ? sys : mounts_attach(sys, AT_FDCWD, "sys", err);

	return r == 0 && root->mask ? cover_folders(masked_in_sys, err) : r;
}

int root_enter(const struct root *root, struct tare_err *err)
{
	int r = root->sys ? mount_sys(root, err) : 0;

	return r == 0 ? become_root(root, err) : r;
}

static int mount_stage(struct tare_err *err)
{
	static const struct mount_option options[] = {{"mode", "755"}, {NULL, NULL}};
	cleanup_close int stage = mounts_new("tmpfs", options, INERT, err);
	int r;

	if (stage < 0)
		return stage;
	r = mounts_attach(stage, AT_FDCWD, STAGE, err);
	if (r < 0)
		return r;
	if (fchdir(stage) < 0)
		return err_errno(err, "step 'enter the stage'");
	return take_fd(&stage);
}

int root_build(const struct root *root, struct tare_err *err)
{
	cleanup_close int work = -1;
	cleanup_close int host_proc = -1;
	cleanup_close int stage = -1;
	cleanup_close int at = -1;
	cleanup_close int tree = -1;

	if (!root->n_layers) {
		tree = piece(root->tree_fd, root->tree_path,
			     root->overlay || root->writable ? 0 : MOUNT_ATTR_RDONLY, err);
		if (tree < 0)
			return tree;
	}
	if (root->work_fd >= 0 || root->work_path) {
		work = piece(root->work_fd, root->work_path, INERT, err);
		if (work < 0)
			return work;
	}
	if (root->host_proc) {
		host_proc = mounts_clone(AT_FDCWD, "/proc", MOUNTS_TREE, DATA, err);
		if (host_proc < 0)
			return host_proc;
	}
	stage = mount_stage(err);
	if (stage < 0)
		return stage;
	at = mount_root(root, stage, tree, err);
	return at < 0 ? at : furnish(root, at, stage, host_proc, work, err);
}

int root_try(bool overlay, bool userxattr, struct tare_err *err)
{
	cleanup_close int tree = mounts_new("tmpfs", NULL, INERT, err);
	cleanup_close int stage = tree < 0 ? tree : mount_stage(err);
	cleanup_close int proc = -1;
	cleanup_close int upon = -1;

	if (stage < 0)
		return stage;
	if (overlay) {
		const struct root root = {.overlay = true, .userxattr = userxattr};

		upon = mount_overlay(&root, stage, tree, err);
		if (upon < 0)
			return upon;
	}
	proc = mounts_new("proc", NULL, DATA, err);
	return proc < 0 ? proc : 0;
}
