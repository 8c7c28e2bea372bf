/* SPDX-License-Identifier: MIT */
#pragma once
/* cleanup: let go of what a scope holds, in reverse order of taking. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* not retried: on Linux the fd is gone even after EINTR */
}

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void cleanup_dirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Give the pointer away: its variable is NULL afterwards. */
#define take_pointer(p)                                                                            \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define cleanup_close  __attribute__((cleanup(cleanup_closep)))
#define cleanup_free   __attribute__((cleanup(cleanup_freep)))
#define cleanup_dir    __attribute__((cleanup(cleanup_dirp)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclosep)))
