/* SPDX-License-Identifier: MIT */
#pragma once
/* pages: what loads of memory have in common. */

#include <stddef.h>

struct tare_err;

size_t pages_size(void);

/* Only base pages for this process from now on: whether a kernel gives huge ones is a setting,
 * and differs between kernels that are compared (PR_SET_THP_DISABLE, prctl(2)). */
int pages_refuse_huge(struct tare_err *err);

/* Private anonymous memory, not touched yet. */
int pages_map(size_t size, char **ret, struct tare_err *err);

/* Write to each page; inlined, since it is what loops consist of. */
static inline void pages_touch(char *base, size_t size, size_t page)
{
	volatile char *at = base;

	for (size_t i = 0; i < size; i += page)
		at[i] = 1;
}
