/* SPDX-License-Identifier: MIT */
#pragma once
/* snapshot: a guest that has booted once, kept in the cache to be gone on with in a tenth of the
 * time. Its copies share memory layout and random state: fit for tests and `tare exec`. */

#include <jansson.h>
#include <stdint.h>

struct tare_err;
struct guest;
struct journal;
struct qmp;

struct snapshot {
	char *disk;    /* the work disk at that moment */
	int state_fd;  /* of the devices and the CPUs */
	int memory_fd; /* the guest's memory: a copy of it begins where the guest writes */
	json_t *hello;
};

void snapshot_init(struct snapshot *snapshot);
void snapshot_clear(struct snapshot *snapshot);

/* fingerprint: all that the saved guest depends on. -ENOENT: there is none yet. */
int snapshot_load(const char *cache_dir, const char *fingerprint, struct snapshot *ret,
		  struct tare_err *err);

/* A snapshot that is being made: the guest that is to be saved has the file as its memory. */
struct snapshot_making {
	const char *cache_dir;
	char *folder;     /* unfinished */
	char *final_name; /* what it is called when it is whole */
	int memory_fd;
};

int snapshot_begin(const char *cache_dir, const char *fingerprint, uint64_t memory_bytes,
		   struct journal *journal, struct snapshot_making *ret, struct tare_err *err);
/* Save an idle guest. It is paused then, and only good for guest_close(). The cache keeps the few
 * snapshots that were used last. */
int snapshot_save(const struct snapshot_making *making, struct guest *guest, uint64_t deadline_ns,
		  struct tare_err *err);
/* The end of snapshot_save(): give what was made its name. A whole one of that name stays, a
 * damaged one is replaced. */
int snapshot_keep(const struct snapshot_making *making, struct tare_err *err);
/* Always after snapshot_begin(), in the end: what was not saved is removed. */
void snapshot_end(struct snapshot_making *making);

/* Have a QEMU that was started for it go on with the guest, whose state is its descriptor
 * QEMU_FD_INCOMING. */
int snapshot_resume(struct qmp *qmp, uint64_t deadline_ns, struct tare_err *err);
