/* SPDX-License-Identifier: MIT */
#pragma once
/* places: where tare's programs are, and where it keeps what it makes. */

#include "engine/site.h"
#include "trial/trial.h"

struct tare_err;
struct journal;

struct places {
	char *libexec_dir; /* holds tare-load and tare-agent */
	char *load_path;
	char *agent_path;
	char *cache_dir;   /* $XDG_CACHE_HOME/tare; root: /var/cache/tare */
	char *results_dir; /* results/ of the checkout, else tare-results here */
	/* From places_open() on: */
	struct journal *journal;
	char *work_dir; /* the folder under test; held by work_fd: kernel/scratch.h */
	int work_fd;
	char *group_prefix;
	struct trial_place trial;
};

/* Find everything; makes nothing. -ENOENT: tare-load or tare-agent is nowhere. */
int places_find(struct places *ret, struct tare_err *err);

/* Begin a journal, make the cache and work folders, read the cgroup layout: as far as a group
 * without limits needs it unless `limits`, which takes longer. */
int places_open(struct places *places, bool limits, struct tare_err *err);

/* For machines, of open places. */
struct site places_site(const struct places *places);

/* Take down what places_open() made and what else the journal holds; frees everything. */
int places_close(struct places *places, struct tare_err *err);

/* The path of tare, the program that users start; the same. */
int places_find_front(const struct places *places, char *buf, size_t size, struct tare_err *err);

/* The path of tare-main, the program with all commands; -ENOENT says where it was looked for. */
int places_find_main(char *buf, size_t size, struct tare_err *err);
