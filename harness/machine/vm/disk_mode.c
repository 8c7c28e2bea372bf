/* SPDX-License-Identifier: MIT */
#include "machine/vm/disk_mode.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

static const char *const caches[] = {
	[DISK_NONE] = "none",
	[DISK_WRITEBACK] = "writeback",
	[DISK_DIRECTSYNC] = "directsync",
	[DISK_UNSAFE] = "unsafe",
};
static const char *const aios[] = {
	[DISK_AUTO] = "auto",
	[DISK_NATIVE] = "native",
	[DISK_THREADS] = "threads",
	[DISK_IO_URING] = "io_uring",
};

const char *disk_cache_name(enum disk_cache cache)
{
	return caches[cache];
}

const char *disk_aio_name(enum disk_aio aio)
{
	return aios[aio];
}

bool disk_mode_is_direct(const struct disk_mode *mode)
{
	return mode->cache == DISK_NONE || mode->cache == DISK_DIRECTSYNC;
}

static unsigned int find(const char *const names[], unsigned int n, const char *name)
{
	unsigned int i = 0;

	while (i + 1 < n && strcmp(names[i], name) != 0)
		i++;
	return i;
}

/* Without memory for its answer it fails in any case: by which error tells. */
static bool has_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT;
}

int disk_mode_read(const char *cache, const char *aio, struct disk_mode *ret, struct tare_err *err)
{
	struct disk_mode mode = {
		.cache = (enum disk_cache)find(caches, sizeof(caches) / sizeof(*caches), cache),
		.aio = (enum disk_aio)find(aios, sizeof(aios) / sizeof(*aios), aio),
	};

	if (mode.aio == DISK_NATIVE && !disk_mode_is_direct(&mode))
		return err_set(err, EINVAL,
			       "disk-aio=native goes past the host's page cache, and disk-cache=%s "
			       "through it: use disk-aio=threads, or disk-cache=none",
			       cache);
	if (mode.aio == DISK_IO_URING && !has_io_uring())
		return err_set(err, ENOTSUP,
			       "disk-aio=io_uring: this kernel has no io_uring, or forbids it "
			       "(sysctl kernel.io_uring_disabled); use native or threads");
	*ret = mode;
	return 0;
}

int disk_mode_settle(struct disk_mode *mode, bool direct, const char *path, struct tare_err *err)
{
	if (disk_mode_is_direct(mode) && !direct) {
		if (mode->asked || mode->aio == DISK_NATIVE)
			return err_set(err, ENOTSUP,
				       "%s: the filesystem of '%.120s' has no O_DIRECT: use "
				       "disk-cache=writeback, or another folder (XDG_CACHE_HOME)",
				       mode->asked ? "disk-cache" : "disk-aio=native", path);
		mode->cache = DISK_WRITEBACK;
	}
	if (mode->aio == DISK_AUTO)
		mode->aio = disk_mode_is_direct(mode) ? DISK_NATIVE : DISK_THREADS;
	return 0;
}

/* "flags:" of fdinfo, octal: proc(5). */
static bool has_direct_flag(int process_fd, const char *fd_name)
{
	char path[64], text[512];
	const char *flags;

	(void)snprintf(path, sizeof(path), "fdinfo/%.16s", fd_name);
	if (fd_read_file_quiet(process_fd, path, text, sizeof(text)) < 0)
		return false;
	flags = strstr(text, "flags:");
	return flags && (strtoul(flags + strlen("flags:"), NULL, 8) & O_DIRECT);
}

bool disk_is_open_direct(pid_t pid, const char *path)
{
	struct stat disk, st;
	bool found = false;
	char folder[64];

	if (stat(path, &disk) < 0)
		return false;
	(void)snprintf(folder, sizeof(folder), "/proc/%d", pid);
	cleanup_close int process_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)snprintf(folder, sizeof(folder), "/proc/%d/fd", pid);
	cleanup_dir DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && !found && (entry = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): ours */
		found = fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 &&
			st.st_dev == disk.st_dev && st.st_ino == disk.st_ino &&
			has_direct_flag(process_fd, entry->d_name);
	return found;
}
