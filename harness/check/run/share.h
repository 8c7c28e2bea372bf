/* SPDX-License-Identifier: MIT */
#pragma once
/* share: what has a disk shared out by weight: bfq, or version 2's io.cost, which is turned on for
 * the time of a measurement where the kernel is ours alone. */

#include <stdbool.h>

struct tare_err;
struct check_run;
struct check_share;

/* -ENOTSUP when nothing shares the disk under test by weight, nor can be made to. */
int check_share_probe(struct check_run *run, struct tare_err *err);
int check_share_open(const struct check_run *run, struct check_share **ret, struct tare_err *err);
/* Reads of so many bytes per second that are given out to all together; 0: not known. */
double check_share_reads(const struct check_share *share, double bytes);
/* NULL is fine. */
int check_share_close(struct check_share *share, struct tare_err *err);
/* In the root of version 2: io.cost.qos has a line for the disk "7:1" that says enable=1. */
bool check_share_has_cost(int root_fd, const char *number);
