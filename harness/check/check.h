/* SPDX-License-Identifier: MIT */
#pragma once
/* check: one claim about one limit, and the experiment that can refute it.
 *
 * A file check/NAME.c defines `const struct check_ops check_ops_NAME`; helpers are in check/run/.
 * measure() is called twice, with the limit and without it (the control), in new boxes each time.
 * A check passes only when the claim holds with the limit and does not hold without it: a check
 * that cannot fail is impossible. What is measured is what the payload achieved or the scheduler
 * saw, not what the limiting cgroup's own files say; those may be in the details. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct tare_err;
struct check_run; /* the box under test on this kernel: check/run/run.h has what a check may do */

struct check_figure {
	double value;
	double low, high; /* its 95 % interval; an exact count leaves both 0 and n 1 */
	uint64_t n;       /* measurements that it rests on */
	json_t *details;  /* object or NULL: what it was made of; taken over */
	/* What else than a limit that does not hold may be the reason when the figure misses the
	 * tolerance; "" when nothing can be. A miss is then inconclusive, not a fail; so is a
	 * control's, which is to miss for want of the limit. */
	char disturbed[192];
};

struct check_ops {
	const char *name, *summary;
	const char *claim;  /* one sentence: what the limit is said to do */
	const char *limits; /* flags of limit_options[] that it is about: "cpus cpu-period"; "" for
			     * what is done to a group and is no limit (freeze, kill) */
	const char *unit;   /* of the figure: "%", "tasks" */
	/* The claim holds when the whole interval of the figure lies within [low, high] and does
	 * not when it lies outside; between the two nothing is shown. tolerance: the same in
	 * words, and where the numbers come from. */
	double low, high;
	const char *tolerance;
	/* What a machine puts on its own network device, for both ways, when that is what is under
	 * test: "net-rate=40mbit". NULL: the check is not about one. */
	const char *on_device;
	/* It can be tried on a machine as a whole, whose group is this kernel's: check/run/stage.h.
	 */
	bool of_machines;
	/* Can it be tried on this kernel and with this box? 0, or -ENOTSUP and the reason in one
	 * sentence ("cgroup v1 has no memory.high"). May be NULL. */
	int (*probe)(struct check_run *run, struct tare_err *err);
	/* limited false: the same thing without the limit under test. -ENOTSUP: it turned out to
	 * be impossible here. Whatever it started is taken down after it, also on failure. */
	int (*measure)(struct check_run *run, bool limited, struct check_figure *ret,
		       struct tare_err *err);
};

extern const struct check_ops *const check_ops_table[]; /* NULL-terminated, by name */

/* -ENOENT with "did you mean". */
int check_find(const char *name, const struct check_ops **ret, struct tare_err *err);
