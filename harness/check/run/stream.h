/* SPDX-License-Identifier: MIT */
#pragma once
/* stream: loads that move bytes, each played for a time under one limit; the worst of several is
 * the figure of a check, and of the control the one that is nearest to holding. */

#include <stdbool.h>
#include <stdint.h>

struct tare_err;
struct check_run;
struct check_load;
struct check_figure;

struct check_stream {
	double rate;        /* bytes per second that the limit lets through: 1 in the figure */
	double least, most; /* of the figure: what misses them has to be explained */
	double op_bytes;    /* of one operation; 0: the load itself tells "bytes_per_s" */
	bool disk;          /* they go to or from a disk, for which others may wait too */
	uint64_t skip_ns;   /* played before, and not counted; only with op_bytes */
	uint64_t duration_ns;
};

/* The worse of the two, whole: an excuse is that of the value it came with. More than the limit
 * lets through is always worse than less, and of two misses the one that nothing excuses. */
void check_keep_worst(double least, double most, const struct check_figure *one,
		      struct check_figure *figure);

/* name: of it in the details, which exist. For less than the limit lets through the figure may say
 * who else used the machine. */
int check_stream(struct check_run *run, const struct check_stream *stream, const char *name,
		 const struct check_load *load, bool limited, struct check_figure *figure,
		 struct tare_err *err);
