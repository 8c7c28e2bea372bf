/* SPDX-License-Identifier: MIT */
#include "isolation/bait.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/journal.h"

#define VARIABLE     "TARE_BAIT"
#define SEGMENT_SIZE 4096

static void word(struct bait *bait, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void word(struct bait *bait, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(bait->words[bait->n++], BAIT_SIZE, fmt, ap);
	va_end(ap);
}

static int make_file(const char *path, struct journal *journal, int flags, struct tare_err *err)
{
	int r = journal_note(journal, JOURNAL_PATH, path, err);
	int fd = r < 0 ? r : open(path, O_RDWR | O_CREAT | O_EXCL | flags, 0644);

	return r == 0 && fd < 0 ? err_errno(err, "make '%s'", path) : fd;
}

static int make_files(struct bait *bait, struct journal *journal, const char *disk_dir,
		      struct tare_err *err)
{
	const char *run = journal_name(journal), *dir = journal_dir(journal, err);
	int fd;

	if (!dir)
		return -EIO;
	(void)snprintf(bait->marker, sizeof(bait->marker), "%s/bait", dir);
	(void)snprintf(bait->on_disk, sizeof(bait->on_disk), "%s/tare-%s-bait", disk_dir, run);
	(void)snprintf(bait->shm, sizeof(bait->shm), "/dev/shm/tare-%s-bait", run);
	/* Without O_CLOEXEC: it is to leak into whoever lets it. */
	bait->leaked_fd = make_file(bait->marker, journal, 0, err);
	if (bait->leaked_fd < 0)
		return bait->leaked_fd;
	if ((fd = make_file(bait->on_disk, journal, O_CLOEXEC, err)) < 0)
		return fd;
	(void)close(fd);
	if ((fd = make_file(bait->shm, journal, O_CLOEXEC, err)) < 0)
		return fd;
	(void)close(fd);
	word(bait, "file=%s", bait->marker);
	word(bait, "shm=%s", bait->shm);
	return 0;
}

/* "TYPE:HEX" */
static void describe_handle(struct bait *bait)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} h = {.handle.handle_bytes = MAX_HANDLE_SZ};
	char hex[2 * MAX_HANDLE_SZ + 1] = "";
	int mount;

	if (name_to_handle_at(AT_FDCWD, bait->on_disk, &h.handle, &mount, 0) < 0)
		return;
	for (unsigned int i = 0; i < h.handle.handle_bytes; i++)
		(void)snprintf(hex + 2 * (size_t)i, 3, "%02x", h.bytes[i]);
	word(bait, "handle=%d:%s", h.handle.handle_type, hex);
}

