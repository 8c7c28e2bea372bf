/* SPDX-License-Identifier: MIT */
/* Computing and nothing else, on as many threads as asked: what a CPU limit takes away shows in
 * the number of chunks. */

#include <pthread.h>
#include <semaphore.h>

#include "base/err.h"
#include "base/units.h"
#include "workload.h"

#define THREADS_MAX 64
#define AHEAD_MAX   1024
#define CHUNK_STEPS 100000 /* of 4 to 5 cycles: short against a quota's period of 100 ms */

struct cpu_burn {
	uint64_t threads, chunks;
	uint64_t ahead;  /* chunks that each helper may have before it, 0: all keep together */
	uint64_t queued; /* chunks given out that are not known to be done */
	sem_t go, done;  /* a chunk may begin; a chunk is done */
	bool semaphores, stop;
	uint64_t n_started;
	pthread_t helpers[THREADS_MAX];
};

/* One chain of multiplications: Knuth's 64-bit linear congruential generator (MMIX). */
static void burn_chunk(void)
{
	uint64_t x = 1;

	for (int i = 0; i < CHUNK_STEPS; i++)
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
	__asm__ volatile("" : : "r"(x));
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		;
}

static void *helper(void *state)
{
	struct cpu_burn *s = state;

	for (;;) {
		wait_for(&s->go);
		if (s->stop)
			return NULL;
		burn_chunk();
		(void)sem_post(&s->done);
	}
}

static int cpu_burn_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct cpu_burn *s = state;
	int r;

	if ((r = units_parse_count("threads", params[0], 1, THREADS_MAX, &s->threads, err)) < 0 ||
	    (r = units_parse_count("ahead", params[1], 0, AHEAD_MAX, &s->ahead, err)) < 0)
		return r;
	if (sem_init(&s->go, 0, 0) < 0 || sem_init(&s->done, 0, 0) < 0)
		return err_errno(err, "make semaphores");
	s->semaphores = true;
	for (; s->n_started + 1 < s->threads; s->n_started++) {
		errno = pthread_create(&s->helpers[s->n_started], NULL, helper, s);
		if (errno)
			return err_errno(err, "start thread %llu of %llu",
					 (unsigned long long)s->n_started + 2,
					 (unsigned long long)s->threads);
	}
	return 0;
}

/* No helper ever waits for another: their queue is kept full, and what is done is counted. */
static void burn_apart(struct cpu_burn *s)
{
	for (; s->queued < s->n_started * s->ahead; s->queued++)
		(void)sem_post(&s->go);
	burn_chunk();
	s->chunks++;
	for (; s->queued > 0 && sem_trywait(&s->done) == 0; s->queued--)
		s->chunks++;
}

static int cpu_burn_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct cpu_burn *s = state;

	(void)err;
	for (uint64_t i = 0; i < iters; i++) {
		if (s->ahead) {
			burn_apart(s);
			continue;
		}
		for (uint64_t t = 0; t < s->n_started; t++)
			(void)sem_post(&s->go);
		burn_chunk();
		for (uint64_t t = 0; t < s->n_started; t++)
			wait_for(&s->done);
		s->chunks += s->threads;
	}
	return 0;
}

static size_t cpu_burn_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct cpu_burn *s = state;

	if (ns == 0)
		return 0;
	figures[0] = (struct play_figure){.name = "chunks_per_s",
					  .unit = "1/s",
					  .value = (double)s->chunks * 1e9 / (double)ns};
	return 1;
}

static void cpu_burn_teardown(void *state)
{
	struct cpu_burn *s = state;

	if (!s->semaphores)
		return;
	s->stop = true;
	for (uint64_t t = 0; t < s->n_started; t++)
		(void)sem_post(&s->go);
	for (uint64_t t = 0; t < s->n_started; t++)
		(void)pthread_join(s->helpers[t], NULL);
	(void)sem_destroy(&s->go);
	(void)sem_destroy(&s->done);
}

const struct workload workload_cpu_burn = {
	.name = "cpu-burn",
	.summary = "compute on all its threads until the time is up",
	.op = "100,000 dependent multiplications on each thread",
	.groups = "limits",
	.params =
		(const struct workload_param[]){
			{"threads", "threads that compute: 1 to 64", "1"},
			{"ahead", "operations a helper may be ahead: 0 keeps threads together",
			 "0"},
			{NULL, NULL, NULL}},
	.state_size = sizeof(struct cpu_burn),
	.solo = true,
	.setup = cpu_burn_setup,
	.run = cpu_burn_run,
	.figures = cpu_burn_figures,
	.teardown = cpu_burn_teardown,
};
