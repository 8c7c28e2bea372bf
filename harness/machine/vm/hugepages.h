/* SPDX-License-Identifier: MIT */
#pragma once
/* hugepages: the guest's memory in huge pages of the host, which have to be set aside before. */

#include <stdint.h>

struct tare_err;

#define HUGEPAGE_BYTES (2ULL << 20)

/* -ENOTSUP: there are too few free ones for so much memory; the sentence says what to type.
 * path: HUGEPAGES_FREE but in tests. */
#define HUGEPAGES_FREE "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
int hugepages_check(const char *path, uint64_t bytes, struct tare_err *err);
