/* SPDX-License-Identifier: MIT */
/* bench_switch [ROUNDS]: what the collector `sched` adds to a context switch: two processes on one
 * CPU that wake each other through pipes, unwatched, watched, and beside a watched group. The three
 * take turns in each round, since a shared machine is another one a minute later. */

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/units.h"
#include "collector.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"

#define TRIPS      2000 /* there and back: two switches */
#define CHUNKS     10
#define ROUNDS_MAX 1000
#define BAR_NS     220.0

enum variant { NOTHING, WATCHED, OTHER, VARIANTS };

static const char *const names[VARIANTS] = {"no collector", "sched, watched", "sched, others"};

struct bench {
	struct cgroup *groups[2]; /* of the players, and an empty one */
	pid_t player;
	int to, from;
	size_t n[VARIANTS];
	double *ns[VARIANTS]; /* per switch, one for each chunk */
};

static void pin_last(void)
{
	cpu_set_t set, last;

	CPU_ZERO(&last);
	(void)sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&last) == 0; cpu--)
		if (CPU_ISSET(cpu, &set))
			CPU_SET(cpu, &last);
	(void)sched_setaffinity(0, sizeof(last), &last);
}

static _Noreturn void answer(int in, int out)
{
	char byte;

	while (read(in, &byte, 1) == 1)
		if (write(out, &byte, 1) != 1)
			break;
	_exit(0);
}

static _Noreturn void play(int in, int out)
{
	int there[2], back[2];
	char byte = 0;

	pin_last();
	if (pipe(there) < 0 || pipe(back) < 0)
		_exit(1);
	if (fork() == 0) {
		(void)close(there[1]);
		answer(there[0], back[1]);
	}
	while (read(in, &byte, 1) == 1) {
		uint64_t begin = clock_now_ns(), ns;

		for (int i = 0; i < TRIPS; i++)
			if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
				_exit(1);
		ns = clock_now_ns() - begin;
		if (write(out, &ns, sizeof(ns)) != (ssize_t)sizeof(ns))
			break;
	}
	_exit(0);
}

static int begin_player(struct bench *b, struct tare_err *err)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (__u64)cgroup_v2_fd(b->groups[0])};
	int down[2], up[2];

	if (pipe2(down, O_CLOEXEC) < 0 || pipe2(up, O_CLOEXEC) < 0)
		return err_errno(err, "make a pipe");
	b->player = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (b->player < 0)
		return err_errno(err, "clone3");
	if (b->player == 0) {
		(void)close(down[1]);
		(void)close(up[0]);
		play(down[0], up[1]);
	}
	(void)close(down[0]);
	(void)close(up[1]);
	b->to = down[1];
	b->from = up[0];
	return 0;
}

static int play_chunks(struct bench *b, enum variant variant, struct tare_err *err)
{
	uint64_t ns;
	int r = 0;

	for (int i = 0; r == 0 && i <= CHUNKS; i++) {
		r = fd_write_all(b->to, "g", 1, err);
		if (r == 0)
			r = fd_read_all(b->from, &ns, sizeof(ns), err);
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

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_results(struct bench *b)
{
	double p10[VARIANTS], median[VARIANTS];

	(void)printf("%-16s %8s %8s %10s %10s\n", "ns per switch", "p10", "median", "added p10",
		     "added med");
	for (size_t v = 0; v < VARIANTS; v++) {
		qsort(b->ns[v], b->n[v], sizeof(double), compare);
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
		r = begin_player(b, err);
	for (uint64_t round = 0; r == 0 && round < rounds; round++)
		for (uint64_t i = 0; r == 0 && i < VARIANTS; i++)
			r = play_variant(b, (enum variant)((round + i) % VARIANTS), err);
	return r;
}

int main(int argc, char **argv)
{
	struct bench b = {.to = -1, .from = -1};
	struct tare_err err = {0};
	struct journal *journal = NULL;
	uint64_t rounds = 20;
	int r = 0;

	if (argc > 1)
		r = units_parse_count("ROUNDS", argv[1], 1, ROUNDS_MAX, &rounds, &err);
	for (size_t v = 0; r == 0 && v < VARIANTS; v++) {
		b.ns[v] = calloc(rounds * CHUNKS, sizeof(double));
		r = b.ns[v] ? 0 : err_set(&err, ENOMEM, "out of memory");
	}
	if (r == 0)
		r = journal_open(&journal, &err);
	if (r == 0)
		r = run(&b, journal, rounds, &err);
	if (b.groups[0])
		(void)cgroup_kill(b.groups[0], 2000, NULL);
	if (b.player > 0)
		(void)waitpid(b.player, NULL, 0);
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
