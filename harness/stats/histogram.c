/* SPDX-License-Identifier: MIT */
#include "stats/histogram.h"

#include <math.h>

void histogram_add(struct histogram *histogram, unsigned int bucket, uint64_t count)
{
	histogram->bucket[bucket < LOGLIN_BUCKETS ? bucket : LOGLIN_BUCKETS - 1] += count;
	histogram->count += count;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned int i = 0; i < LOGLIN_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->count += from->count;
	if (from->max > into->max)
		into->max = from->max;
}

/* The bucket in which the value of rank p * count is, and how many are below that bucket. */
static unsigned int bucket_of_rank(const struct histogram *histogram, double rank,
				   double *ret_below)
{
	double below = 0;
	unsigned int last = 0;

	for (unsigned int i = 0; i < LOGLIN_BUCKETS; i++) {
		if (histogram->bucket[i] == 0)
			continue;
		last = i;
		*ret_below = below;
		below += (double)histogram->bucket[i];
		if (below >= rank)
			return i;
	}
	return last;
}

/* Values are whole: the largest of a bucket is one below the next bucket. */
static double bucket_upper(const struct histogram *histogram, unsigned int bucket)
{
	double upper = (double)(loglin_lower(bucket + 1) - 1);

	if (histogram->max > 0 && (bucket == LOGLIN_BUCKETS - 1 || (double)histogram->max < upper))
		return (double)histogram->max;
	return upper;
}

double histogram_quantile_upper(const struct histogram *histogram, double p)
{
	double below = 0;

	if (histogram->count == 0)
		return NAN;
	return bucket_upper(histogram,
			    bucket_of_rank(histogram, ceil(p * (double)histogram->count), &below));
}

double histogram_quantile_between(const struct histogram *histogram, double p)
{
	double below = 0, rank = p * (double)histogram->count, low, high;
	unsigned int bucket;

	if (histogram->count == 0)
		return NAN;
	bucket = bucket_of_rank(histogram, rank, &below);
	low = (double)loglin_lower(bucket);
	high = bucket_upper(histogram, bucket) + 1;
	if (rank < below)
		rank = below;
	return low + (high - low) * (rank - below) / (double)histogram->bucket[bucket];
}

double histogram_share(const struct histogram *histogram, unsigned int bucket)
{
	double below = 0;

	if (histogram->count == 0)
		return NAN;
	for (unsigned int i = 0; i <= bucket && i < LOGLIN_BUCKETS; i++)
		below += (double)histogram->bucket[i];
	return below / (double)histogram->count;
}
