/* SPDX-License-Identifier: MIT */
#include "stats/stop.h"

size_t stop_look(size_t n)
{
	size_t look = STOP_FIRST;

	while (look < n)
		look += look / 2;
	return look;
}

bool stop_is_look(size_t n)
{
	return n == stop_look(n);
}

bool stop_is_narrow(const struct location *location, double half)
{
	const struct location *l = location;

	return l->method != LOCATION_NONE && l->high - l->estimate <= half &&
	       l->estimate - l->low <= half;
}
