/* SPDX-License-Identifier: MIT */
#pragma once
/* bait: things made outside, to be looked for inside. */

#include <stddef.h>
#include <sys/types.h>

struct tare_err;
struct journal;

#define BAIT_WORDS 16
#define BAIT_SIZE  512

struct bait {
	char name[16];     /* of the process, the socket, the key: "tare-b-1a2b3c" */
	char marker[300];  /* a file */
	char on_disk[300]; /* another one, on the disk of the folder under test */
	char shm[128], queue[64];
	void *segment;
	int socket_fd, leaked_fd, alive_fd;
	pid_t pid;
	size_t n;
	char words[BAIT_WORDS][BAIT_SIZE]; /* "NAME=VALUE" for tare-load probe */
};

/* disk_dir: of the disk that /work is on; program: that probes are run by. All of it is journaled
 * before it is made, or goes with the last process that holds it. One at a time. */
int bait_lay(struct bait *ret, struct journal *journal, const char *disk_dir, const char *program,
	     struct tare_err *err);
void bait_take_up(struct bait *bait);
