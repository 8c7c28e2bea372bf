/* SPDX-License-Identifier: MIT */
/* escape: ways out of a root folder, to the host's files and programs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probes/probe.h"

#define STEPS_UP 64

extern const struct probe_set probe_set_escape;

/* The marker file of outside, as seen from an open folder that may be the host's root. */
static bool marker_below(int dirfd)
{
	const char *marker = probe_bait("file");

	return marker && marker[0] == '/' &&
	       faccessat(dirfd, marker + 1, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void attack_chroot(struct probe_result *ret)
{
	char folder[] = "/tmp/tare-escape-XXXXXX";
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = -1, here;

	if (access(probe_bait("file") ? probe_bait("file") : "/", F_OK) == 0) {
		probe_say(ret, PROBE_NOT_APPLICABLE, "the host's root is ours already");
		return;
	}
	if (root < 0 || !mkdtemp(folder)) {
		probe_say(ret, PROBE_CONTAINED, "make a folder: %s", strerrorname_np(errno));
		return;
	}
	r = chroot(folder);
	(void)unlinkat(root, folder + 1, AT_REMOVEDIR);
	if (r < 0 || fchdir(root) < 0) {
		probe_say(ret, PROBE_CONTAINED, "chroot: %s", strerrorname_np(errno));
		return;
	}
	for (int i = 0; i < STEPS_UP; i++)
		(void)!chdir("..");
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (marker_below(here))
		probe_say(ret, PROBE_SUCCEEDED,
			  "by '..' from a folder outside of a new root: the "
			  "host's marker file is there");
	else
		probe_say(ret, PROBE_CONTAINED, "'..' ends at our own root");
}

static void attack_proc_root(struct probe_result *ret)
{
	DIR *proc = opendir("/proc");
	unsigned int n = 0;
	char path[300];

	probe_say(ret, PROBE_CONTAINED, "no process");
	/* readdir: no other thread has this stream. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	for (const struct dirent *e; proc && (e = readdir(proc));) {
		int root;

		if (e->d_name[0] < '0' || e->d_name[0] > '9' ||
		    strtol(e->d_name, NULL, 10) == getpid())
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/root", e->d_name);
		root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		n++;
		if (root >= 0 && marker_below(root)) {
			probe_say(ret, PROBE_SUCCEEDED, "%.40s shows the host's marker file", path);
			break;
		}
		if (root >= 0)
			(void)close(root);
		probe_say(ret, PROBE_CONTAINED,
			  "/proc/PID/root of %u processes leads nowhere outside", n);
	}
}

/* CVE-2019-5736. ETXTBSY: all rights were there, it only still runs. */
static void attack_runtime(struct probe_result *ret)
{
	char path[64], target[256] = "";
	pid_t pid = probe_bait_process("runtime", ret);
	int fd;

	if (pid <= 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (readlink(path, target, sizeof(target) - 1) < 0) {
		probe_say(ret, PROBE_CONTAINED, "the runtime's /proc/PID/exe: %s",
			  strerrorname_np(errno));
		return;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno != ETXTBSY) {
		probe_say(ret, PROBE_CONTAINED, "open the runtime's program: %s",
			  strerrorname_np(errno));
		return;
	}
	probe_say(ret, PROBE_SUCCEEDED, "%.80s may be opened for writing%s", target,
		  fd < 0 ? " as soon as it ends (ETXTBSY)" : "");
	if (fd >= 0)
		(void)close(fd);
}

/* The same by the file that we run from ourselves, if that is a file of outside. */
static void attack_self(struct probe_result *ret)
{
	static const char path[] = "/proc/self/exe";
	const char *theirs = probe_bait("program");
	char ours[64] = "";
	int fd = open(path, O_WRONLY | O_CLOEXEC), code = errno;
	struct stat st;

	if (stat(path, &st) == 0)
		(void)snprintf(ours, sizeof(ours), "%u:%u:%llu", major(st.st_dev), minor(st.st_dev),
			       (unsigned long long)st.st_ino);
	if (fd < 0 && code != ETXTBSY)
		probe_say(ret, PROBE_CONTAINED, "open %s for writing: %s", path,
			  strerrorname_np(code));
	else if (!theirs || strcmp(theirs, ours) != 0)
		probe_say(ret, PROBE_CONTAINED, "what can be written to is no file of the host");
	else
		probe_say(ret, PROBE_SUCCEEDED, "a program of the host may be opened for writing%s",
			  fd < 0 ? " as soon as it ends (ETXTBSY)" : "");
	if (fd >= 0)
		(void)close(fd);
}

/* CVE-2024-21626: a working folder outside of the root. */
static void attack_cwd(struct probe_result *ret)
{
	char link[256] = "";
	int here;

	/* A control has nothing leaked to it: it makes the situation itself. */
	if (probe_bait("stage-cwd") && chroot("/proc/self/fdinfo") < 0) {
		probe_say(ret, PROBE_NOT_APPLICABLE, "chroot: %s", strerrorname_np(errno));
		return;
	}
	if (!getcwd(link, sizeof(link)) || link[0] != '/') {
		for (int i = 0; i < STEPS_UP; i++)
			(void)!chdir("..");
		here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		probe_say(ret, PROBE_SUCCEEDED, "the working folder is outside of the root%s",
			  marker_below(here) ? ", and the host's marker file is above it" : "");
		return;
	}
	probe_say(ret, PROBE_CONTAINED, "the working folder is %.80s", link);
}

static unsigned char nibble(char c)
{
	return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "Shocker": a handle says which inode, whatever the root is. */
static void attack_handle(struct probe_result *ret)
{
	const char *handle = probe_bait("handle"), *mount = probe_bait("mount"), *hex;
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} h = {0};
	int mount_fd = mount ? open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, fd;

	if (!handle || mount_fd < 0 || !(hex = strchr(handle, ':'))) {
		probe_say(ret, PROBE_NOT_APPLICABLE, "no file of outside is on a disk seen here");
		return;
	}
	h.handle.handle_type = (int)strtol(handle, NULL, 10);
	for (hex++; hex[0] && hex[1] && h.handle.handle_bytes < MAX_HANDLE_SZ; hex += 2)
		h.bytes[h.handle.handle_bytes++] =
			(unsigned char)(nibble(hex[0]) << 4 | nibble(hex[1]));
	fd = open_by_handle_at(mount_fd, &h.handle, O_RDONLY | O_CLOEXEC);
	probe_say_call(ret, fd, "open the host's marker file by its handle");
}

static const struct probe probes[] = {
	{"chroot-escape", "leave the root by chroot(2) and '..'", PROBE_ATTACK, false,
	 attack_chroot},
	{"proc-root", "the host's files through /proc/PID/root", PROBE_ATTACK, false,
	 attack_proc_root},
	{"runtime-exe", "overwrite the runtime through /proc/PID/exe", PROBE_ATTACK, false,
	 attack_runtime},
	{"self-exe", "overwrite a program of the host through /proc/self/exe", PROBE_ATTACK, false,
	 attack_self},
	{"leaked-cwd", "a working folder outside of the root", PROBE_ATTACK, false, attack_cwd},
	{"open-by-handle", "a file of the host by its handle", PROBE_ATTACK, false, attack_handle},
	{0},
};

const struct probe_set probe_set_escape = {probes};
