/* SPDX-License-Identifier: MIT */
#include "stats/change.h"

#include <math.h>

#include "stats/student.h"

static double p_of(double estimate, double reach, size_t freedom)
{
	double level = 1 - LOCATION_LEVEL;

	if (!(reach > 0))
		return estimate == 0 ? 1 : 0;
	return student_two_tails(student_beyond(level, freedom) * estimate / reach, freedom);
}

void change_of(const struct location *a, const struct location *b, struct location *ret)
{
	double estimate = b->estimate - a->estimate, down, up;
	size_t n = a->n < b->n ? a->n : b->n;

	*ret = (struct location){.n = n,
				 .estimate = estimate,
				 .low = NAN,
				 .high = NAN,
				 .p = 1,
				 .method = LOCATION_NONE};
	if (a->method == LOCATION_NONE || b->method == LOCATION_NONE)
		return;
	down = hypot(b->estimate - b->low, a->high - a->estimate);
	up = hypot(b->high - b->estimate, a->estimate - a->low);
	ret->low = estimate - down;
	ret->high = estimate + up;
	ret->level = LOCATION_LEVEL;
	ret->p = p_of(estimate, estimate > 0 ? down : up, n - 1);
	ret->method = LOCATION_TWO_RUNS;
}
