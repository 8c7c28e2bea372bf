/* SPDX-License-Identifier: MIT */
#include "kernel/journal_undo.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <netlink/errno.h>
#include <netlink/route/link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup_tree.h"

/* A killed process is gone in milliseconds; one that exits with gigabytes of memory, or on a
 * loaded machine, takes longer. */
#define KILL_TIMEOUT_MS 5000
/* Mounts on top of each other at one place; tare makes at most two. */
#define MOUNTS_STACKED  16

void journal_undo_init(struct journal_undo *undo, const struct journal_places *places,
		       struct tare_err *err)
{
	*undo = (struct journal_undo){.places = places, .err = err};
}

const struct cgroup_layout *journal_undo_layout(struct journal_undo *undo)
{
	/* Without cgroups there are none to remove. */
	if (!undo->has_layout)
		(void)cgroup_layout_read(&undo->layout, NULL);
	undo->has_layout = true;
	return &undo->layout;
}

void journal_undo_did(struct journal_undo *undo, const char *kind, const char *what)
{
	char line[512];

	undo->things++;
	if (!undo->say)
		return;
	(void)snprintf(line, sizeof(line), "%s %s", kind, what);
	undo->say(line, undo->context);
}

void journal_undo_failed(struct journal_undo *undo, const struct tare_err *why)
{
	if (!undo->failed)
		undo->failed = why->code ? -why->code : -EIO;
	(void)err_set(undo->err, why->code ? why->code : EIO, "%s", why->msg);
}

int journal_start_time(int pid, uint64_t *ret, struct tare_err *err)
{
	char path[64], text[1024];
	unsigned long long start;
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		return err_set(err, ESRCH, "process %d is gone", pid);
	/* The name, field 2, may hold blanks and parentheses; field 22 is the 20th after it. */
	at = strrchr(text, ')');
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	start = at ? strtoull(at + 1, NULL, 10) : 0;
	if (start == 0)
		return err_set(err, EBADMSG, "'%s' has no start time", path);
	*ret = start;
	return 0;
}

/* A pidfd of the noted process; -1: it is gone, or a zombie that its parent has to reap. */
static int open_process(const char *argument)
{
	char *end;
	int pid = (int)strtol(argument, &end, 10);
	uint64_t noted = strtoull(end, NULL, 10), start;
	cleanup_close int pidfd = pidfd_open(pid, 0);

	/* The pidfd first: what has the start time now is what the pidfd holds. */
	if (pidfd < 0 || journal_start_time(pid, &start, NULL) < 0 || start != noted ||
	    fd_wait_readable(pidfd, 0, NULL) == 1)
		return -1;
	return take_fd(&pidfd);
}

/* Not waited for yet: it may be frozen until its group is taken down. */
static int kill_process(struct journal_undo *undo, const char *argument, struct tare_err *err)
{
	cleanup_close int pidfd = open_process(argument);

	if (pidfd < 0)
		return 0;
	if (strtol(argument, NULL, 10) == getpid())
		return err_set(err, EDEADLK, "process %.60s is tare itself", argument);
	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : err_errno(err, "kill process %.60s", argument);
	journal_undo_did(undo, "process", argument);
	return 0;
}

static int wait_process(const char *argument, struct tare_err *err)
{
	bool is_self = strtol(argument, NULL, 10) == getpid();
	cleanup_close int pidfd = is_self ? -1 : open_process(argument);
	int r = pidfd < 0 ? 1 : fd_wait_readable(pidfd, KILL_TIMEOUT_MS, err);

	if (r == 0)
		return err_set(err, ETIMEDOUT, "process %.60s was killed and does not end",
			       argument);
	return r < 0 ? r : 0;
}

void journal_undo_cgroup(struct journal_undo *undo, const char *name)
{
	struct tare_err err = {0};
	int r = cgroup_remove_named(journal_undo_layout(undo), name, KILL_TIMEOUT_MS, &err);

	if (r > 0)
		journal_undo_did(undo, "cgroup", name);
	if (r < 0) {
		undo->again = true;
		journal_undo_failed(undo, &err);
	}
}

/* The folder of a path, reached without any link; the last part is *ret_name. */
static int open_parent(const char *path, const char **ret_name)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int fd;

	if (!parent)
		return -ENOMEM;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, parent, &how, sizeof(how));
	*ret_name = slash + 1;
	return fd < 0 ? -errno : fd;
}

