/* SPDX-License-Identifier: MIT */
#include "machine/vm/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/journal.h"
#include "machine/vm/channel.h"
#include "machine/vm/disk.h"
#include "machine/vm/guest.h"
#include "machine/vm/qmp.h"

#define SNAPSHOT_BANDWIDTH (10LL << 30) /* bytes a second: as fast as the file takes it */
#define SNAPSHOT_POLL_US   5000
#define SNAPSHOTS_KEPT     6 /* of 60 to 90 MB each */
#define HELLO_FILE         "hello.json"

static char *make_folder(const char *cache_dir, const char *fingerprint)
{
	char hex[DIGEST_SIZE];

	if (digest_bytes(fingerprint, strlen(fingerprint), hex, NULL) < 0)
		return NULL;
	return text_format("%s/guest/snapshots/%.24s", cache_dir, hex);
}

void snapshot_init(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){.state_fd = -1};
}

void snapshot_clear(struct snapshot *snapshot)
{
	if (snapshot->state_fd >= 0)
		(void)close(snapshot->state_fd);
	free(snapshot->disk);
	json_decref(snapshot->hello);
	snapshot_init(snapshot);
}

int snapshot_load(const char *cache_dir, const char *fingerprint, struct snapshot *ret,
		  struct tare_err *err)
{
	cleanup_free char *folder = make_folder(cache_dir, fingerprint);
	cleanup_free char *state = folder ? text_format("%s/state", folder) : NULL;
	cleanup_free char *hello = folder ? text_format("%s/" HELLO_FILE, folder) : NULL;
	cleanup_free char *disk = folder ? text_format("%s/disk", folder) : NULL;

	if (!state || !hello || !disk)
		return err_set(err, ENOMEM, "out of memory");
	snapshot_init(ret);
	ret->hello = json_load_file(hello, 0, NULL);
	ret->state_fd = open(state, O_RDONLY | O_CLOEXEC);
	if (!ret->hello || ret->state_fd < 0) {
		snapshot_clear(ret);
		return err_set(err, ENOENT, "there is no snapshot '%s'", folder);
	}
	if (access(disk, R_OK) == 0)
		ret->disk = take_pointer(disk);
	return 0;
}

static int wait_for_migration(struct qmp *qmp, uint64_t deadline_ns, struct tare_err *err)
{
	for (;;) {
		cleanup_json json_t *info = NULL;
		int r = qmp_run(qmp, "query-migrate", NULL, deadline_ns, &info, err);
		const char *status = json_string_or(info, "status", "");

		if (r < 0)
			return r;
		if (strcmp(status, "completed") == 0)
			return 0;
		if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
			return err_set(err, EIO, "save the guest: %.120s",
				       json_string_or(info, "error-desc", status));
		if (clock_now_ns() > deadline_ns)
			return err_set(err, ETIMEDOUT, "save the guest: it takes too long");
		(void)usleep(SNAPSHOT_POLL_US);
	}
}

static int save_state(struct guest *guest, const char *folder, uint64_t deadline_ns,
		      struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/state", folder);
	struct qmp *qmp = guest->qemu.qmp;
	int r;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, "make '%s'", path);
	r = qmp_send_fd(qmp, "state", fd, deadline_ns, err);
	if (r == 0)
		r = qmp_run(qmp, "migrate-set-parameters",
			    json_pack("{sI}", "max-bandwidth", (json_int_t)SNAPSHOT_BANDWIDTH),
			    deadline_ns, NULL, err);
	if (r == 0)
		r = qmp_run(qmp, "migrate", json_pack("{ss}", "uri", "fd:state"), deadline_ns, NULL,
			    err);
	return r < 0 ? r : wait_for_migration(qmp, deadline_ns, err);
}

static int save_files(struct guest *guest, const char *folder, uint64_t deadline_ns,
		      struct tare_err *err)
{
	cleanup_free char *hello = text_format("%s/" HELLO_FILE, folder);
	cleanup_free char *disk = text_format("%s/disk", folder);
	int r;

	if (!hello || !disk)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_make_dirs(folder, err);
	if (r == 0)
		r = save_state(guest, folder, deadline_ns, err);
	/* QEMU has let go of the disk by now: the copy fits the state. */
	if (r == 0 && guest->disk)
		r = disk_copy_file(guest->disk, disk, err);
	if (r == 0 && json_dump_file(channel_hello(guest->channel), hello, JSON_COMPACT) < 0)
		r = err_errno(err, "write '%s'", hello);
	return r;
}

struct oldest {
	char name[256];
	time_t made;
	size_t n;
};

/* The oldest snapshot in the folder, and how many there are. */
static struct oldest find_oldest(DIR *dir)
{
	struct oldest found = {.n = 0};
	const struct dirent *entry;

	rewinddir(dir);
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): our own stream */
		struct stat st;

		if (strchr(entry->d_name, '.') ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (found.n++ > 0 && st.st_mtime >= found.made)
			continue;
		found.made = st.st_mtime;
		(void)snprintf(found.name, sizeof(found.name), "%s", entry->d_name);
	}
	return found;
}

/* Each build of the agent and each set of options has a snapshot of its own, and nobody asks for
 * the old ones again. That one cannot be removed is told when the disk is full, not before. */
static void remove_oldest(const char *cache_dir)
{
	cleanup_free char *folder = text_format("%s/guest/snapshots", cache_dir);
	DIR *dir = folder ? opendir(folder) : NULL;

	for (size_t i = 0; dir && i < SNAPSHOTS_KEPT; i++) {
		struct oldest oldest = find_oldest(dir);
		cleanup_free char *path = text_format("%s/%s", folder, oldest.name);

		if (oldest.n <= SNAPSHOTS_KEPT || !path || fd_remove_tree(path, NULL) < 0)
			break;
	}
	if (dir)
		(void)closedir(dir);
}

int snapshot_save(const char *cache_dir, const char *fingerprint, struct guest *guest,
		  struct journal *journal, uint64_t deadline_ns, struct tare_err *err)
{
	cleanup_free char *folder = make_folder(cache_dir, fingerprint);
	cleanup_free char *unfinished =
		folder ? text_format("%s.unfinished-%d", folder, getpid()) : NULL;
	int r;

	if (!unfinished)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(journal, JOURNAL_PATH, unfinished, err);
	if (r == 0)
		r = save_files(guest, unfinished, deadline_ns, err);
	/* Whole or not at all. Somebody else's, made at the same time, is as good. */
	if (r == 0 && rename(unfinished, folder) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		r = err_errno(err, "rename '%s'", unfinished);
	(void)fd_remove_tree(unfinished, NULL);
	if (r == 0)
		remove_oldest(cache_dir);
	return r;
}
