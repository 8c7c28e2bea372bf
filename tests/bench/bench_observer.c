/* SPDX-License-Identifier: MIT */
/* bench_observer [ROUNDS]: what the collector `syscalls` adds to a getppid, for the task that it
 * watches and for one that it does not, beside an empty pair of raw tracepoint programs and
 * libbpf-tools' `syscount -L`. All take turns in each round, since a shared machine is another
 * one a minute later. */

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "collector.h"
#include "empty_pair.skel.h"
#include "kernel/cgroup.h"
#include "kernel/journal.h"
#include "player.h"
#include "rounds.h"

#define CHUNKS 20
#define CALLS  2000

enum variant { NOTHING, PAIR, WATCHED, SAMPLED, UNWATCHED, SYSCOUNT, VARIANTS };

static const char *const variant_names[VARIANTS] = {
	"nothing",
	"empty raw_tp pair",
	"syscalls, watched task",
	"syscalls=sampled, watched",
	"syscalls, other task",
	"syscount -L",
};

struct bench {
	struct player watched, unwatched;
	struct cgroup *cgroup;
	struct collector *collector;
	struct empty_pair_bpf *pair;
	pid_t syscount;
	int terminal;
	bool has_syscount;
	size_t n[VARIANTS];
	double *ns[VARIANTS]; /* per call, one for each chunk */
	double bias_ns;
};

static int call(void)
{
	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);
	return 0;
}

static const struct player_work getppid_calls = {.chunk = call};

/* It needs tracefs, which is mounted for it alone where it is not. */
static _Noreturn void syscount_exec(void)
{
	if (access("/sys/kernel/tracing/events", F_OK) < 0 &&
	    (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	     mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) < 0))
		_exit(126);
	(void)execl("/usr/sbin/syscount", "syscount", "-L", (char *)NULL);
	_exit(127);
}

/* On a terminal of its own, since it tells of being ready through stdio. */
static int syscount_begin(struct bench *b, struct tare_err *err)
{
	char text[512];
	size_t used = 0;

	b->syscount = forkpty(&b->terminal, NULL, NULL, NULL);
	if (b->syscount < 0)
		return err_errno(err, "forkpty");
	if (b->syscount == 0)
		syscount_exec();
	while (used + 1 < sizeof(text)) {
		ssize_t n = read(b->terminal, text + used, sizeof(text) - 1 - used);

		if (n <= 0)
			break;
		used += (size_t)n;
		text[used] = '\0';
		if (strstr(text, "Tracing"))
			return 0;
	}
	return err_set(err, EIO, "syscount did not start to trace");
}

static void syscount_end(struct bench *b)
{
	char text[512];

	if (b->syscount <= 0)
		return;
	(void)kill(b->syscount, SIGINT);
	while (read(b->terminal, text, sizeof(text)) > 0)
		;
	(void)waitpid(b->syscount, NULL, 0);
	(void)close(b->terminal);
	b->syscount = 0;
}

static int collector_begin(struct bench *b, const char *precision, struct tare_err *err)
{
	struct collector_target target = {.cgroup = b->cgroup, .argument = precision};
	const struct collector_ops *ops;
	int r = collector_find("syscalls", &ops, NULL, err);

	if (r == 0)
		r = ops->attach(&target, &b->collector, err);
	return r < 0 ? r : ops->snapshot(b->collector, COLLECTOR_BEGIN, err);
}

/* Also checks what was counted: a collector that lost calls would be cheap. */
static int collector_end(struct bench *b, uint64_t calls, struct tare_err *err)
{
	const struct collector_ops *ops = b->collector->ops;
	cleanup_json json_t *seen = NULL;
	uint64_t count;
	int r = ops->snapshot(b->collector, COLLECTOR_END, err);

	if (r == 0)
		r = ops->read(b->collector, &seen, err);
	ops->detach(b->collector);
	b->collector = NULL;
	if (r < 0)
		return r;
	b->bias_ns = json_double_or(seen, "bias_ns", 0);
	count = json_u64_or(json_object_get(json_object_get(seen, "calls"), "getppid"), "count", 0);
	if (count != calls)
		return err_set(err, EIO, "%llu calls were made and %llu counted",
			       (unsigned long long)calls, (unsigned long long)count);
	return 0;
}

static int variant_begin(struct bench *b, enum variant variant, struct tare_err *err)
{
	switch (variant) {
	case PAIR:
		b->pair = empty_pair_bpf__open_and_load();
		if (!b->pair || empty_pair_bpf__attach(b->pair) < 0)
			return err_errno(err, "attach the empty pair");
		return 0;
	case SAMPLED:
		return collector_begin(b, "sampled", err);
	case WATCHED:
	case UNWATCHED:
		return collector_begin(b, "exact", err);
	case SYSCOUNT:
		return syscount_begin(b, err);
	case NOTHING:
	case VARIANTS:
		break;
	}
	return 0;
}

static int variant_end(struct bench *b, enum variant variant, struct tare_err *err)
{
	empty_pair_bpf__destroy(b->pair);
	b->pair = NULL;
	syscount_end(b);
	if (variant == WATCHED || variant == SAMPLED || variant == UNWATCHED)
		return collector_end(b, variant == UNWATCHED ? 0 : (CHUNKS + 1) * CALLS, err);
	return 0;
}

