/* SPDX-License-Identifier: MIT */
#pragma once
/* noise: of simulated rounds, from a seed: normal, heavy-tailed, or now and then ten times as much.
 */

#include <math.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static inline double noise_uniform(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static inline double noise_normal(uint64_t *state)
{
	double u = 1 - noise_uniform(state);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * noise_uniform(state));
}

static inline double noise_student3(uint64_t *state)
{
	double square = 0, top = noise_normal(state);

	for (int i = 0; i < 3; i++) {
		double x = noise_normal(state);

		square += x * x;
	}
	return top / sqrt(square / 3);
}

static inline double noise_contaminated(uint64_t *state)
{
	return noise_uniform(state) < 0.1 ? 10 * noise_normal(state) : noise_normal(state);
}
