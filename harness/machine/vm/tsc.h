/* SPDX-License-Identifier: MIT */
#pragma once
/* tsc: the frequency of the host's time stamp counter, which an emulated guest reads too. */

#include <stdint.h>

/* In kHz, as the kernel's own clock uses it; 0: it does not say. */
uint64_t tsc_host_khz(void);
