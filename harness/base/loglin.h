/* SPDX-License-Identifier: MIT */
#pragma once
/* loglin: the one latency histogram of tare-load, the eBPF collectors and the reports.
 *
 * Log-linear: exact below 8 ns, then 8 buckets for each power of two, so that a bucket is at
 * most 12.5 % wide. 288 buckets reach 2^38 ns (275 s); the last one holds everything above.
 * The idea is HdrHistogram's; the layout is fixed so that a BPF map, a C array and a record
 * are the same thing. No libc: BPF programs include this file. */

#define LOGLIN_SUB_BITS 3
#define LOGLIN_SUB      (1 << LOGLIN_SUB_BITS)
#define LOGLIN_BUCKETS  288

/* The bucket of a value; always below LOGLIN_BUCKETS. */
static inline unsigned int loglin_bucket(unsigned long long value)
{
	unsigned int log2 = 0, bucket;
	unsigned long long v = value;

	if (value < LOGLIN_SUB)
		return (unsigned int)value;
	/* Without __builtin_clzll, which BPF has no instruction for. */
	if (v >> 32) {
		log2 += 32;
		v >>= 32;
	}
	if (v >> 16) {
		log2 += 16;
		v >>= 16;
	}
	if (v >> 8) {
		log2 += 8;
		v >>= 8;
	}
	if (v >> 4) {
		log2 += 4;
		v >>= 4;
	}
	if (v >> 2) {
		log2 += 2;
		v >>= 2;
	}
	log2 += (unsigned int)(v >> 1);
	bucket = ((log2 - LOGLIN_SUB_BITS + 1) << LOGLIN_SUB_BITS) +
		 (unsigned int)((value >> (log2 - LOGLIN_SUB_BITS)) & (LOGLIN_SUB - 1));
	return bucket < LOGLIN_BUCKETS ? bucket : LOGLIN_BUCKETS - 1;
}

/* The smallest value of a bucket. bucket may be LOGLIN_BUCKETS: the end of the last one. */
static inline unsigned long long loglin_lower(unsigned int bucket)
{
	unsigned int log2;

	if (bucket < LOGLIN_SUB)
		return bucket;
	log2 = (bucket >> LOGLIN_SUB_BITS) + LOGLIN_SUB_BITS - 1;
	return (1ULL << log2) +
	       ((unsigned long long)(bucket & (LOGLIN_SUB - 1)) << (log2 - LOGLIN_SUB_BITS));
}
