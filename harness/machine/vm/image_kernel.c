/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_kernel.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/vm/image_bytes.h"
#include "machine/vm/image_cache.h"
#include "machine/vm/image_debian.h"
#include "machine/vm/image_vmlinux.h"

#define KERNEL_TMP "kernel"
#define UML_MAX    ((size_t)256 << 20)

void image_kernel_clear(struct image_kernel *kernel)
{
	free(kernel->name);
	free(kernel->vmlinux);
	free(kernel->modules);
	*kernel = (struct image_kernel){0};
}

static bool is_folder(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* lib/modules/RELEASE below a folder; NULL: there is none, or no memory. */
static char *find_modules(const char *above, const char *release)
{
	char *path = text_format("%s/lib/modules/%s/kernel", above, release);

	if (!is_folder(path)) {
		free(path);
		return NULL;
	}
	path[strlen(path) - strlen("/kernel")] = '\0';
	return path;
}

/* What a folder of the cache holds. -ENOENT, -EBADMSG: it has to be made (again). */
static int load(const char *cache_dir, const char *name, struct image_kernel *ret,
		struct tare_err *err)
{
	cleanup_free char *folder = image_cache_path(cache_dir, IMAGE_KERNELS, name);
	cleanup_free char *vmlinux = text_format("%s/vmlinux", folder ? folder : "");
	cleanup_json json_t *about = NULL;
	const char *release, *sha256;
	struct stat st;
	int r;

	if (!folder || !vmlinux)
		return err_set(err, ENOMEM, "out of memory");
	r = image_cache_read(folder, "kernel.json", IMAGE_KERNEL_SCHEMA, &about, err);
	if (r < 0 || (r = json_read_string(about, "release", &release, err)) < 0 ||
	    (r = json_read_string(about, "sha256", &sha256, err)) < 0)
		return r;
	if (stat(vmlinux, &st) < 0 || (uint64_t)st.st_size != json_u64_or(about, "bytes", 0))
		return err_set(err, EBADMSG, "'%s' is not as it was made", vmlinux);
	struct image_kernel kernel = {
		.name = strdup(name),
		.vmlinux = take_pointer(vmlinux),
		.modules = find_modules(folder, release),
		.bytes = (uint64_t)st.st_size,
	};

	(void)snprintf(kernel.release, sizeof(kernel.release), "%s", release);
	(void)snprintf(kernel.sha256, sizeof(kernel.sha256), "%s", sha256);
	if (!kernel.name) {
		image_kernel_clear(&kernel);
		return err_set(err, ENOMEM, "out of memory");
	}
	*ret = kernel;
	return 0;
}

/* User-Mode Linux is a program, to be executed as it is. */
static int read_kernel(const struct image_config *config, const char *image,
		       struct image_bytes *ret, struct tare_err *err)
{
	return config->uml ? image_bytes_read(image, UML_MAX, ret, err)
			   : image_vmlinux_read(image, ret, err);
}

/* vmlinux and kernel.json into a folder. source is taken. */
static int fill(const struct image_config *config, const char *folder, const char *image,
		json_t *taken_source, struct tare_err *err)
{
	cleanup_json json_t *source = taken_source;
	cleanup_free char *vmlinux = text_format("%s/vmlinux", folder);
	cleanup_bytes struct image_bytes bytes = {0};
	cleanup_json json_t *about = NULL;
	char release[IMAGE_RELEASE_SIZE], sha256[DIGEST_SIZE];
	int r = read_kernel(config, image, &bytes, err);

	if (r < 0 || (r = image_vmlinux_release(&bytes, release, sizeof(release), err)) < 0 ||
	    (r = digest_bytes(bytes.at, bytes.size, sha256, err)) < 0)
		return r;
	about = json_pack("{s:s, s:s, s:s, s:I, s:O}", "schema", IMAGE_KERNEL_SCHEMA, "release",
			  release, "sha256", sha256, "bytes", (json_int_t)bytes.size, "source",
			  source);
	if (!vmlinux || !about)
		return err_set(err, ENOMEM, "out of memory");
	r = image_bytes_write(&bytes, vmlinux, err);
	if (r == 0 && config->uml && chmod(vmlinux, 0755) < 0)
		r = err_errno(err, "chmod '%s'", vmlinux);
	return r < 0 ? r : image_cache_write(folder, "kernel.json", about, err);
}

static int move_modules(const char *package, const char *folder, struct tare_err *err)
{
	/* Where /lib is a link to /usr/lib, packages have it there. */
	static const char *const places[] = {"lib/modules", "usr/lib/modules",
					     "usr/lib/uml/modules"};
	cleanup_free char *lib = text_format("%s/lib", folder);
	cleanup_free char *to = text_format("%s/lib/modules", folder);
	int r = lib && to ? fd_make_dirs(lib, err) : err_set(err, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		cleanup_free char *from = text_format("%s/%s", package, places[i]);

		if (from && rename(from, to) == 0)
			return 0;
	}
	return err_set(err, EBADMSG, "the kernel's package has no lib/modules");
}

/* From the package, unpacked at TEMP/root, to the cache. */
static int make_debian(const struct image_config *config, const struct image_debian *debian,
		       const char *temp, const char *name, struct tare_err *err)
{
	cleanup_free char *root = text_format("%s/root", temp);
	cleanup_free char *made = text_format("%s/made", temp);
	cleanup_free char *target = image_cache_path(config->cache_dir, IMAGE_KERNELS, name);
	cleanup_free char *kernel = config->uml
					    ? text_format("%s/root/usr/bin/linux.uml", temp)
					    : text_format("%s/root/boot/vmlinuz-%s", temp,
							  debian->package + strlen("linux-image-"));
	int r;

	if (!root || !made || !target || !kernel)
		return err_set(err, ENOMEM, "out of memory");
	if ((r = image_debian_unpack(config, debian, temp, err)) < 0 ||
	    (r = fd_make_dirs(made, err)) < 0)
		return r;
	r = fill(config, made, kernel,
		 json_pack("{s:s, s:s}", "package", debian->package, "version", debian->version),
		 err);
	if (r == 0)
		r = move_modules(root, made, err);
	return r < 0 ? r : image_cache_finish(made, target, err);
}

char *image_kernel_default_link(const struct image_config *config)
{
	return image_cache_path(config->cache_dir, IMAGE_KERNELS,
				config->uml ? "default-uml" : "default");
}

static int set_default(const struct image_config *config, const char *name, struct tare_err *err)
{
	cleanup_free char *link = image_kernel_default_link(config);
	cleanup_free char *made = text_format("%s/guest/" IMAGE_KERNELS "/.new", config->cache_dir);

	if (!link || !made)
		return err_set(err, ENOMEM, "out of memory");
	/* Under the lock: what has that name was left behind. */
	if ((unlink(made) < 0 && errno != ENOENT) || symlink(name, made) < 0 ||
	    rename(made, link) < 0)
		return err_errno(err, "make the link '%s'", link);
	return 0;
}

static int load_default(const struct image_config *config, struct image_kernel *ret)
{
	cleanup_free char *link = image_kernel_default_link(config);
	char name[NAME_MAX + 1];
	ssize_t n = link ? readlink(link, name, sizeof(name) - 1) : -1;

	if (n < 0)
		return -ENOENT;
	name[n] = '\0';
	return strchr(name, '/') ? -EBADMSG : load(config->cache_dir, name, ret, NULL);
}

static int ensure_debian(const struct image_config *config, struct image_kernel *ret,
			 struct tare_err *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *temp = NULL;
	struct image_debian debian;
	int r, r_left;

	/* Without being asked for it, a run does not change the kernel under the user's feet. */
	if (!config->newest && load_default(config, ret) == 0)
		return 0;
	r = image_debian_find(config, &debian, err);
	if (r < 0)
		return r;
	name = text_format("%s_%s", debian.package, debian.version);
	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	if (load(config->cache_dir, name, ret, NULL) == 0)
		return set_default(config, name, err);
	r = image_cache_begin(config->cache_dir, KERNEL_TMP, config->journal, &temp, err);
	if (r < 0)
		return r;
	r = make_debian(config, &debian, temp, name, err);
	r_left = fd_remove_tree(temp, r < 0 ? NULL : err);
	if (r < 0 || r_left < 0)
		return r < 0 ? r : r_left;
	r = load(config->cache_dir, name, ret, err);
	return r < 0 ? r : set_default(config, name, err);
}

static int make_file(const struct image_config *config, const char *name, struct tare_err *err)
{
	cleanup_free char *target = image_cache_path(config->cache_dir, IMAGE_KERNELS, name);
	cleanup_free char *temp = NULL;
	int r;

	if (!target)
		return err_set(err, ENOMEM, "out of memory");
	if (config->say)
		config->say("unpacking the kernel", config->context);
	r = image_cache_begin(config->cache_dir, KERNEL_TMP, config->journal, &temp, err);
	if (r < 0)
		return r;
	r = fill(config, temp, config->kernel, json_pack("{s:s}", "file", config->kernel), err);
	if (r == 0)
		r = image_cache_finish(temp, target, err);
	if (r < 0)
		(void)fd_remove_tree(temp, NULL);
	return r;
}

/* Beside it, or, for /boot/vmlinuz, in the folder above; /usr/lib/modules/RELEASE/vmlinuz is itself
 * where they are. */
static int find_file_modules(const char *kernel, const char *release, char **ret,
			     struct tare_err *err)
{
	char folder[PATH_MAX];

	if (!realpath(kernel, folder))
		return err_errno(err, "kernel '%s'", kernel);
	for (int up = 0; up < 4 && !*ret; up++) {
		char *slash = strrchr(folder, '/');

		if (!slash)
			break;
		*slash = '\0';
		*ret = find_modules(folder, release);
	}
	return 0;
}

static int ensure_file(const struct image_config *config, struct image_kernel *ret,
		       struct tare_err *err)
{
	char sha256[DIGEST_SIZE], name[32];
	int r = digest_file(config->kernel, sha256, err);

	if (r < 0)
		return err_wrap(err, r, "kernel");
	(void)snprintf(name, sizeof(name), "file-%.16s", sha256);
	if (load(config->cache_dir, name, ret, NULL) < 0) {
		r = make_file(config, name, err);
		if (r == 0)
			r = load(config->cache_dir, name, ret, err);
		if (r < 0)
			return r;
	}
	/* Not kept: another folder may have the same kernel with other modules. */
	r = find_file_modules(config->kernel, ret->release, &ret->modules, err);
	if (r < 0)
		image_kernel_clear(ret);
	return r;
}

static int check_release(const char *path, const char *release, struct tare_err *err)
{
	cleanup_bytes struct image_bytes bytes = {0};
	char found[IMAGE_RELEASE_SIZE];
	int r = image_vmlinux_read(path, &bytes, err);

	if (r < 0 || (r = image_vmlinux_release(&bytes, found, sizeof(found), err)) < 0)
		return err_wrap(err, r, "kernel=host");
	if (strcmp(found, release) != 0)
		return err_set(err, ENOTSUP,
			       "kernel=host: '%s' is of Linux %s, and %s is running: give a "
			       "kernel's file, kernel=PATH",
			       path, found, release);
	return 0;
}

int image_kernel_of_host(const char *root, const char *release, char **ret, struct tare_err *err)
{
	static const struct {
		const char *before, *after;
	} places[] = {{"/boot/vmlinuz-", ""}, {"/lib/modules/", "/vmlinuz"}};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		cleanup_free char *path =
			text_format("%s%s%s%s", root, places[i].before, release, places[i].after);
		int r;

		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		if (access(path, R_OK) < 0)
			continue;
		r = check_release(path, release, err);
		if (r == 0)
			*ret = take_pointer(path);
		return r;
	}
	return err_set(err, ENOTSUP,
		       "kernel=host: neither %s/boot/vmlinuz-%s nor %s/lib/modules/%s/vmlinuz can "
		       "be read: give a kernel's file, kernel=PATH",
		       root, release, root, release);
}

int image_kernel_ensure(const struct image_config *config, struct image_kernel *ret,
			struct tare_err *err)
{
	*ret = (struct image_kernel){0};
	return config->kernel ? ensure_file(config, ret, err) : ensure_debian(config, ret, err);
}