static int variant_play(struct bench *b, enum variant variant, struct tare_err *err)
{
	const struct player *player = variant == UNWATCHED ? &b->unwatched : &b->watched;
	uint64_t ns;
	int r = variant_begin(b, variant, err);

	for (int i = 0; r == 0 && i <= CHUNKS; i++) {
		r = player_chunk(player, &ns, err);
		if (r == 0 && i > 0) /* the first one warms up */
			b->ns[variant][b->n[variant]++] = (double)ns / CALLS;
	}
	if (r < 0)
		return r;
	return variant_end(b, variant, err);
}

static int rounds_play(struct bench *b, uint64_t rounds, struct tare_err *err)
{
	for (uint64_t round = 0; round < rounds; round++) {
		for (uint64_t i = 0; i < VARIANTS; i++) {
			enum variant variant = (enum variant)((round + i) % VARIANTS);
			int r = 0;

			if (variant != SYSCOUNT || b->has_syscount)
				r = variant_play(b, variant, err);
			if (r < 0)
				return err_wrap(err, r, "%s", variant_names[variant]);
		}
	}
	return 0;
}

/* What one variant may add at most, over what another adds. */
static const struct bar {
	enum variant what, against;
	double most;
} bars[] = {
	{WATCHED, PAIR, 2.2},
	{SAMPLED, PAIR, 1.6},
	{UNWATCHED, PAIR, 1.2},
	{WATCHED, SYSCOUNT, 0.55},
};

static void print_bars(const struct bench *b, const double p10[VARIANTS],
		       const double median[VARIANTS])
{
	(void)printf("\n%-28s %-20s %6s %6s %6s\n", "added by", "over added by", "p10", "median",
		     "bar");
	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		const struct bar *bar = &bars[i];
		double low = (p10[bar->what] - p10[NOTHING]) / (p10[bar->against] - p10[NOTHING]);
		double middle = (median[bar->what] - median[NOTHING]) /
				(median[bar->against] - median[NOTHING]);

		if (b->n[bar->against] > 0)
			(void)printf("%-28s %-20s %6.2f %6.2f %6.2f %s\n", variant_names[bar->what],
				     variant_names[bar->against], low, middle, bar->most,
				     low <= bar->most && middle <= bar->most ? "met" : "MISSED");
	}
}

static void print_results(struct bench *b)
{
	double p10[VARIANTS] = {0}, median[VARIANTS] = {0};

	(void)printf("%-24s %8s %8s %10s %10s %14s\n", "ns per getppid", "p10", "median",
		     "added p10", "added med", "x empty pair");
	for (size_t v = 0; v < VARIANTS; v++) {
		if (b->n[v] == 0) {
			(void)printf("%-24s not installed\n", variant_names[v]);
			continue;
		}
		rounds_sort(b->ns[v], b->n[v]);
		p10[v] = b->ns[v][b->n[v] / 10];
		median[v] = b->ns[v][b->n[v] / 2];
		(void)printf("%-24s %8.1f %8.1f %10.1f %10.1f", variant_names[v], p10[v], median[v],
			     p10[v] - p10[NOTHING], median[v] - median[NOTHING]);
		if (v >= PAIR)
			(void)printf(" %6.2f %6.2f",
				     (p10[v] - p10[NOTHING]) / (p10[PAIR] - p10[NOTHING]),
				     (median[v] - median[NOTHING]) /
					     (median[PAIR] - median[NOTHING]));
		(void)printf("\n");
	}
	print_bars(b, p10, median);
	(void)printf("recorded latency of the cheapest call (bias_ns): %.1f\n", b->bias_ns);
}

static int bench_run(struct bench *b, struct journal *journal, uint64_t rounds,
		     struct tare_err *err)
{
	struct cgroup_layout layout;
	char name[96];
	int r;

	(void)snprintf(name, sizeof(name), "tare-%s-bench", journal_name(journal));
	if ((r = cgroup_layout_read(&layout, err)) < 0 ||
	    (r = cgroup_create(&layout, name, 0, journal, &b->cgroup, err)) < 0 ||
	    (r = player_begin(&b->watched, b->cgroup, &getppid_calls, err)) < 0 ||
	    (r = player_begin(&b->unwatched, NULL, &getppid_calls, err)) < 0)
		return r;
	return rounds_play(b, rounds, err);
}

int main(int argc, char **argv)
{
	struct bench b = {.has_syscount = access("/usr/sbin/syscount", X_OK) == 0};
	struct tare_err err = {0};
	struct journal *journal = NULL;
	uint64_t rounds = 20;
	int r = rounds_begin(argc, argv, b.ns, VARIANTS, CHUNKS, &rounds, &err);

	if (r == 0)
		r = journal_open(&journal, &err);
	if (r == 0)
		r = bench_run(&b, journal, rounds, &err);
	if (b.collector)
		b.collector->ops->detach(b.collector);
	empty_pair_bpf__destroy(b.pair);
	syscount_end(&b);
	player_end(&b.watched);
	player_end(&b.unwatched);
	if (b.cgroup)
		(void)cgroup_destroy(b.cgroup, &err);
	if (journal)
		(void)journal_close(journal, &err);
	if (r == 0)
		print_results(&b);
	else
		(void)fprintf(stderr, "bench_observer: %s\n", err.msg);
	for (size_t v = 0; v < VARIANTS; v++)
		free(b.ns[v]);
	return r == 0 ? 0 : 1;
}
