/* SPDX-License-Identifier: MIT */
#include "machine/vm/hugepages.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"

int hugepages_check(const char *path, uint64_t bytes, struct tare_err *err)
{
	uint64_t needed = (bytes + HUGEPAGE_BYTES - 1) / HUGEPAGE_BYTES, free_ones;
	char text[32];

	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		return err_set(err, ENOTSUP,
			       "hugepages=on: this kernel has no huge pages of 2 MiB");
	free_ones = strtoull(text, NULL, 10);
	if (free_ones >= needed)
		return 0;
	return err_set(err, ENOTSUP,
		       "hugepages=on: the guest needs %llu huge pages of 2 MiB, and %llu are free: "
		       "sysctl vm.nr_hugepages=%llu, or leave it out",
		       (unsigned long long)needed, (unsigned long long)free_ones,
		       (unsigned long long)needed);
}
