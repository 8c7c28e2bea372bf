/* SPDX-License-Identifier: MIT */
#include "agent/serve_image.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "box/common/stored.h"
#include "machine/vm/message.h"
#include "trial/trial.h"

#define BLOCK_DEVICES "/sys/block"
/* Disks of User-Mode Linux have no serial number, but an order. */
#define UML_ROOT_DISK "/dev/ubdb"

/* "/dev/vdb" of the virtio disk with that serial number, or User-Mode Linux's second one. */
static int find_disk(const char *serial, char ret[STORED_PATH_SIZE], struct tare_err *err)
{
	cleanup_dir DIR *dir = opendir(BLOCK_DEVICES);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): ours */
		char path[512], text[64];

		(void)snprintf(path, sizeof(path), BLOCK_DEVICES "/%s/serial", entry->d_name);
		if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, serial) != 0)
			continue;
		(void)snprintf(ret, STORED_PATH_SIZE, "/dev/%s", entry->d_name);
		return 0;
	}
	if (access(UML_ROOT_DISK, F_OK) < 0)
		return err_set(err, ENODEV, "no disk '%s'", serial);
	(void)snprintf(ret, STORED_PATH_SIZE, UML_ROOT_DISK);
	return 0;
}

/* The mount itself is not read-only, only what is mounted: see imaged_make_pieces(). */
static int mount_disk(const char *store, const char *layer, struct tare_err *err)
{
	cleanup_free char *at = text_format("%s/layers/%s", store, layer);
	char device[STORED_PATH_SIZE];
	int r = at ? find_disk(MESSAGE_ROOT_DISK, device, err)
		   : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = fd_make_dirs(at, err);
	if (r == 0 && mount(device, at, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		r = err_errno(err, "mount '%s' on '%s'", device, at);
	return r;
}

int serve_image(const struct trial_place *place, const json_t *arguments, struct tare_err *err)
{
	const json_t *about = json_object_get(arguments, "about");
	const char *layer = json_string_value(json_array_get(json_object_get(about, "layers"), 0));
	const char *name = json_string_or(arguments, "name", "");
	cleanup_free char *folder = NULL, *path = NULL;
	char store[STORED_PATH_SIZE];
	int r = stored_folder(place->box.cache_dir, store, err);

	if (r < 0)
		return r;
	if (!text_is_name(name) || !layer || strspn(layer, "0123456789abcdef") != strlen(layer))
		return err_set(err, EBADMSG, "image: no name of an image and its layer");
	folder = text_format("%s/names", store);
	path = folder ? text_format("%s/%s.json", folder, name) : NULL;
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	r = mount_disk(store, layer, err);
	if (r == 0)
		r = fd_make_dirs(folder, err);
	if (r == 0 && json_dump_file(about, path, JSON_COMPACT) < 0)
		r = err_errno(err, "write '%s'", path);
	return r;
}
