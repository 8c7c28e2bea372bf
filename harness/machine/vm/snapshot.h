/* SPDX-License-Identifier: MIT */
#pragma once
/* snapshot: a guest that has booted once, kept in the cache to be gone on with in a tenth of the
 * time. Its copies share memory layout and random state: fit for tests and `tare exec`. */

#include <jansson.h>
#include <stdint.h>

struct tare_err;
struct guest;
struct journal;

struct snapshot {
	char *disk; /* the work disk at that moment */
	int state_fd;
	json_t *hello;
};

void snapshot_init(struct snapshot *snapshot);
void snapshot_clear(struct snapshot *snapshot);

/* fingerprint: all that the saved guest depends on. -ENOENT: there is none yet. */
int snapshot_load(const char *cache_dir, const char *fingerprint, struct snapshot *ret,
		  struct tare_err *err);

/* Save an idle guest. It is paused then, and only good for guest_close().
 * The cache keeps the newest few snapshots. */
int snapshot_save(const char *cache_dir, const char *fingerprint, struct guest *guest,
		  struct journal *journal, uint64_t deadline_ns, struct tare_err *err);
