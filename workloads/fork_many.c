/* SPDX-License-Identifier: MIT */
/* Processes until there are enough, or the kernel refuses one more: where a limit of processes
 * stops it shows in their number. */

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "partner.h"
#include "workload.h"

#define CHILDREN_MAX 32768
#define HOLD         (10 * NS_PER_MS)

struct fork_many {
	uint64_t wanted, n_children, refused;
	pid_t *children;
};

static __attribute__((noreturn)) void child_life(void *state)
{
	(void)state;
	for (;;)
		(void)pause();
}

static int fork_many_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct fork_many *s = state;
	int r = units_parse_count("n", params[0], 1, CHILDREN_MAX, &s->wanted, err);

	if (r < 0)
		return r;
	s->children = calloc(s->wanted, sizeof(*s->children));
	return s->children ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int fork_many_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct timespec hold = {.tv_nsec = HOLD};
	struct fork_many *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		struct tare_err why = {0};
		pid_t pid;

		if (s->refused || s->n_children == s->wanted) {
			(void)nanosleep(&hold, NULL);
			continue;
		}
		pid = partner_start(child_life, NULL, &why);
		if (pid == -EAGAIN)
			s->refused++;
		else if (pid < 0)
			return err_set(err, -pid, "%s", why.msg);
		else
			s->children[s->n_children++] = pid;
	}
	return 0;
}

static size_t fork_many_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct fork_many *s = state;

	(void)ns;
	figures[0] = (struct play_figure){.name = "children", .value = (double)s->n_children};
	figures[1] = (struct play_figure){.name = "refused", .value = (double)s->refused};
	return 2;
}

static void fork_many_teardown(void *state)
{
	struct fork_many *s = state;

	for (uint64_t i = 0; i < s->n_children; i++)
		(void)kill(s->children[i], SIGKILL);
	for (uint64_t i = 0; i < s->n_children; i++)
		partner_reap(s->children[i]);
	free(s->children);
}

const struct workload workload_fork_many = {
	.name = "fork-many",
	.summary = "fork children that wait, until there are enough or one is refused",
	.op = "a fork(2), or 10 ms of sleep once there are n children or one was refused",
	.groups = "limits",
	.params = (const struct workload_param[]){{"n", "children that are wanted", "64"},
						  {NULL, NULL, NULL}},
	.state_size = sizeof(struct fork_many),
	.solo = true,
	.safety = "pids-limit=256,memory=256M",
	.setup = fork_many_setup,
	.run = fork_many_run,
	.figures = fork_many_figures,
	.teardown = fork_many_teardown,
};
