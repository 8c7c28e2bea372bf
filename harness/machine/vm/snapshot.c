/* SPDX-License-Identifier: MIT */
#include "machine/vm/snapshot.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
#include "machine/vm/image_cache.h"
#include "machine/vm/qemu_args.h"
#include "machine/vm/qmp.h"

#define SNAPSHOT_BANDWIDTH (10LL << 30) /* bytes a second: as fast as the file takes it */
#define SNAPSHOT_POLL_US   5000
/* Of 70 to 100 MB each. Each build of the agent and each set of options has one of its own, and
 * nobody asks for the old ones again. */
#define SNAPSHOTS_KEPT     8
#define HELLO_FILE         "hello.json"

static char *make_folder(const char *cache_dir, const char *fingerprint)
{
	char hex[DIGEST_SIZE];

	if (digest_bytes(fingerprint, strlen(fingerprint), hex, NULL) < 0)
		return NULL;
	hex[24] = '\0';
	return image_cache_path(cache_dir, IMAGE_SAVED, hex);
}

void snapshot_init(struct snapshot *snapshot)
{
	*snapshot = (struct snapshot){.state_fd = -1, .memory_fd = -1};
}

void snapshot_clear(struct snapshot *snapshot)
{
	if (snapshot->state_fd >= 0)
		(void)close(snapshot->state_fd);
	if (snapshot->memory_fd >= 0)
		(void)close(snapshot->memory_fd);
	free(snapshot->disk);
	json_decref(snapshot->hello);
	snapshot_init(snapshot);
}

static int load(const char *folder, struct snapshot *ret, struct tare_err *err)
{
	cleanup_free char *state = text_format("%s/state", folder);
	cleanup_free char *hello = text_format("%s/" HELLO_FILE, folder);
	cleanup_free char *memory = text_format("%s/memory", folder);
	cleanup_free char *disk = text_format("%s/disk", folder);

	if (!state || !hello || !memory || !disk)
		return err_set(err, ENOMEM, "out of memory");
	snapshot_init(ret);
	ret->hello = json_load_file(hello, 0, NULL);
	ret->state_fd = open(state, O_RDONLY | O_CLOEXEC);
	/* QEMU opens it to write whether it does or not. */
	ret->memory_fd = open(memory, O_RDWR | O_CLOEXEC);
	/* A guest that can be saved has a work disk. */
	if (!ret->hello || ret->state_fd < 0 || ret->memory_fd < 0 || access(disk, R_OK) < 0) {
		snapshot_clear(ret);
		return err_set(err, ENOENT, "there is no snapshot '%s'", folder);
	}
	ret->disk = take_pointer(disk);
	return 0;
}

int snapshot_load(const char *cache_dir, const char *fingerprint, struct snapshot *ret,
		  struct tare_err *err)
{
	cleanup_free char *folder = make_folder(cache_dir, fingerprint);
	int r = folder ? load(folder, ret, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		image_cache_touch(folder);
	return r;
}

/* The memory is not in the stream but a file of its own, which a restored guest maps privately:
 * nothing of it has to be read before the guest goes on. */
static int leave_memory_out(struct qmp *qmp, uint64_t deadline_ns, struct tare_err *err)
{
	return qmp_run(qmp, "migrate-set-capabilities",
		       json_pack("{s[{ss sb}]}", "capabilities", "capability", "x-ignore-shared",
				 "state", 1),
		       deadline_ns, NULL, err);
}

int snapshot_resume(struct qmp *qmp, uint64_t deadline_ns, struct tare_err *err)
{
	int r = leave_memory_out(qmp, deadline_ns, err);

	if (r < 0)
		return r;
	return qmp_run(qmp, "migrate-incoming",
		       json_pack("{so}", "uri", json_sprintf("fd:%d", QEMU_FD_INCOMING)),
		       deadline_ns, NULL, err);
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
		r = leave_memory_out(qmp, deadline_ns, err);
	if (r == 0)
		r = qmp_run(qmp, "migrate-set-parameters",
			    json_pack("{sI}", "max-bandwidth", (json_int_t)SNAPSHOT_BANDWIDTH),
			    deadline_ns, NULL, err);
	if (r == 0)
		r = qmp_run(qmp, "migrate", json_pack("{ss}", "uri", "fd:state"), deadline_ns, NULL,
			    err);
	if (r == 0)
		r = wait_for_migration(qmp, deadline_ns, err);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(err, "fsync '%s'", path);
	return r;
}

static int save_files(struct guest *guest, const char *folder, uint64_t deadline_ns,
		      struct tare_err *err)
{
	cleanup_free char *disk = text_format("%s/disk", folder);
	int r;

