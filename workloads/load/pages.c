/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"

size_t pages_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int pages_refuse_huge(struct tare_err *err)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) < 0)
		return err_errno(err, "refuse huge pages (PR_SET_THP_DISABLE)");
	return 0;
}

int pages_map(size_t size, char **ret, struct tare_err *err)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return err_errno(err, "map %zu bytes", size);
	*ret = base;
	return 0;
}
