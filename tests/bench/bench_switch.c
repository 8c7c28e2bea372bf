/* SPDX-License-Identifier: MIT */
/* bench_switch [ROUNDS]: what the collector `sched` adds to a context switch: two processes on one
 * CPU that wake each other through pipes, unwatched, watched, and beside a watched group. The three
 * take turns in each round, since a shared machine is another one a minute later. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "collector.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"
#include "player.h"
#include "rounds.h"

#define TRIPS  2000 /* there and back: two switches */
#define CHUNKS 10
#define BAR_NS 220.0

enum variant { NOTHING, WATCHED, OTHER, VARIANTS };

static const char *const names[VARIANTS] = {"no collector", "sched, watched", "sched, others"};

struct bench {
	struct cgroup *groups[2]; /* of the players, and an empty one */
	struct player player;
	size_t n[VARIANTS];
	double *ns[VARIANTS]; /* per switch, one for each chunk */
};

static _Noreturn void answer(int in, int out)
{
	char byte;

	while (read(in, &byte, 1) == 1)
		if (write(out, &byte, 1) != 1)
			break;
	_exit(0);
}

static int there[2], back[2]; /* of the player's */

static int begin_answers(void)
{
	if (pipe(there) < 0 || pipe(back) < 0)
		return -1;
	if (fork() == 0) {
		(void)close(there[1]);
		answer(there[0], back[1]);
	}
	return 0;
}

static int trip(void)
{
	char byte = 0;

	for (int i = 0; i < TRIPS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			return -1;
	return 0;
}

static int play_chunks(struct bench *b, enum variant variant, struct tare_err *err)
{
	uint64_t ns;
	int r = 0;

	for (int i = 0; r == 0 && i <= CHUNKS; i++) {
		r = player_chunk(&b->player, &ns, err);
		if (r == 0 && i > 0) /* the first one warms up */
			b->ns[variant][b->n[variant]++] = (double)ns / (2.0 * TRIPS);
	}
	return r;
}

static int play_variant(struct bench *b, enum variant variant, struct tare_err *err)
{
	struct collector_target target = {.cgroup = b->groups[variant == OTHER]};
	struct collector *collector = NULL;
	const struct collector_ops *ops;
	int r = collector_find("sched", &ops, NULL, err);

	if (r == 0 && variant != NOTHING)
		r = ops->attach(&target, &collector, err);
	if (r == 0)
		r = play_chunks(b, variant, err);
	if (collector)
		ops->detach(collector);
	return err_wrap(err, r, "%s", names[variant]);
}

static void print_results(struct bench *b)
{
	double p10[VARIANTS], median[VARIANTS];

	(void)printf("%-16s %8s %8s %10s %10s\n", "ns per switch", "p10", "median", "added p10",
		     "added med");
	for (size_t v = 0; v < VARIANTS; v++) {
		rounds_sort(b->ns[v], b->n[v]);
		p10[v] = b->ns[v][b->n[v] / 10];
		median[v] = b->ns[v][b->n[v] / 2];
		(void)printf("%-16s %8.0f %8.0f %10.0f %10.0f\n", names[v], p10[v], median[v],
			     p10[v] - p10[NOTHING], median[v] - median[NOTHING]);
	}
	(void)printf("at most %.0f ns more: %s\n", BAR_NS,
		     p10[WATCHED] - p10[NOTHING] <= BAR_NS &&
				     median[WATCHED] - median[NOTHING] <= BAR_NS
			     ? "met"
			     : "MISSED");
}

static int run(struct bench *b, struct journal *journal, uint64_t rounds, struct tare_err *err)
{
	struct cgroup_layout layout;
	char name[96];
	int r = cgroup_layout_read(&layout, err);

	for (int i = 0; r == 0 && i < 2; i++) {
		(void)snprintf(name, sizeof(name), "tare-%s-bench%d", journal_name(journal), i);
		r = cgroup_create(&layout, name, 0, journal, &b->groups[i], err);
	}
	if (r == 0)
		r = player_begin(&b->player, b->groups[0],
				 &(struct player_work){begin_answers, trip}, err);
	for (uint64_t round = 0; r == 0 && round < rounds; round++)
		for (uint64_t i = 0; r == 0 && i < VARIANTS; i++)
			r = play_variant(b, (enum variant)((round + i) % VARIANTS), err);
	return r;
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	struct tare_err err = {0};
	struct journal *journal = NULL;
	uint64_t rounds = 20;
	int r = rounds_begin(argc, argv, b.ns, VARIANTS, CHUNKS, &rounds, &err);

	if (r == 0)
		r = journal_open(&journal, &err);
	if (r == 0)
		r = run(&b, journal, rounds, &err);
	if (b.groups[0])
		(void)cgroup_kill(b.groups[0], 2000, NULL);
	player_end(&b.player);
	for (int i = 0; i < 2; i++)
		(void)cgroup_destroy(b.groups[i], NULL);
	(void)journal_close(journal, NULL);
	if (r == 0)
		print_results(&b);
	else
		(void)fprintf(stderr, "bench_switch: %s\n", err.msg);
	for (size_t v = 0; v < VARIANTS; v++)
		free(b.ns[v]);
	return r == 0 ? 0 : 1;
}