	if (!disk)
		return err_set(err, ENOMEM, "out of memory");
	r = save_state(guest, folder, deadline_ns, err);
	/* QEMU has let go of the disk by now: the copy fits the state. */
	if (r == 0 && guest->disk)
		r = disk_copy_file(guest->disk, disk, err);
	if (r == 0 && guest->disk)
		r = fd_sync_file(disk, err);
	return r < 0 ? r
		     : image_cache_write(folder, HELLO_FILE, channel_hello(guest->channel), err);
}

int snapshot_begin(const char *cache_dir, const char *fingerprint, uint64_t memory_bytes,
		   struct journal *journal, struct snapshot_making *ret, struct tare_err *err)
{
	cleanup_free char *memory = NULL;
	int r;

	*ret = (struct snapshot_making){.cache_dir = cache_dir, .memory_fd = -1};
	ret->final_name = make_folder(cache_dir, fingerprint);
	if (ret->final_name)
		ret->folder = text_format("%s.unfinished-%d", ret->final_name, getpid());
	if (ret->folder)
		memory = text_format("%s/memory", ret->folder);
	if (!memory)
		return err_set(err, ENOMEM, "out of memory");
	r = journal_note(journal, JOURNAL_PATH, ret->folder, err);
	if (r == 0)
		r = fd_remove_tree(ret->folder, err);
	if (r == 0)
		r = fd_make_dirs(ret->folder, err);
	if (r < 0)
		return r;
	ret->memory_fd = open(memory, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (ret->memory_fd < 0 || ftruncate(ret->memory_fd, (off_t)memory_bytes) < 0)
		return err_errno(err, "make '%s'", memory);
	return 0;
}

static bool is_whole(const char *folder)
{
	struct snapshot snapshot;

	if (load(folder, &snapshot, NULL) < 0)
		return false;
	snapshot_clear(&snapshot);
	return true;
}

/* 1: one of that name is there already. */
static int give_name(const struct snapshot_making *making, struct tare_err *err)
{
	if (rename(making->folder, making->final_name) == 0)
		return 0;
	if (errno == EEXIST || errno == ENOTEMPTY)
		return 1;
	return err_errno(err, "rename '%s'", making->folder);
}

int snapshot_keep(const struct snapshot_making *making, struct tare_err *err)
{
	int r = give_name(making, err);

	if (r <= 0)
		return r;
	/* Of those who find the same damaged one, the first replaces it. */
	cleanup_close int lock = image_cache_lock(making->cache_dir, NULL, NULL, err);

	if (lock < 0)
		return lock;
	/* Somebody else's, made at the same time, is as good. */
	if (is_whole(making->final_name))
		return 0;
	r = fd_remove_tree(making->final_name, err);
	if (r == 0)
		r = give_name(making, err);
	return r < 0 ? r : 0;
}

int snapshot_save(const struct snapshot_making *making, struct guest *guest, uint64_t deadline_ns,
		  struct tare_err *err)
{
	struct channel_clock clock;
	/* It has said hello before it was through with its set-up; what answers is. */
	int r = channel_ping(guest->channel, 1, deadline_ns, &clock, err);

	if (r == 0)
		r = save_files(guest, making->folder, deadline_ns, err);
	/* The cache believes what is there: a crash must not leave holes with a good name. */
	if (r == 0 && fsync(making->memory_fd) < 0)
		r = err_errno(err, "fsync the memory in '%s'", making->folder);
	/* Whole or not at all. */
	if (r == 0)
		r = snapshot_keep(making, err);
	if (r == 0)
		image_cache_prune(making->cache_dir, IMAGE_SAVED, SNAPSHOTS_KEPT);
	return r;
}

void snapshot_end(struct snapshot_making *making)
{
	if (making->memory_fd >= 0)
		(void)close(making->memory_fd);
	if (making->folder)
		(void)fd_remove_tree(making->folder, NULL);
	free(making->folder);
	free(making->final_name);
	*making = (struct snapshot_making){.memory_fd = -1};
}
