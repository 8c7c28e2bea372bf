/* SPDX-License-Identifier: MIT */
#include "agent/init.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

#define DEBUG_PORT      0xe9  /* isa-debugcon */
#define DEBUG_EXIT_PORT 0x501 /* isa-debug-exit, iosize 4 */
#define PORT_WAIT_NS    (10 * NS_PER_S)
#define MODULES         "/lib/modules"
#define NEW_ROOT        "/newroot"
#define RSS_LINE        "\nRss:" /* of smaps, in kB */
#define CHANNEL_MODULE  "virtio_console.ko"
#define SIGNATURE_MARK  "~Module signature appended~\n"
#define SIGNATURE_INFO  12 /* struct module_signature */

struct mount_point {
	const char *source, *target, *type;
	unsigned long flags;
	const char *options;
	bool may_lack; /* a kernel may be built without it */
	bool late;     /* nothing before the hello needs it */
};

/* In order. */
static const struct mount_point mounts[] = {
	{"proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false, false},
	{"sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false, false},
	{"devtmpfs", "dev", "devtmpfs", MS_NOSUID, "mode=0755", false, false},
	{"devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666", true,
	 true},
	{"tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL, false, true},
	{"cgroup2", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true,
	 false},
	{"bpf", "sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true, true},
	{"tracefs", "sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true,
	 true},
	{"debugfs", "sys/kernel/debug", "debugfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true,
	 true},
};

/* How much of a module's file is before its signature, see scripts/sign-file.c of Linux: the
 * signature, 12 bytes that end in its size, the mark. */
static size_t size_unsigned(const unsigned char *file, size_t size)
{
	size_t after = sizeof(SIGNATURE_MARK) - 1 + SIGNATURE_INFO, signature;
	uint32_t be;

	if (size < after || memcmp(file + size - sizeof(SIGNATURE_MARK) + 1, SIGNATURE_MARK,
				   sizeof(SIGNATURE_MARK) - 1) != 0)
		return size;
	memcpy(&be, file + size - sizeof(SIGNATURE_MARK) + 1 - sizeof(be), sizeof(be));
	signature = be32toh(be);
	return signature <= size - after ? size - after - signature : size;
}

/* Without its signature first, of which a kernel that does not insist on it takes no notice but to
 * call itself tainted: it is the file that the image was made with, and to prove it so takes 10 ms
 * a module where code is translated. */
static int insert_module(const unsigned char *file, size_t size)
{
	size_t bare = size_unsigned(file, size);

	if (syscall(SYS_init_module, file, bare, "") == 0)
		return 0;
	/* EPERM: by its lockdown. */
	if (bare == size || (errno != EKEYREJECTED && errno != EPERM))
		return -1;
	return (int)syscall(SYS_init_module, file, size, "");
}

static int load_module(const char *name, struct tare_err *err)
{
	char path[256];
	struct stat st;
	void *file;
	int r;

	(void)snprintf(path, sizeof(path), MODULES "/%s", name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open module '%s'", name);
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (file == MAP_FAILED)
		return err_errno(err, "read module '%s'", name);
	r = insert_module(file, (size_t)st.st_size) < 0 && errno != EEXIST
		    ? err_errno(err, "load module '%s'", name)
		    : 0;
	(void)munmap(file, (size_t)st.st_size);
	return r;
}

/* The file MODULES/order names them, dependencies first: those up to the channel's, or those behind
 * it. Of a kernel that has the channel built in, all are up to it. */
static int load_modules(bool behind_channel, struct tare_err *err)
{
	char text[16384], *at, *name;
	bool behind = false;

	if (fd_read_file_quiet(AT_FDCWD, MODULES "/order", text, sizeof(text)) < 0)
		return 0; /* a kernel with everything built in */
	for (at = text; (name = strsep(&at, "\n"));) {
		int r = *name && behind == behind_channel ? load_module(name, err) : 0;

		if (r < 0)
			return r;
		behind = behind || strcmp(name, CHANNEL_MODULE) == 0;
	}
	return 0;
}

/* What the kernel unpacked the initramfs to stays the root, but as a mount of its own, since the
 * first one can be neither pivoted from nor hidden. Nothing is copied. */
static int make_new_root(struct tare_err *err)
{
	if (mkdir(NEW_ROOT, 0755) < 0 && errno != EEXIST)
		return err_errno(err, "make '" NEW_ROOT "'");
	if (mount("/", NEW_ROOT, NULL, MS_BIND, NULL) < 0)
		return err_errno(err, "mount '/' on '" NEW_ROOT "'");
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return err_errno(err, "switch to the new root");
	(void)rmdir(NEW_ROOT);
	/* The kernel leaves its root open to all, and the initramfs says nothing of it. */
	if (chmod("/", 0755) < 0 || chmod("/tmp", 01777) < 0)
		return err_errno(err, "set the modes of '/' and '/tmp'");
	return 0;
}

static int mount_all(bool late, struct tare_err *err)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		const struct mount_point *m = &mounts[i];

		if (m->late != late)
			continue;
		(void)mkdir(m->target, 0755);
		if (mount(m->source, m->target, m->type, m->flags, m->options) < 0 && !m->may_lack)
			return err_errno(err, "mount '/%s'", m->target);
	}
	return 0;
}

/* Once a controller has been enabled, perf events of a cgroup can be had; and a trial's group
 * need not pay for the first. What a kernel lacks is for a limit to complain about. */
static void enable_controllers(void)
{
	static const char *const controllers[] = {"+cpuset", "+cpu", "+memory", "+io", "+pids"};

	for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++)
		(void)fd_write_file(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control",
				    controllers[i], NULL);
}

static int mount_work(struct tare_err *err)
{
	/* virtio's first disk, or User-Mode Linux's. */
	const char *disk = access("/dev/vda", F_OK) == 0 ? "/dev/vda" : "/dev/ubda";

	if (access(disk, F_OK) < 0)
		return 0; /* a guest without a disk: /work is on the tmpfs */
	if (mount(disk, "/work", "ext4", MS_NOSUID | MS_NODEV, NULL) < 0)
		return err_errno(err, "mount '%s' on '/work'", disk);
	/* As on the host: boxes with another user inside write here too. */
	if (chmod("/work", 01777) < 0)
		return err_errno(err, "open '/work' to all");
	return 0;
}

static int loopback_up(struct tare_err *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_errno(err, "bring the loopback up");
	return 0;
}

/* A kernel without a console starts us with nothing open, and the next files that anybody opens
 * would become stdin, stdout and stderr. */
static int fill_stdio(struct tare_err *err)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return err_errno(err, "open '/dev/null'");
	(void)close(fd);
	return 0;
}

int init_set_up(struct tare_err *err)
{
	int r;

	(void)umask(022);
	if ((r = load_modules(false, err)) < 0 || (r = make_new_root(err)) < 0 ||
	    (r = mount_all(false, err)) < 0)
		return r;
	return fill_stdio(err);
}

int init_set_up_rest(struct tare_err *err)
{
	int r;

	if ((r = load_modules(true, err)) < 0 || (r = mount_all(true, err)) < 0 ||
	    (r = mount_work(err)) < 0)
		return r;
	enable_controllers();
	/* They are in the kernel now: not twice. */
	(void)fd_remove_tree(MODULES, NULL);
	(void)mkdir(MODULES, 0755);
	return loopback_up(err);
}

/* The counters of /proc/PID/statm lag behind by up to 64 pages a kind: of so small a process they
 * say nothing. */
static uint64_t rss_of(const char *path)
{
	char text[1024];
	const char *line;

	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, RSS_LINE);
	return line ? strtoull(line + strlen(RSS_LINE), NULL, 10) * 1024 : 0;
}

