/* SPDX-License-Identifier: MIT */
#include "agent/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
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

struct mount_point {
	const char *source, *target, *type;
	unsigned long flags;
	const char *options;
	bool may_lack; /* a kernel may be built without it */
};

/* Below the new root, in order. */
static const struct mount_point mounts[] = {
	{"proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false},
	{"sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false},
	{"devtmpfs", "dev", "devtmpfs", MS_NOSUID, "mode=0755", false},
	{"devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666", true},
	{"tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL, false},
	{"cgroup2", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true},
	{"bpf", "sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true},
	{"tracefs", "sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true},
	{"debugfs", "sys/kernel/debug", "debugfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true},
};

static int load_module(const char *name, struct tare_err *err)
{
	char path[256];

	(void)snprintf(path, sizeof(path), MODULES "/%s", name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "open module '%s'", name);
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return err_errno(err, "load module '%s'", name);
	(void)unlink(path); /* it is in the kernel now: not twice */
	return 0;
}

/* The file MODULES/order names them, dependencies first. */
static int load_modules(struct tare_err *err)
{
	char text[16384], *at, *name;

	if (fd_read_file_quiet(AT_FDCWD, MODULES "/order", text, sizeof(text)) < 0)
		return 0; /* a kernel with everything built in */
	for (at = text; (name = strsep(&at, "\n"));) {
		int r = *name ? load_module(name, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_program(const char *path, struct tare_err *err)
{
	char target[256];
	struct stat st;

	(void)snprintf(target, sizeof(target), NEW_ROOT "%s", path);
	cleanup_close int from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_errno(err, "open '%s'", path);
	cleanup_close int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0)
		return err_errno(err, "make '%s'", target);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);

		if (n <= 0)
			return err_errno(err, "copy '%s'", path);
		left -= n;
	}
	/* What was copied need not be held twice; the initramfs cannot be unmounted. */
	(void)unlink(path);
	return 0;
}

static int copy_link(const char *path, struct tare_err *err)
{
	char target[256], text[256];
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	if (n < 0)
		return err_errno(err, "read link '%s'", path);
	text[n] = '\0';
	(void)snprintf(target, sizeof(target), NEW_ROOT "%s", path);
	return symlink(text, target) < 0 ? err_errno(err, "make '%s'", target) : 0;
}

static int copy_programs(struct tare_err *err)
{
	DIR *dir = opendir("/bin");
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_errno(err, "open '/bin'");
	while (r == 0 && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): ours */
		char path[128];
		struct stat st;

		(void)snprintf(path, sizeof(path), "/bin/%.100s", entry->d_name);
		if (lstat(path, &st) < 0)
			r = err_errno(err, "stat '%s'", path);
		else if (S_ISREG(st.st_mode))
			r = copy_program(path, err);
		else if (S_ISLNK(st.st_mode))
			r = copy_link(path, err);
	}
	(void)closedir(dir);
	return r;
}

static int make_new_root(struct tare_err *err)
{
	static const char *const folders[] = {"bin", "dev",  "etc", "proc", "run",
					      "sys", "root", "tmp", "work"};

	if (mkdir(NEW_ROOT, 0755) < 0 && errno != EEXIST)
		return err_errno(err, "make '" NEW_ROOT "'");
	if (mount("tmpfs", NEW_ROOT, "tmpfs", 0, "mode=0755") < 0)
		return err_errno(err, "mount a tmpfs on '" NEW_ROOT "'");
	cleanup_close int root = open(NEW_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		if (mkdirat(root, folders[i], 0755) < 0)
			return err_errno(err, "make '/%s'", folders[i]);
	}
	if (fchmodat(root, "tmp", 01777, 0) < 0)
		return err_errno(err, "open '/tmp' to all");
	return copy_programs(err);
}

static int switch_root(struct tare_err *err)
{
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return err_errno(err, "switch to the new root");
	return 0;
}

static int mount_all(struct tare_err *err)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		const struct mount_point *m = &mounts[i];

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
	if ((r = load_modules(err)) < 0 || (r = make_new_root(err)) < 0 ||
	    (r = switch_root(err)) < 0 || (r = mount_all(err)) < 0 || (r = fill_stdio(err)) < 0 ||
	    (r = mount_work(err)) < 0)
		return r;
	enable_controllers();
	return loopback_up(err);
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
	if (iopl(3) == 0)
		outl((unsigned int)value, DEBUG_EXIT_PORT);
	(void)reboot(RB_POWER_OFF);
	_exit(1);
}
