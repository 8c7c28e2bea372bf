/* SPDX-License-Identifier: MIT */
#pragma once
/* tsc: the frequency of the host's time stamp counter, which an emulated guest reads too. */

#include <stdint.h>

/* In kHz, within a part in a million; 0: there is no such counter. The kernel's own figure where
 * it tells, else measured in 50 ms, once a boot: it is noted in the cache. */
uint64_t tsc_host_khz(const char *cache_dir);
