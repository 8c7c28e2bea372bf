/* SPDX-License-Identifier: MIT */
#include "kernel/loop.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "kernel/journal.h"

#define ATTEMPTS 32
/* Of what was killed, the last thread may still be on its way out. */
#define BUSY_NS  (2 * NS_PER_S)

int loop_own_mounts(struct tare_err *err)
{
	static bool own;

	if (own)
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, "keep our mounts to ourselves");
	own = true;
	return 0;
}

/* Somebody else may be faster: -EBUSY. */
static int configure(int number, int file_fd, const char *file, struct loop *loop,
		     struct tare_err *err)
{
	struct loop_config config = {
		.fd = (unsigned int)file_fd,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO,
	};
	struct loop_info64 now = {0};

	(void)snprintf(loop->path, sizeof(loop->path), "/dev/loop%d", number);
	(void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s",
		       file);
	loop->fd = open(loop->path, O_RDWR | O_CLOEXEC);
	if (loop->fd < 0)
		return err_errno(err, "open '%s'", loop->path);
	if (ioctl(loop->fd, LOOP_CONFIGURE, &config) < 0) {
		int r = errno == EBUSY ? -EBUSY
				       : err_errno(err, "put '%.150s' on '%s'", file, loop->path);

		(void)close(take_fd(&loop->fd));
		return r;
	}
	/* A filesystem that cannot do it has the flag taken away again. */
	loop->direct = ioctl(loop->fd, LOOP_GET_STATUS64, &now) == 0 &&
		       (now.lo_flags & LO_FLAGS_DIRECT_IO);
	return 0;
}

static int try_one(int control_fd, int file_fd, const char *file, struct journal *journal,
		   struct loop *loop, struct tare_err *err)
{
	int number = ioctl(control_fd, LOOP_CTL_GET_FREE), r;
	char path[32];

	if (number < 0)
		return err_errno(err, "find a free loop device");
	(void)snprintf(path, sizeof(path), "/dev/loop%d", number);
	r = journal_note(journal, JOURNAL_LOOP, path, err);
	if (r == 0)
		r = configure(number, file_fd, file, loop, err);
	if (r == -EBUSY)
		journal_gone(journal, JOURNAL_LOOP);
	return r;
}

int loop_attach(const char *file, struct journal *journal, struct loop *ret, struct tare_err *err)
{
	cleanup_close int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	cleanup_close int file_fd = open(file, O_RDWR | O_CLOEXEC);
	int r = -EBUSY;

	*ret = (struct loop){.fd = -1};
	if (control_fd < 0)
		return err_set(err, ENOTSUP,
			       "there are no loop devices here ('/dev/loop-control': %m): load the "
			       "kernel's module loop");
	if (file_fd < 0)
		return err_errno(err, "open '%s'", file);
	for (int i = 0; i < ATTEMPTS && r == -EBUSY; i++)
		r = try_one(control_fd, file_fd, file, journal, ret, err);
	if (r < 0) /* there is no device that loop_unmount() would let go of */
		ret->path[0] = '\0';
	return r == -EBUSY ? err_set(err, EBUSY, "each free loop device is taken by somebody else")
			   : r;
}

int loop_mount(struct loop *loop, const char *folder, struct journal *journal, struct tare_err *err)
{
	int r = journal_note(journal, JOURNAL_MOUNT, folder, err);

	if (r < 0)
		return r;
	if (mount(loop->path, folder, "ext4", MS_NOSUID | MS_NODEV, NULL) < 0)
		return err_errno(err, "mount '%s' on '%s'", loop->path, folder);
	(void)close(take_fd(&loop->fd));
	if (chmod(folder, 01777) < 0)
		return err_errno(err, "open '%s' to all", folder);
	return 0;
}

static int unmount(const char *folder, struct journal *journal, struct tare_err *err)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	uint64_t end_ns = clock_now_ns() + BUSY_NS;

	while (umount2(folder, UMOUNT_NOFOLLOW) < 0) {
		if (errno == EINVAL || errno == ENOENT)
			return 0; /* it is no mount */
		if (errno != EBUSY || clock_now_ns() > end_ns)
			return err_errno(err, "unmount '%s'", folder);
		(void)nanosleep(&pause, NULL);
	}
	journal_gone(journal, JOURNAL_MOUNT);
	return 0;
}

int loop_unmount(struct loop *loop, const char *folder, struct journal *journal,
		 struct tare_err *err)
{
	bool attached = loop->path[0];
	int r = folder ? unmount(folder, journal, err) : 0;

	if (loop->fd >= 0)
		(void)close(loop->fd);
	/* Whoever was the last to have it open has let go of the file with it. */
	if (attached && r == 0)
		journal_gone(journal, JOURNAL_LOOP);
	*loop = (struct loop){.fd = -1};
	return r;
}
