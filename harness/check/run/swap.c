/* SPDX-License-Identifier: MIT */
#include "check/run/swap.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "check/run/run.h"

#define PAGE_MAX 65536

struct check_swap {
	char device[32];
	int fd;  /* of the device, which goes when it is closed */
	bool on; /* swapon() was done */
};

/* union swap_header (include/linux/swap.h), of version 1. */
struct header {
	char boot[1024];
	uint32_t version, last_page, n_bad;
};
static const char magic[10] = "SWAPSPACE2"; /* ends the first page, without a NUL */

uint64_t check_swap_free_bytes(void)
{
	struct sysinfo info;

	return sysinfo(&info) == 0 ? (uint64_t)info.freeswap * info.mem_unit : 0;
}

/* Blocks that were never written would be made ready one by one while a group waits for memory. */
static int write_all(int fd, uint64_t bytes, struct tare_err *err)
{
	static char zeros[1 << 20]; /* const, they would be a megabyte of the program's file */

	for (uint64_t at = 0; at < bytes; at += sizeof(zeros)) {
		ssize_t n = pwrite(fd, zeros, sizeof(zeros), (off_t)at);

		if (n < 0)
			return err_errno(err, "swap: write %llu bytes", (unsigned long long)bytes);
		if (n < (ssize_t)sizeof(zeros))
			return err_set(err, ENOSPC, "swap: there is no room for %llu bytes",
				       (unsigned long long)bytes);
	}
	return 0;
}

static int write_header(int fd, uint64_t bytes, struct tare_err *err)
{
	char page[PAGE_MAX] = {0};
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	const struct header header = {.version = 1, .last_page = (uint32_t)(bytes / size - 1)};

	memcpy(page, &header, sizeof(header));
	memcpy(page + size - sizeof(magic), magic, sizeof(magic));
	if (pwrite(fd, page, size, 0) != (ssize_t)size || fsync(fd) < 0)
		return err_errno(err, "swap: write the header");
	return 0;
}

/* A file without a name, so that nothing of it can be left behind. */
static int make_file(const char *folder, uint64_t bytes, struct tare_err *err)
{
	cleanup_close int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_errno(err, "swap: make a file in '%s'", folder);
	r = write_all(fd, bytes, err);
	if (r == 0)
		r = write_header(fd, bytes, err);
	return r < 0 ? r : take_fd(&fd);
}

/* Direct, since the file's page cache would be charged to the group that swaps, at its limit. */
static int attach(struct check_swap *swap, int file, struct tare_err *err)
{
	const struct loop_config config = {
		.fd = (uint32_t)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO};
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	if (number < 0)
		return err_set(err, ENOTSUP, "this kernel has no loop devices to put swap on");
	(void)snprintf(swap->device, sizeof(swap->device), "/dev/loop%d", number);
	swap->fd = open(swap->device, O_RDWR | O_CLOEXEC);
	if (swap->fd < 0 || ioctl(swap->fd, LOOP_CONFIGURE, &config) < 0)
		return err_errno(err, "swap: set '%s' up", swap->device);
	return 0;
}

static int turn_on(struct check_swap *swap, struct tare_err *err)
{
	if (swapon(swap->device, 0) < 0)
		return errno == ENOSYS ? err_set(err, ENOTSUP, "this kernel has no swap")
				       : err_errno(err, "swapon '%s'", swap->device);
	swap->on = true;
	return 0;
}

int check_swap_open(const struct check_run *run, uint64_t bytes, struct check_swap **ret,
		    struct tare_err *err)
{
	cleanup_close int file = -1;
	struct check_swap *swap;
	int r;

	if (!check_kernel_is_ours(run))
		return err_set(err, EPERM, "this machine's swap is not ours to turn on");
	file = make_file(check_work_dir(run), bytes, err);
	if (file < 0)
		return file;
	swap = calloc(1, sizeof(*swap));
	if (!swap)
		return err_set(err, ENOMEM, "out of memory");
	swap->fd = -1;
	r = attach(swap, file, err);
	if (r == 0)
		r = turn_on(swap, err);
	if (r < 0)
		(void)check_swap_close(swap, NULL);
	else
		*ret = swap;
	return r;
}

int check_swap_close(struct check_swap *swap, struct tare_err *err)
{
	int r = 0;

	if (!swap)
		return 0;
	if (swap->on && swapoff(swap->device) < 0)
		r = err_errno(err, "swapoff '%s'", swap->device);
	cleanup_closep(&swap->fd);
	free(swap);
	return r;
}
