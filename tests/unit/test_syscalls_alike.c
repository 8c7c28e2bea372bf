/* SPDX-License-Identifier: MIT */
/* The collector `syscalls` records the same distribution whether it times every call or some.
 *
 * Rounds of both kinds in pairs, whose order is drawn from a seed: what the machine does meanwhile
 * changes from minute to minute more than from round to round. The distance of the kinds is that of
 * their mean cumulative shares (Kolmogorov's), where a shift by a bucket or less counts as none:
 * what is timed seldom is timed some nanoseconds dearer, since the programs' way through is less
 * well predicted, and a histogram claims no more than its buckets. The distribution of the distance
 * under "they are the same" is that over random exchanges within pairs (Fisher, The Design of
 * Experiments, 1935, section 21). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sys/mman.h>

#include "base/loglin.h"
#include "engine/random.h"
#include "syscalls_scene.h"

#define PAIRS     20
#define REPEATS   3000
#define EXCHANGES 6000
/* Of the six calls of a correct collector, one falls below it once in 500 runs. */
#define LEAST_P   (1.0 / 3000)
/* The cheapest calls differ by what is warm in the caches when one of them is timed, which enough
 * rounds always show: the same are two distributions if no more of the calls are further apart. */
#define ALIKE     0.15
#define WRONG     4 /* buckets of an eighth each: half as much again */

static const char *const calls[] = {"getppid", "openat", "close", "pread64", "write", "munmap"};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

enum kind { EXACT, SAMPLED, KINDS };

/* Of a round and a call: the share of its times at or below each bucket. */
struct shares {
	double at[LOGLIN_BUCKETS];
};
static struct shares seen[PAIRS][KINDS][N_CALLS];

static void part_of_all(void)
{
	static char block[65536];
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < REPEATS; i++) {
		(void)syscall(SYS_getppid);
		(void)close(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
		(void)!pread(zero, block, i % 8 ? 512 : sizeof(block), 0);
		(void)munmap(mmap(NULL, 65536, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | (i % 4 ? 0 : MAP_POPULATE), -1, 0),
			     65536);
		(void)!write(-1, block, 1);
	}
	(void)close(zero);
}

static void take_shares(const json_t *read, const char *name, struct shares *ret)
{
	const json_t *call = json_object_get(json_object_get(read, "calls"), name), *pair;
	double sum = 0, n = (double)returns_of(read, name);
	size_t i;

	assert_true(n > REPEATS / 32.0);
	memset(ret, 0, sizeof(*ret));
	json_array_foreach(json_object_get(call, "buckets"), i, pair)
		ret->at[json_integer_value(json_array_get(pair, 0))] +=
		(double)json_integer_value(json_array_get(pair, 1)) / n;
	for (i = 0; i < LOGLIN_BUCKETS; i++)
		ret->at[i] = sum += ret->at[i];
}

static void play_round(enum kind kind, struct shares ret[N_CALLS])
{
	json_t *read = scene_watch(kind == SAMPLED ? "syscalls=sampled" : "syscalls", 0, NULL,
				   part_of_all, NULL);

	/* The scene itself writes one byte, and the part opens and closes one file more. */
	assert_int_equal(count_of(read, "getppid"), REPEATS);
	assert_int_equal(count_of(read, "openat"), REPEATS + 1);
	assert_int_equal(count_of(read, "pread64"), REPEATS);
	assert_int_equal(count_of(read, "munmap"), REPEATS);
	assert_int_equal(count_of(read, "write"), REPEATS + 1);
	for (size_t i = 0; i < N_CALLS; i++)
		take_shares(read, calls[i], &ret[i]);
	json_decref(read);
}

/* The pairs of exchanged[] have their kinds exchanged. */
static double distance(size_t call, const bool *exchanged)
{
	double sum[KINDS][LOGLIN_BUCKETS] = {0}, most = 0;

	for (size_t i = 0; i < PAIRS; i++)
		for (size_t kind = 0; kind < KINDS; kind++) {
			const double *at = seen[i][kind][call].at;
			double *to = sum[exchanged[i] ? KINDS - 1 - kind : kind];

			for (size_t bucket = 0; bucket < LOGLIN_BUCKETS; bucket++)
				to[bucket] += at[bucket];
		}
	for (size_t bucket = 0; bucket + 1 < LOGLIN_BUCKETS; bucket++) {
		most = fmax(most, sum[EXACT][bucket] - sum[SAMPLED][bucket + 1]);
		most = fmax(most, sum[SAMPLED][bucket] - sum[EXACT][bucket + 1]);
	}
	return most / PAIRS;
}

/* How often a random exchange gives a distance as great. */
static double p_of(size_t call, struct random *random, double *ret_distance)
{
	bool exchanged[PAIRS] = {false};
	double observed = distance(call, exchanged);
	unsigned int as_great = 1;

	*ret_distance = observed;
	for (unsigned int i = 1; i < EXCHANGES; i++) {
		for (size_t pair = 0; pair < PAIRS; pair++)
			exchanged[pair] = random_below(random, 2);
		as_great += distance(call, exchanged) >= observed;
	}
	return (double)as_great / EXCHANGES;
}

static void play_pairs(struct random *random)
{
	struct scene keeper;

	/* As long as somebody watches, the programs need not be loaded anew. */
	scene_open(&keeper, 0, NULL);
	(void)scene_attach(&keeper, "syscalls");
	for (size_t i = 0; i < PAIRS; i++) {
		enum kind first = random_below(random, 2) ? SAMPLED : EXACT;

		play_round(first, seen[i][first]);
		play_round(KINDS - 1 - first, seen[i][KINDS - 1 - first]);
	}
	keeper.collectors[0]->ops->detach(keeper.collectors[0]);
}

static void a_sample_s_distribution_is_that_of_all(void **state)
{
	struct random random = random_for(20261126, "alike", 0, "syscalls", "order");
	double least = 1, d;

	(void)state;
	play_pairs(&random);
	for (size_t i = 0; i < N_CALLS; i++) {
		double p = p_of(i, &random, &d);

		(void)fprintf(stderr, "%s: distance %.4f, p = %.4f\n", calls[i], d, p);
		assert_true(p >= LEAST_P || d <= ALIKE);
	}
	/* Of a collector that times what it draws half as long again, the same test says so. */
	for (size_t i = 0; i < PAIRS; i++)
		for (size_t call = 0; call < N_CALLS; call++)
			for (size_t bucket = LOGLIN_BUCKETS; bucket-- > 0;)
				seen[i][SAMPLED][call].at[bucket] =
					bucket < WRONG ? 0
						       : seen[i][SAMPLED][call].at[bucket - WRONG];
	for (size_t call = 0; call < N_CALLS; call++) {
		double p = p_of(call, &random, &d);

		least = d > ALIKE ? fmin(least, p) : least;
	}
	assert_true(least < LEAST_P);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_sample_s_distribution_is_that_of_all, scene_teardown),
	};

	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
