/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_ext4.h"

#include <endian.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Documentation/filesystems/ext4/ in Linux, "super", "group_descr" and "inodes". */
#define BLOCK            4096
#define LOG_BLOCK        2 /* from 1024 on */
#define SUPER_AT         1024
#define SUPER_INODES     0
#define SUPER_LOG_BLOCK  24
#define SUPER_PER_GROUP  40
#define SUPER_MAGIC      56
#define SUPER_INODE_SIZE 88
#define SUPER_INCOMPAT   96
#define MAGIC            0xef53
#define INCOMPAT_64BIT   0x80
#define GROUP_SIZE       32
#define GROUP_TABLE      8
#define INODE_SIZE       256
#define INODE_ATIME      8
#define INODE_CTIME      12
#define INODE_MTIME      16
#define INODE_LINKS      26
#define INODE_CTIME_MORE 132
#define INODE_MTIME_MORE 136
#define INODE_ATIME_MORE 140
#define INODES_A_BLOCK   (BLOCK / INODE_SIZE)

static uint32_t number(const unsigned char *at, size_t bytes)
{
	uint32_t value = 0;

	memcpy(&value, at, bytes);
	return le32toh(value);
}

static int read_at(int fd, void *buf, size_t size, off_t at, struct tare_err *err)
{
	ssize_t n = pread(fd, buf, size, at);

	if (n < 0)
		return err_errno(err, "read");
	return (size_t)n == size ? 0 : err_set(err, EBADMSG, "it is cut off");
}

static int settle_block(int fd, off_t at, struct tare_err *err)
{
	unsigned char block[BLOCK];
	int r = read_at(fd, block, sizeof(block), at, err);
	bool used = false;

	for (size_t i = 0; i < INODES_A_BLOCK && r == 0; i++) {
		unsigned char *inode = block + i * INODE_SIZE;

		if (!number(inode + INODE_LINKS, 2))
			continue;
		memcpy(inode + INODE_ATIME, inode + INODE_MTIME, 4);
		memcpy(inode + INODE_CTIME, inode + INODE_MTIME, 4);
		memcpy(inode + INODE_ATIME_MORE, inode + INODE_MTIME_MORE, 4);
		memcpy(inode + INODE_CTIME_MORE, inode + INODE_MTIME_MORE, 4);
		used = true;
	}
	/* What was never written to stays a hole. */
	if (r == 0 && used && pwrite(fd, block, sizeof(block), at) != sizeof(block))
		return err_errno(err, "write");
	return r;
}

static int settle_group(int fd, uint32_t group, uint32_t inodes, struct tare_err *err)
{
	unsigned char about[GROUP_SIZE];
	int r = read_at(fd, about, sizeof(about), BLOCK + (off_t)group * GROUP_SIZE, err);
	off_t table = (off_t)number(about + GROUP_TABLE, 4) * BLOCK;

	for (uint32_t i = 0; i < inodes / INODES_A_BLOCK && r == 0; i++)
		r = settle_block(fd, table + (off_t)i * BLOCK, err);
	return r;
}

static int settle(int fd, struct tare_err *err)
{
	unsigned char super[BLOCK - SUPER_AT];
	uint32_t per_group, inodes;
	int r = read_at(fd, super, sizeof(super), SUPER_AT, err);

	if (r < 0)
		return r;
	per_group = number(super + SUPER_PER_GROUP, 4);
	inodes = number(super + SUPER_INODES, 4);
	if (number(super + SUPER_MAGIC, 2) != MAGIC ||
	    number(super + SUPER_LOG_BLOCK, 4) != LOG_BLOCK ||
	    number(super + SUPER_INODE_SIZE, 2) != INODE_SIZE || per_group == 0 ||
	    (number(super + SUPER_INCOMPAT, 4) & INCOMPAT_64BIT))
		return err_set(err, EBADMSG, "it is no filesystem of vm-images/root-disk");
	for (uint32_t group = 0; group < inodes / per_group && r == 0; group++)
		r = settle_group(fd, group, per_group, err);
	/* Its data before its name in the cache: a power cut must not leave half of it there. */
	return r == 0 && fsync(fd) < 0 ? err_errno(err, "write to the disk") : r;
}

int image_ext4_settle_times(const char *path, struct tare_err *err)
{
	cleanup_close int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "open '%s'", path);
	return err_wrap(err, settle(fd, err), "set the times in '%s'", path);
}
