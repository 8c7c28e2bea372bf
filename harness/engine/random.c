/* SPDX-License-Identifier: MIT */
#include "engine/random.h"

#include <sys/random.h>

/* FNV-1a, 64 bits: mixes the names in; splitmix64 below does the rest. */
static uint64_t mix_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return (hash ^ 0xff) * 0x100000001b3ULL; /* an end, so that "ab","c" is not "a","bc" */
}

struct random random_for(uint64_t seed, const char *group, uint64_t round, const char *load,
			 const char *purpose)
{
	struct random random = {.state = seed ^ 0xcbf29ce484222325ULL};

	random.state = mix_text(random_next(&random), group);
	random.state = mix_text(random_next(&random), load);
	random.state = mix_text(random_next(&random), purpose);
	random.state ^= round * 0x9e3779b97f4a7c15ULL;
	return random;
}

uint64_t random_seed(void)
{
	uint64_t seed = 0;

	(void)!getrandom(&seed, sizeof(seed), 0);
	return seed >> 33;
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
	uint64_t value;

	do
		value = random_next(random);
	while (value >= limit);
	return value % bound;
}

void random_permute(struct random *random, size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t j = (size_t)random_below(random, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}
