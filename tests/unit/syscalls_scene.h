/* SPDX-License-Identifier: MIT */
#pragma once
/* syscalls_scene: a scene of threads that make a known number of calls, and what the collector
 * `syscalls` saw of it. */

#include <pthread.h>

#include "scene.h"

#define CALLS 20000

static inline const json_t *call_of(const json_t *seen, const char *name)
{
	return json_object_get(json_object_get(seen, "calls"), name);
}

static inline uint64_t count_of(const json_t *seen, const char *name)
{
	return json_u64_or(call_of(seen, name), "count", 0);
}

static inline uint64_t errors_of(const json_t *seen, const char *name, const char *error)
{
	return json_u64_or(json_object_get(call_of(seen, name), "errno"), error, 0);
}

static inline uint64_t lost_of(const json_t *seen, const char *name)
{
	return json_u64_or(json_object_get(seen, "lost"), name, UINT64_MAX);
}

static inline uint64_t returns_of(const json_t *seen, const char *name)
{
	const json_t *pair;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach(json_object_get(call_of(seen, name), "buckets"), i, pair) sum +=
		(uint64_t)json_integer_value(json_array_get(pair, 1));
	return sum;
}

static inline void assert_nothing_lost(const json_t *seen)
{
	const char *name;
	json_t *value;

	assert_int_equal(json_object_size(json_object_get(seen, "lost")), 6);
	json_object_foreach(json_object_get(seen, "lost"), name, value)
	{
		if (json_integer_value(value) != 0)
			(void)fprintf(stderr, "lost: %s\n", name);
		/* Misses are of the whole system: others' work may cause them. */
		if (strcmp(name, "recursion_misses") != 0)
			assert_int_equal(json_integer_value(value), 0);
	}
	assert_true(json_is_true(json_object_get(seen, "quiet")));
}

static inline void *call_getppid(void *unused)
{
	(void)unused;
	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);
	return NULL;
}

static int n_threads;

static inline void part_threads(void)
{
	pthread_t threads[4];

	for (int i = 0; i < n_threads; i++)
		(void)pthread_create(&threads[i], NULL, call_getppid, NULL);
	for (int i = 0; i < n_threads; i++)
		(void)pthread_join(threads[i], NULL);
}