static int is_mount(int parent_fd, const char *name)
{
	struct statx st;

	return statx(parent_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int undo_mount(struct journal_undo *undo, const char *path, struct tare_err *err)
{
	const char *name;
	cleanup_close int parent = open_parent(path, &name);
	char at[320];

	if (parent < 0)
		return 0;
	for (int i = 0; i < MOUNTS_STACKED && is_mount(parent, name); i++) {
		(void)snprintf(at, sizeof(at), "/proc/self/fd/%d/%s", parent, name);
		if (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_errno(err, "unmount '%s'", path);
		journal_undo_did(undo, "mount", path);
	}
	return 0;
}

/* Somebody else may have taken the device since: then its file is not the run's. */
static bool loop_is_of(const struct journal_undo *undo, const char *run, const char *device)
{
	static const char gone[] = " (deleted)";
	char path[128], file[4096];
	size_t n;

	(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
		       device + strlen("/dev/"));
	if (fd_read_file_quiet(AT_FDCWD, path, file, sizeof(file)) <= 0)
		return false;
	file[strcspn(file, "\n")] = '\0';
	n = strlen(file);
	if (n > sizeof(gone) && strcmp(file + n - (sizeof(gone) - 1), gone) == 0)
		file[n - (sizeof(gone) - 1)] = '\0';
	return journal_check(undo->places, run, JOURNAL_PATH, file, NULL) == 0;
}

static int undo_loop(struct journal_undo *undo, const char *run, const char *device,
		     struct tare_err *err)
{
	cleanup_close int fd = -1;

	if (!loop_is_of(undo, run, device))
		return 0;
	fd = open(device, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(err, "open '%s'", device);
	if (ioctl(fd, LOOP_CLR_FD) < 0 && errno != ENXIO)
		return err_errno(err, "detach '%s'", device);
	journal_undo_did(undo, "loop", device);
	return 0;
}

static int remove_link(const char *name)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct rtnl_link *link = rtnl_link_alloc();
	int r = sock && link ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (r == 0) {
		rtnl_link_set_name(link, name);
		r = rtnl_link_delete(sock, link);
	}
	rtnl_link_put(link);
	nl_socket_free(sock);
	return r;
}

void journal_undo_link(struct journal_undo *undo, const char *name)
{
	struct tare_err err = {0};
	int r = remove_link(name);

	if (r == 0) {
		journal_undo_did(undo, "link", name);
	} else if (r != -NLE_NODEV && r != -NLE_OBJ_NOTFOUND) {
		(void)err_set(&err, EIO, "remove interface '%s': %s", name, nl_geterror(r));
		undo->again = true;
		journal_undo_failed(undo, &err);
	}
}

static int open_setting(const char *path)
{
	const char *root = strncmp(path, "/sys/", 5) == 0 ? "/sys" : "/proc/sys";
	cleanup_close int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Links within are followed: a CPU's cpufreq is one. */
	struct open_how how = {
		.flags = O_RDWR | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	return root_fd < 0 ? -1
			   : (int)syscall(SYS_openat2, root_fd, path + strlen(root) + 1, &how,
					  sizeof(how));
}

static int undo_setting(struct journal_undo *undo, const char *argument, struct tare_err *err)
{
	const char *value = strchr(argument, '\t') + 1;
	cleanup_free char *path = strndup(argument, (size_t)(value - argument) - 1);
	cleanup_close int fd = path ? open_setting(path) : -1;
	char now[4096];
	ssize_t n;

	if (fd < 0)
		return err_errno(err, "setting '%.100s'", argument);
	n = read(fd, now, sizeof(now) - 1);
	now[n > 0 ? n : 0] = '\0';
	now[strcspn(now, "\n")] = '\0';
	if (strcmp(now, value) == 0)
		return 0;
	if (pwrite(fd, value, strlen(value), 0) < 0)
		return err_errno(err, "put '%s' back to '%.40s'", path, value);
	journal_undo_did(undo, "setting", argument);
	return 0;
}

static int undo_path(struct journal_undo *undo, const char *path, struct tare_err *err)
{
	const char *name;
	cleanup_close int parent = open_parent(path, &name);
	struct stat st;
	int r;

	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	r = fd_remove_tree_at(parent, name, err);
	if (r < 0)
		return err_wrap(err, r, "'%.100s'", path);
	journal_undo_did(undo, "path", path);
	return 0;
}

static void undo_entry(struct journal_undo *undo, const char *run, enum journal_kind kind,
		       const char *argument)
{
	struct tare_err err = {0};
	int r = journal_check(undo->places, run, kind, argument, &err);

	if (r < 0) {
		/* Refused for ever: a second attempt would not do better. */
		journal_undo_failed(undo, &err);
		return;
	}
	switch (kind) {
	case JOURNAL_CGROUP:
		journal_undo_cgroup(undo, argument);
		return;
	case JOURNAL_LINK:
		journal_undo_link(undo, argument);
		return;
	case JOURNAL_PROCESS:
		r = wait_process(argument, &err);
		break;
	case JOURNAL_MOUNT:
		r = undo_mount(undo, argument, &err);
		break;
	case JOURNAL_PATH:
		r = undo_path(undo, argument, &err);
		break;
	case JOURNAL_LOOP:
		r = undo_loop(undo, run, argument, &err);
		break;
	case JOURNAL_SETTING:
		r = undo_setting(undo, argument, &err);
		break;
	}
	if (r < 0) {
		undo->again = true;
		journal_undo_failed(undo, &err);
	}
}

static void kill_entry(struct journal_undo *undo, const char *run, const char *argument)
{
	struct tare_err err = {0};

	/* A refusal is said when its turn to be waited for comes. */
	if (journal_check(undo->places, run, JOURNAL_PROCESS, argument, NULL) == 0 &&
	    kill_process(undo, argument, &err) < 0) {
		undo->again = true;
		journal_undo_failed(undo, &err);
	}
}

struct entry {
	enum journal_kind kind;
	const char *argument;
};

/* A line into an entry; false, and a word about it, when it is none. */
static bool parse_line(struct journal_undo *undo, char *line, struct entry *ret)
{
	struct tare_err err = {0};
	char *argument = strchr(line, ' ');

	if (argument) {
		*argument++ = '\0';
		for (size_t i = 0; i < JOURNAL_KINDS; i++) {
			if (strcmp(line, journal_kind_names[i]) != 0)
				continue;
			*ret = (struct entry){.kind = (enum journal_kind)i, .argument = argument};
			return true;
		}
	}
	(void)err_set(&err, EBADMSG, "a journal has a line that starts with '%.20s'", line);
	journal_undo_failed(undo, &err);
	return false;
}

void journal_undo_text(struct journal_undo *undo, const char *run, char *text)
{
	/* What runs comes first, then what holds on to other things. */
	static const enum journal_kind order[JOURNAL_KINDS] = {
		JOURNAL_CGROUP, JOURNAL_PROCESS, JOURNAL_MOUNT, JOURNAL_LOOP,
		JOURNAL_LINK,   JOURNAL_SETTING, JOURNAL_PATH,
	};
	cleanup_free struct entry *entries = NULL;
	size_t n = 0, lines = 0, left[JOURNAL_KINDS] = {0};

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	entries = calloc(lines + 1, sizeof(*entries));
	if (!entries) {
		journal_undo_failed(undo, &(struct tare_err){ENOMEM, "out of memory"});
		undo->again = true;
		return;
	}
	/* A last line without an end was never acted upon: its writer died in writing it. */
	for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
		*end = '\0';
		n += parse_line(undo, at, &entries[n]);
	}
	for (size_t i = 0; i < n; i++)
		left[entries[i].kind]++;
	for (size_t kind = 0; kind < JOURNAL_KINDS; kind++)
		left[kind] -= undo->gone[kind] == left[kind] ? left[kind] : 0;
	for (size_t i = n; i-- > 0;)
		if (entries[i].kind == JOURNAL_PROCESS)
			kill_entry(undo, run, entries[i].argument);
	/* The last first: mounts lie on mounts, and the oldest value of a setting counts. */
	for (size_t kind = 0; kind < JOURNAL_KINDS; kind++)
		for (size_t i = left[order[kind]] ? n : 0; i-- > 0;)
			if (entries[i].kind == order[kind])
				undo_entry(undo, run, entries[i].kind, entries[i].argument);
}

static void undo_file(struct journal_undo *undo, const char *run, int journal_fd)
{
	cleanup_free char *text = NULL;
	struct tare_err err = {0};
	struct stat st;
	size_t used = 0;
	ssize_t n;

	if (fstat(journal_fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > JOURNAL_SIZE_MAX) {
		(void)err_set(&err, EFBIG, "journal of run %s is none, or too large", run);
		journal_undo_failed(undo, &err);
		undo->again = true;
		return;
	}
	text = malloc((size_t)st.st_size + 1);
	while (text && used < (size_t)st.st_size &&
	       (n = pread(journal_fd, text + used, (size_t)st.st_size - used, (off_t)used)) > 0)
		used += (size_t)n;
	if (!text) {
		(void)err_set(&err, ENOMEM, "out of memory");
		journal_undo_failed(undo, &err);
		undo->again = true;
		return;
	}
	text[used] = '\0';
	journal_undo_text(undo, run, text);
}

void journal_undo_run(struct journal_undo *undo, const char *run, int journal_fd)
{
	cleanup_close int runtime_fd =
		open(undo->places->runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char dir[JOURNAL_NAME_SIZE + 2];
	struct tare_err err = {0};
	int r;

	undo->again = false;
	undo_file(undo, run, journal_fd);
	/* While something is left, its journal is what finds it again. */
	if (undo->again || runtime_fd < 0)
		return;
	(void)snprintf(dir, sizeof(dir), "%s.d", run);
	r = fd_remove_tree_at(runtime_fd, dir, &err);
	if (r == 0 && unlinkat(runtime_fd, run, 0) < 0 && errno != ENOENT)
		r = err_errno(&err, "remove journal '%s'", run);
	if (r < 0)
		journal_undo_failed(undo, &err);
}
