/* SPDX-License-Identifier: MIT */
#include "workfile.h"

#include <unistd.h>

#include "base/err.h"

int workfile_make(struct workfile *file, size_t size, int flags, struct tare_err *err)
{
	int r;

	file->fd = -1;
	r = folder_make(&file->folder, 1, err);
	if (r < 0)
		return r;
	file->fd = folder_make_file(&file->folder, size, flags, err);
	return file->fd < 0 ? file->fd : 0;
}

void workfile_remove(struct workfile *file)
{
	if (file->folder.path[0] == '\0')
		return;
	if (file->fd >= 0)
		(void)close(file->fd);
	folder_remove(&file->folder);
}