uint64_t init_rss_bytes(void)
{
	return rss_of("/proc/self/smaps_rollup") +
	       (getppid() == 1 ? rss_of("/proc/1/smaps_rollup") : 0);
}

/* "/dev/vport0p1" of the port whose name file says so; -ENOENT: not there (yet). */
static int find_port(const char *name, char *ret, size_t size)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	const struct dirent *entry;
	int r = -ENOENT;

	while (dir && r < 0 && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): ours */
		char path[512], text[64];

		(void)snprintf(path, sizeof(path), "/sys/class/virtio-ports/%.200s/name",
			       entry->d_name);
		if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name) == 0) {
			(void)snprintf(ret, size, "/dev/%.200s", entry->d_name);
			r = 0;
		}
	}
	if (dir)
		(void)closedir(dir);
	return r;
}

/* "tare.1" is line 1 of those that the machine has instead of ports, "/dev/ttyS1"; a byte is to
 * come out as it went in. */
static int open_line(const char *lines, const char *name, struct tare_err *err)
{
	const char *dot = strrchr(name, '.');
	struct termios settings;
	char path[256];

	(void)snprintf(path, sizeof(path), "%.200s%s", lines, dot ? dot + 1 : name);
	cleanup_close int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || tcgetattr(fd, &settings) < 0)
		return err_errno(err, "open the line '%s'", path);
	cfmakeraw(&settings);
	if (tcsetattr(fd, TCSANOW, &settings) < 0)
		return err_errno(err, "set the line '%s'", path);
	return take_fd(&fd);
}

int init_open_port(const char *name, struct tare_err *err)
{
	const char *lines = getenv(INIT_LINES); // NOLINT(concurrency-mt-unsafe): one thread
	uint64_t deadline = clock_now_ns() + PORT_WAIT_NS;
	const struct timespec pause = {.tv_nsec = 1000000};
	char path[256];

	if (lines)
		return open_line(lines, name, err);
	for (;;) {
		int fd = find_port(name, path, sizeof(path)) < 0 ? -1
								 : open(path, O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (clock_now_ns() > deadline)
			return err_set(err, ENODEV, "no virtio-serial port '%s'", name);
		(void)nanosleep(&pause, NULL);
	}
}

void init_mark_first_instruction(void)
{
	if (iopl(3) == 0)
		outb('t', DEBUG_PORT);
}

_Noreturn void init_leave(int value)
{
	/* Nothing is written back: the host removes the disk, and a slow one would hold us up. */
	if (iopl(3) == 0) {
		outb('x', DEBUG_PORT);
		outl((unsigned int)value, DEBUG_EXIT_PORT);
	}
	(void)reboot(RB_POWER_OFF);
	_exit(1);
}