static int make_socket(struct bait *bait, struct tare_err *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t length = strlen(bait->name);

	memcpy(at.sun_path + 1, bait->name, length);
	bait->socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bait->socket_fd < 0 ||
	    bind(bait->socket_fd, (struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0 ||
	    listen(bait->socket_fd, 128) < 0)
		return err_errno(err, "make an abstract socket");
	return 0;
}

/* Marked to be removed at once: it ends with the last process that has it (shmctl(2)). */
static int make_segment(struct bait *bait, struct tare_err *err)
{
	int id = shmget(IPC_PRIVATE, SEGMENT_SIZE, IPC_CREAT | 0644);

	if (id < 0)
		return err_errno(err, "make a System V segment");
	bait->segment = shmat(id, NULL, 0);
	(void)shmctl(id, IPC_RMID, NULL);
	/* As shmat(2) says it. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	if (bait->segment == (void *)-1) {
		bait->segment = NULL;
		return err_errno(err, "attach a System V segment");
	}
	memcpy(bait->segment, bait->name, sizeof(bait->name));
	word(bait, "segment=%d", id);
	word(bait, "address=%ld", (long)(intptr_t)bait->segment);
	return 0;
}

/* In a session keyring of our own, which goes with us. Kernels without keys have none to leak. */
static void make_key(const struct bait *bait)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
		(void)syscall(SYS_add_key, "user", bait->name, "bait", 4, KEY_SPEC_SESSION_KEYRING);
}

/* Holds the name of a process, and takes the queue away when we are killed: end of file. */
_Noreturn static void wait_for_end(const struct bait *bait, int alive)
{
	char c;

	(void)prctl(PR_SET_NAME, bait->name);
	while (read(alive, &c, 1) < 0 && errno == EINTR) {
	}
	if (bait->queue[0])
		(void)mq_unlink(bait->queue);
	_exit(0);
}

static int make_process(struct bait *bait, struct journal *journal, struct tare_err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	(void)snprintf(bait->queue, sizeof(bait->queue), "/tare-%s", bait->name);
	bait->pid = fork();
	if (bait->pid == 0) {
		(void)close(ends[1]);
		(void)signal(SIGTERM, SIG_IGN); /* NOLINT: it ends with us */
		(void)signal(SIGINT, SIG_IGN);
		wait_for_end(bait, ends[0]);
	}
	(void)close(ends[0]);
	bait->alive_fd = ends[1];
	if (bait->pid < 0)
		return err_errno(err, "fork");
	return journal_note_process(journal, bait->pid, bait->name, err);
}

static int make_queue(struct bait *bait, struct tare_err *err)
{
	mqd_t queue = mq_open(bait->queue, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644, NULL);

	if (queue == (mqd_t)-1)
		return err_errno(err, "make message queue '%s'", bait->queue);
	(void)mq_close(queue);
	word(bait, "queue=%s", bait->queue);
	return 0;
}

static void describe_rest(struct bait *bait, const char *program)
{
	struct timespec boot, monotonic;
	char link[64] = "", id[64] = "";
	struct stat st;

	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	word(bait, "name=%s", bait->name);
	word(bait, "pid=%d", bait->pid);
	word(bait, "runtime=%d", getpid());
	word(bait, "boottime=%ld", (long)boot.tv_sec);
	word(bait, "monotonic=%ld", (long)monotonic.tv_sec);
	if (readlink("/proc/self/ns/mnt", link, sizeof(link) - 1) > 0)
		word(bait, "mounts=%s", link);
	if (fd_read_file_quiet(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, sizeof(id)) > 0)
		word(bait, "boot=%.*s", (int)strcspn(id, "\n"), id);
	if (stat(program, &st) == 0)
		word(bait, "program=%u:%u:%llu", major(st.st_dev), minor(st.st_dev),
		     (unsigned long long)st.st_ino);
	describe_handle(bait);
}

int bait_lay(struct bait *ret, struct journal *journal, const char *disk_dir, const char *program,
	     struct tare_err *err)
{
	unsigned int random;
	int r;

	*ret = (struct bait){.socket_fd = -1, .leaked_fd = -1, .alive_fd = -1, .pid = -1};
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_errno(err, "getrandom");
	(void)snprintf(ret->name, sizeof(ret->name), "tare-b-%06x", random & 0xffffff);
	/* One thread yet. */
	(void)setenv(VARIABLE, ret->name, 1); /* NOLINT(concurrency-mt-unsafe) */
	make_key(ret);
	r = make_files(ret, journal, disk_dir, err);
	if (r == 0)
		r = make_socket(ret, err);
	if (r == 0)
		r = make_segment(ret, err);
	if (r == 0)
		r = make_process(ret, journal, err);
	if (r == 0)
		r = make_queue(ret, err);
	if (r == 0)
		describe_rest(ret, program);
	else
		bait_take_up(ret);
	return r;
}

void bait_take_up(struct bait *bait)
{
	cleanup_closep(&bait->alive_fd);
	if (bait->pid > 0)
		(void)waitpid(bait->pid, NULL, 0);
	if (bait->queue[0])
		(void)mq_unlink(bait->queue);
	cleanup_closep(&bait->socket_fd);
	cleanup_closep(&bait->leaked_fd);
	if (bait->segment)
		(void)shmdt(bait->segment);
	if (bait->marker[0])
		(void)unlink(bait->marker);
	if (bait->on_disk[0])
		(void)unlink(bait->on_disk);
	if (bait->shm[0])
		(void)unlink(bait->shm);
	(void)unsetenv(VARIABLE); /* NOLINT(concurrency-mt-unsafe) */
}
