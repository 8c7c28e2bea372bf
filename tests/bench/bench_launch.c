/* SPDX-License-Identifier: MIT */
/* bench_launch: what it costs to put a process into a container, from launch to exit, held
 * against the bar.
 *
 *   bench_launch [ROUNDS [BINARY_DIR]]
 *
 * In each round, in random order, every way of launching once; a series of rounds without a pause
 * between launches, and one with 20 ms, which lets the kernel's locks go cold and shows what a
 * join of a cgroup really costs. The program inside is always `busybox true`. A runtime that does
 * not start here is left out, with its own last words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "launch/ways.h"

#define ROUNDS     300
#define ROUNDS_MAX 2000
#define SETTLE_S   3

static const uint64_t pauses_ms[] = {0, 20};

static bool out[N_WAYS];
static uint64_t took_ns[N_WAYS][ROUNDS_MAX];

/* Median of one way over the median of another, and what it may be at most. */
static const struct bar {
	enum way_name what, against;
	double most;
} bars[] = {
	{WAY_FRESH, WAY_FLOOR, 1.4},        {WAY_POOLED, WAY_FLOOR, 0.7},
	{WAY_TARE, WAY_FLOOR_COMMAND, 2.0}, {WAY_TARE, WAY_RUNC, 0.2},
	{WAY_TARE, WAY_CRUN, 0.35},         {WAY_TARE, WAY_BWRAP, 0.75},
};

static int launch(enum way_name name, uint64_t *ret_ns, struct tare_err *err)
{
	const struct way *way = &ways[name];
	int r = way->before ? way->before(err) : 0;
	uint64_t start;

	if (r < 0)
		return r;
	start = clock_now_ns();
	r = way->launch(err);
	*ret_ns = clock_now_ns() - start;
	if (way->after) {
		int after = way->after(err);

		r = r < 0 ? r : after;
	}
	return r;
}

static void shuffle(size_t *order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		unsigned int random = 0;
		size_t j, swap = order[i];

		(void)!getrandom(&random, sizeof(random), 0);
		j = random % (i + 1);
		order[i] = order[j];
		order[j] = swap;
	}
}

/* Each a few times, not counted: caches are warm, and what cannot run here is left out. Not all at
 * once, since a root filesystem that was just made is not yet believed to be finished. */
static void warm_up(void)
{
	static const struct timespec settle = {.tv_sec = SETTLE_S};

	for (size_t i = 0; i < 3UL * N_WAYS; i++) {
		if (i % N_WAYS == 0 && i > 0)
			(void)nanosleep(&settle, NULL);
		size_t way = i % N_WAYS;
		struct tare_err err = {0};
		uint64_t ns;

		if (out[way])
			continue;
		out[way] = !ways[way].launch || launch((enum way_name)way, &ns, &err) < 0;
		if (out[way])
			(void)printf("left out: %s: %s\n", ways[way].name, err.msg);
	}
}

static int measure(size_t rounds, uint64_t pause_ms, struct tare_err *err)
{
	const struct timespec pause = {.tv_nsec = (long)(pause_ms * NS_PER_MS)};
	size_t order[N_WAYS];

	for (size_t i = 0; i < N_WAYS; i++)
		order[i] = i;
	for (size_t round = 0; round < rounds; round++) {
		shuffle(order, N_WAYS);
		for (size_t i = 0; i < N_WAYS; i++) {
			enum way_name way = (enum way_name)order[i];
			int r = out[way] ? 0 : launch(way, &took_ns[way][round], err);

			if (r < 0)
				return err_wrap(err, r, "%s", ways[way].name);
			if (pause_ms && !out[way])
				(void)nanosleep(&pause, NULL);
		}
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double us_at(size_t way, size_t index)
{
	return (double)took_ns[way][index] / (double)NS_PER_US;
}

static void print_times(size_t rounds, uint64_t pause_ms)
{
	(void)printf("\n%-42s %9s %9s %9s %8s\n", "launch to exit, us", "p10", "median", "p90",
		     "/ floor");
	for (size_t way = 0; way < N_WAYS; way++) {
		if (out[way])
			continue;
		qsort(took_ns[way], rounds, sizeof(took_ns[way][0]), compare);
		(void)printf("%-42s %9.0f %9.0f %9.0f %8.2f\n", ways[way].name,
			     us_at(way, rounds / 10), us_at(way, rounds / 2),
			     us_at(way, rounds * 9 / 10),
			     us_at(way, rounds / 2) / us_at(WAY_FLOOR, rounds / 2));
	}
	(void)printf("%zu rounds, %d ms between launches\n", rounds, (int)pause_ms);
}

static void print_bars(size_t rounds)
{
	(void)printf("\n%-42s %-42s %7s %7s\n", "median of", "over median of", "ratio", "bar");
	for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
		const struct bar *b = &bars[i];
		double ratio = us_at(b->what, rounds / 2) / us_at(b->against, rounds / 2);

		(void)printf("%-42s %-42s ", ways[b->what].name, ways[b->against].name);
		if (out[b->what] || out[b->against])
			(void)printf("%7s %7.2f not run\n", "-", b->most);
		else
			(void)printf("%7.2f %7.2f %s\n", ratio, b->most,
				     ratio <= b->most ? "met" : "MISSED");
	}
}

static int run(size_t rounds, struct tare_err *err)
{
	warm_up();
	if (out[WAY_FLOOR] || out[WAY_FRESH])
		return err_set(err, ENOTSUP, "this machine cannot make containers");
	for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
		int r = measure(rounds, pauses_ms[i], err);

		if (r < 0)
			return r;
		print_times(rounds, pauses_ms[i]);
		print_bars(rounds);
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	struct tare_err err = {0};
	int r;

	if (geteuid() != 0)
		return 77;
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "bench_launch: 1 to %d rounds\n", ROUNDS_MAX);
		return 2;
	}
	r = ways_open(argc > 2 ? argv[2] : TARE_BINARY_DIR, &err);
	if (r == 0)
		r = run(rounds, &err);
	if (r < 0)
		(void)fprintf(stderr, "bench_launch: %s\n", err.msg);
	ways_close();
	return r < 0 ? 1 : 0;
}
