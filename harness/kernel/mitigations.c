/* SPDX-License-Identifier: MIT */
#include "kernel/mitigations.h"

#include <dirent.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

json_t *mitigations_read(void)
{
	json_t *all = json_object();
	cleanup_dir DIR *dir = opendir("/sys/devices/system/cpu/vulnerabilities");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): our stream */
		char text[512];

		if (entry->d_name[0] == '.' ||
		    fd_read_file_quiet(dirfd(dir), entry->d_name, text, sizeof(text)) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		(void)json_object_set_new(all, entry->d_name, json_string(text));
	}
	return all;
}
