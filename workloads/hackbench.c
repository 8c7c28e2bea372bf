/* SPDX-License-Identifier: MIT */
/* Many processes that wake each other: in each group every sender sends a message to every
 * receiver, so many times, and the scheduler decides who is next. */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "cpus.h"
#include "partner.h"
#include "workload.h"

#define GROUPS_MAX  8
#define FDS_MAX     20
#define LOOPS_MAX   1000
#define MESSAGE     100
#define N_PARTNERS  (GROUPS_MAX * FDS_MAX * 2)
#define SOCKETS_MAX (GROUPS_MAX * FDS_MAX * 2 + 1)

/* Ends of pairs: [0] is written to, [1] is read from. */
struct pair {
	int ends[2];
};

struct hackbench {
	uint64_t groups, fds, loops;
	/* What starts a sender; what a receiver's messages come by; what tells that it has them. */
	struct pair go[GROUPS_MAX][FDS_MAX], box[GROUPS_MAX][FDS_MAX], done;
	struct pair *made[SOCKETS_MAX];
	int n_made;
	uint64_t group, place; /* of the partner that is started next */
	pid_t partners[N_PARTNERS];
	int n_partners;
};

static int open_pair(struct hackbench *s, struct pair *pair, struct tare_err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->ends) < 0)
		return err_errno(err, "socketpair");
	s->made[s->n_made++] = pair;
	return 0;
}

static int open_pairs(struct hackbench *s, struct tare_err *err)
{
	int r = open_pair(s, &s->done, err);

	for (uint64_t g = 0; g < s->groups; g++)
		for (uint64_t i = 0; i < s->fds && r == 0; i++) {
			r = open_pair(s, &s->go[g][i], err);
			if (r == 0)
				r = open_pair(s, &s->box[g][i], err);
		}
	return r;
}

static void close_pairs(struct hackbench *s)
{
	while (s->n_made > 0) {
		struct pair *pair = s->made[--s->n_made];

		(void)close(pair->ends[0]);
		(void)close(pair->ends[1]);
	}
}

static __attribute__((noreturn)) void send_all(void *state)
{
	struct hackbench *s = state;
	int go = s->go[s->group][s->place].ends[1];
	char message[MESSAGE] = {0};

	while (read(go, message, 1) == 1)
		for (uint64_t n = 0; n < s->loops; n++)
			for (uint64_t i = 0; i < s->fds; i++)
				if (write(s->box[s->group][i].ends[0], message, MESSAGE) != MESSAGE)
					_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

static __attribute__((noreturn)) void receive_all(void *state)
{
	struct hackbench *s = state;
	int box = s->box[s->group][s->place].ends[1];
	char message[MESSAGE];

	for (;;) {
		for (uint64_t i = 0; i < s->fds * s->loops; i++)
			if (read(box, message, MESSAGE) != MESSAGE)
				_exit(EXIT_FAILURE);
		if (write(s->done.ends[0], message, 1) != 1)
			_exit(EXIT_FAILURE);
	}
}

static int start_partner(struct hackbench *s, partner_life *life, struct tare_err *err)
{
	int r = partner_start(life, s, err);

	if (r < 0)
		return r;
	s->partners[s->n_partners++] = r;
	return 0;
}

static int start_partners(struct hackbench *s, struct tare_err *err)
{
	int r = 0;

	for (s->group = 0; s->group < s->groups; s->group++)
		for (s->place = 0; s->place < s->fds && r == 0; s->place++) {
			r = start_partner(s, receive_all, err);
			if (r == 0)
				r = start_partner(s, send_all, err);
		}
	return r;
}

static int hackbench_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct hackbench *s = state;
	char byte = 0;

	for (uint64_t i = 0; i < iters; i++) {
		for (uint64_t g = 0; g < s->groups; g++)
			for (uint64_t n = 0; n < s->fds; n++)
				if (write(s->go[g][n].ends[0], &byte, 1) != 1)
					return err_errno(err, "tell a sender to begin");
		for (uint64_t n = 0; n < s->groups * s->fds; n++)
			if (read(s->done.ends[1], &byte, 1) != 1)
				return err_errno(err, "wait for a receiver");
	}
	return 0;
}

static int hackbench_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct hackbench *s = state;
	int r;

	if ((r = units_parse_count("groups", params[0], 1, GROUPS_MAX, &s->groups, err)) < 0 ||
	    (r = units_parse_count("fds", params[1], 1, FDS_MAX, &s->fds, err)) < 0 ||
	    (r = units_parse_count("loops", params[2], 1, LOOPS_MAX, &s->loops, err)) < 0 ||
	    (r = cpus_stay(false, err)) < 0 || (r = open_pairs(s, err)) < 0 ||
	    (r = start_partners(s, err)) < 0)
		return r;
	return hackbench_run(s, 1, err); /* all live, and are in their loops */
}

static void hackbench_teardown(void *state)
{
	struct hackbench *s = state;

	while (s->n_partners > 0)
		partner_end(s->partners[--s->n_partners]);
	close_pairs(s);
}

const struct workload workload_hackbench = {
	.name = "hackbench",
	.summary = "groups of processes that send messages to each other",
	.op = "messages of 100 bytes from each sender to each receiver of its group",
	.groups = "sched",
	.params =
		(const struct workload_param[]){
			{"groups", "groups: 1 to 8", "1"},
			{"fds", "senders, and receivers, of a group: 1 to 20", "4"},
			{"loops", "messages from each to each: 1 to 1000", "1"},
			{NULL, NULL, NULL}},
	/* 4 to begin, 4 times 4 messages, or three times as many, 4 that they are there. */
	.syscalls = (const struct workload_syscall[]){{"write", 24, "groups=1,fds=4,loops=1"},
						      {"write", 56, "groups=1,fds=4,loops=3"},
						      {"read", 56, "groups=1,fds=4,loops=3"},
						      {"read", 24, "groups=1,fds=4,loops=1"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct hackbench),
	.setup = hackbench_setup,
	.run = hackbench_run,
	.teardown = hackbench_teardown,
};
