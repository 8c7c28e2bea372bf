/* SPDX-License-Identifier: MIT */
#include "stats/student.h"

#include <math.h>
#include <stdbool.h>

/* For whole degrees of freedom the distribution is a finite sum: Abramowitz and Stegun 26.7.3
 * and 26.7.4. */
double student_two_tails(double t, size_t freedom)
{
	double angle = atan(fabs(t) / sqrt((double)freedom)), c = cos(angle), s = sin(angle);
	bool odd = freedom % 2;
	double term = odd ? c : 1, sum = 0;

	/* The factors are 2/3, 4/5, ... or 1/2, 3/4, ... */
	for (size_t k = odd ? 3 : 2; k <= freedom && term > 0; k += 2) {
		sum += term;
		term *= c * c * (double)(k - 1) / (double)k;
	}
	return fmax(0, 1 - (odd ? (angle + s * sum) * M_2_PI : s * sum));
}

double student_beyond(double p, size_t freedom)
{
	double low = 0, high = 1;

	while (student_two_tails(high, freedom) > p)
		high *= 2;
	for (;;) {
		double middle = (low + high) / 2;

		if (middle <= low || middle >= high)
			return high;
		if (student_two_tails(middle, freedom) > p)
			low = middle;
		else
			high = middle;
	}
}
