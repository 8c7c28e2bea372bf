/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "machine/vm/image.h"
#include "machine/vm/image_initramfs.h"
#include "made_elf.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";
static char cache[64], libexec[64], kernel[64];

static void put_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

static void put_program(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", libexec, name);
	put_text(path, text);
}

static void put_kernel(const char *mark)
{
	cleanup_close int fd = open(kernel, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct made_elf elf;

	made_elf_fill(&elf, mark, strlen(mark));
	assert_int_equal(fd_write_all(fd, &elf, sizeof(elf), NULL), 0);
}

static int ensure(struct image *ret)
{
	const struct image_config config = {
		.cache_dir = cache, .libexec_dir = libexec, .kernel = kernel};
	struct tare_err err = {0};
	int r = image_ensure(&config, ret, &err);

	if (r < 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return r;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static size_t count(const char *list)
{
	cleanup_json json_t *all = NULL;

	assert_int_equal(image_list(cache, &all, NULL), 0);
	return json_array_size(json_object_get(all, list));
}

static void an_image_is_made_once(void **state)
{
	struct image one, again;
	ino_t first;

	(void)state;
	put_kernel("one");
	assert_int_equal(ensure(&one), 0);
	first = inode_of(one.work_disk);
	assert_string_equal(one.kernel_release, "6.1.0-made");
	assert_int_equal(access(one.vmlinux, R_OK), 0);
	assert_int_equal(access(one.initrd, R_OK), 0);
	assert_int_equal(ensure(&again), 0);
	assert_string_equal(again.id, one.id);
	assert_int_equal(inode_of(again.work_disk), first);
	assert_int_equal(count("images"), 1);
	image_release(&one);
	image_release(&again);
}

static void what_changes_makes_another_image(void **state)
{
	struct image one, other_kernel, other_agent;

	(void)state;
	put_kernel("one");
	assert_int_equal(ensure(&one), 0);
	put_kernel("two");
	assert_int_equal(ensure(&other_kernel), 0);
	assert_string_not_equal(other_kernel.id, one.id);
	assert_string_not_equal(other_kernel.kernel_sha256, one.kernel_sha256);
	assert_string_equal(other_kernel.initrd_sha256, one.initrd_sha256);
	put_program("tare-agent", "another agent");
	assert_int_equal(ensure(&other_agent), 0);
	assert_string_not_equal(other_agent.id, other_kernel.id);
	assert_string_not_equal(other_agent.initrd_sha256, one.initrd_sha256);
	assert_string_equal(other_agent.kernel_sha256, other_kernel.kernel_sha256);
	assert_int_equal(count("images"), 3);
	assert_int_equal(count("kernels"), 2);
	image_release(&one);
	image_release(&other_kernel);
	image_release(&other_agent);
}

static void read_start(const char *path, char *buf, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd_read_all(fd, buf, size, NULL), 0);
}

static void an_image_made_again_has_the_same_bytes(void **state)
{
	const size_t size = 1 << 20; /* superblock, group descriptors, bitmaps, first inodes */
	cleanup_free char *first = malloc(size), *again = malloc(size);
	struct image one;
	char id[DIGEST_SIZE];

	(void)state;
	assert_int_equal(ensure(&one), 0);
	read_start(one.work_disk, first, size);
	memcpy(id, one.id, sizeof(id));
	image_release(&one);
	assert_int_equal(image_remove(cache, NULL, NULL), 0);
	assert_int_equal(count("images"), 0);
	/* The times in a filesystem are in seconds. */
	(void)nanosleep(&(const struct timespec){.tv_sec = 1}, NULL);
	assert_int_equal(ensure(&one), 0);
	read_start(one.work_disk, again, size);
	assert_string_equal(one.id, id);
	assert_memory_equal(first, again, size);
	image_release(&one);
}

static void a_damaged_image_is_made_again(void **state)
{
	struct stat st;
	struct image one;

	(void)state;
	assert_int_equal(ensure(&one), 0);
	assert_int_equal(truncate(one.vmlinux, 10), 0); /* a link to the kernel's own */
	assert_int_equal(truncate(one.initrd, 10), 0);
	image_release(&one);
	assert_int_equal(ensure(&one), 0);
	assert_int_equal(stat(one.vmlinux, &st), 0);
	assert_int_equal(st.st_size, sizeof(struct made_elf));
	assert_int_equal(stat(one.initrd, &st), 0);
	assert_in_range(st.st_size, 1000, 100000000);
	image_release(&one);
}

static void an_image_in_use_is_not_removed(void **state)
{
	struct image one;
	char id[DIGEST_SIZE];

	(void)state;
	assert_int_equal(ensure(&one), 0);
	memcpy(id, one.id, sizeof(id));
	assert_int_equal(image_remove(cache, id, NULL), -EBUSY);
	assert_int_equal(access(one.vmlinux, F_OK), 0);
	image_release(&one);
	assert_int_equal(image_remove(cache, id, NULL), 0);
	assert_int_equal(image_remove(cache, id, NULL), -ENOENT);
}

static void an_image_is_removed_by_the_beginning_of_its_id_if_there_is_one(void **state)
{
	cleanup_json json_t *all = NULL;
	const char *id, *name;
	struct image one;
	char begin[13];

	(void)state;
	assert_int_equal(image_remove(cache, NULL, NULL), 0);
	assert_int_equal(ensure(&one), 0);
	image_release(&one);
	assert_int_equal(image_list(cache, &all, NULL), 0);
	id = json_string_or(json_array_get(json_object_get(all, "images"), 0), "id", "");
	name = json_string_or(json_array_get(json_object_get(all, "kernels"), 0), "name", "");
	(void)snprintf(begin, sizeof(begin), "%.12s", id);
	assert_int_equal(strlen(begin), 12);
	assert_int_equal(image_remove(cache, "", NULL), -EINVAL);
	assert_int_equal(image_remove(cache, "..", NULL), -ENOENT);
	assert_int_equal(image_remove(cache, "../kernels", NULL), -EINVAL);
	assert_int_equal(image_remove(cache, "file", NULL), -ENOENT); /* kernels: whole names */
	assert_int_equal(count("images"), 1);
	assert_int_equal(image_remove(cache, begin, NULL), 0);
	assert_int_equal(count("images"), 0);
	assert_int_equal(count("kernels"), 1);
	assert_int_equal(image_remove(cache, name, NULL), 0);
	assert_int_equal(count("kernels"), 0);
}

static void an_ambiguous_beginning_removes_nothing(void **state)
{
	char path[160];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/guest/images/abc1", cache);
	assert_int_equal(fd_make_dirs(path, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/guest/images/abc2", cache);
	assert_int_equal(fd_make_dirs(path, NULL), 0);
	assert_int_equal(image_remove(cache, "abc", NULL), -EINVAL);
	assert_int_equal(count("images"), 2); /* listed although they are damaged */
	assert_int_equal(image_remove(cache, "abc1", NULL), 0);
	assert_int_equal(image_remove(cache, "abc", NULL), 0);
	assert_int_equal(count("images"), 0);
}

static void nothing_is_listed_where_there_is_no_cache(void **state)
{
	cleanup_json json_t *all = NULL;

	(void)state;
	assert_int_equal(image_list("/tmp/tare-unit-no-such-folder", &all, NULL), 0);
	assert_int_equal(json_array_size(json_object_get(all, "images")), 0);
	assert_int_equal(access("/tmp/tare-unit-no-such-folder", F_OK), -1);
}

static void two_processes_make_one_image(void **state)
{
	pid_t pids[2];
	char path[96];

	(void)state;
	assert_int_equal(image_remove(cache, NULL, NULL), 0);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct image one;

			_exit(ensure(&one) == 0 && access(one.initrd, F_OK) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < 2; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count("images"), 1);
	(void)snprintf(path, sizeof(path), "%s/guest/tare-image.image", cache);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_missing_program_or_kernel_is_named_and_leaves_nothing(void **state)
{
	struct image_config config = {
		.cache_dir = cache, .libexec_dir = "/nonexistent", .kernel = kernel};
	struct tare_err err = {0};
	struct image one;
	size_t before = count("images");

	(void)state;
	assert_int_equal(image_ensure(&config, &one, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "tare-agent"));
	err.code = 0;
	config.libexec_dir = libexec;
	config.kernel = "/nonexistent/vmlinuz";
	assert_int_equal(image_ensure(&config, &one, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/vmlinuz"));
	assert_int_equal(one.lock_fd, -1);
	assert_int_equal(count("images"), before);
}

static void add_text(struct image_initramfs *fs, const char *name, const char *text)
{
	struct image_bytes bytes = {.at = (unsigned char *)strdup(text), .size = strlen(text)};

	assert_int_equal(image_initramfs_add(fs, name, S_IFREG | 0644, &bytes, NULL), 0);
}

static void fill(struct image_initramfs *fs, bool backwards)
{
	static const char *const names[] = {"a", "b", "lib/x", "lib/y", "z"};

	for (size_t i = 0; i < 5; i++)
		add_text(fs, names[backwards ? 4 - i : i], names[backwards ? 4 - i : i]);
	assert_int_equal(image_initramfs_add(fs, "lib", S_IFDIR | 0755, NULL, NULL), 0);
}

static void the_same_files_are_the_same_initramfs(void **state)
{
	struct image_initramfs one = {0}, other = {0};
	cleanup_bytes struct image_bytes first = {0};
	cleanup_bytes struct image_bytes second = {0};

	(void)state;
	fill(&one, false);
	fill(&other, true);
	assert_int_equal(image_initramfs_pack(&one, &first, NULL), 0);
	(void)nanosleep(&(const struct timespec){.tv_sec = 1}, NULL);
	assert_int_equal(image_initramfs_pack(&other, &second, NULL), 0);
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.at, second.at, first.size);
	add_text(&one, "z", "again");
	assert_int_equal(image_initramfs_pack(&one, &second, NULL), -EEXIST);
	image_initramfs_clear(&one);
	image_initramfs_clear(&other);
}

static void an_initramfs_has_what_the_kernel_and_the_agent_need(void **state)
{
	struct image_initramfs fs = {0};
	cleanup_bytes struct image_bytes packed = {0};
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	char seen[1024] = "";
	size_t links = 0;

	(void)state;
	put_program("tare-agent", "an agent");
	assert_int_equal(image_initramfs_add_programs(&fs, libexec, NULL, NULL), 0);
	assert_int_equal(image_initramfs_pack(&fs, &packed, NULL), 0);
	assert_int_equal(archive_read_support_format_cpio(a), ARCHIVE_OK);
	assert_int_equal(archive_read_open_memory(a, packed.at, packed.size), ARCHIVE_OK);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(entry);
		char text[16] = "";

		if (archive_entry_filetype(entry) == AE_IFLNK) {
			assert_string_equal(archive_entry_symlink(entry), "busybox");
			links++;
			continue;
		}
		(void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ", name);
		if (strcmp(name, "dev/console") == 0) {
			assert_int_equal(archive_entry_mode(entry), S_IFCHR | 0600);
			assert_int_equal(archive_entry_rdevmajor(entry), 5);
			assert_int_equal(archive_entry_rdevminor(entry), 1);
		}
		if (strcmp(name, "init") == 0) {
			assert_int_equal(archive_entry_mode(entry), S_IFREG | 0755);
			assert_int_equal(archive_read_data(a, text, sizeof(text)), 8);
			assert_string_equal(text, "an agent");
		}
		assert_int_equal(archive_entry_mtime(entry), 0);
		assert_int_equal(archive_entry_uid(entry), 0);
	}
	(void)archive_read_free(a);
	image_initramfs_clear(&fs);
	assert_non_null(strstr(seen, "bin bin/"));
	/* sh, ls and the rest, where there is a busybox to be them. */
	assert_int_equal(links > 50, access("/bin/busybox", X_OK) == 0);
	assert_non_null(strstr(seen, "bin/tare-load dev dev/console etc init lib lib/modules proc "
				     "root run sys tmp work "));
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(cache, sizeof(cache), "%s/cache", folder);
	(void)snprintf(libexec, sizeof(libexec), "%s/libexec", folder);
	(void)snprintf(kernel, sizeof(kernel), "%s/vmlinux", folder);
	if (fd_make_dirs(libexec, NULL) < 0)
		return -1;
	put_program("tare-agent", "an agent");
	put_program("tare-load", "a load");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_made_once),
		cmocka_unit_test(what_changes_makes_another_image),
		cmocka_unit_test(an_image_made_again_has_the_same_bytes),
		cmocka_unit_test(a_damaged_image_is_made_again),
		cmocka_unit_test(an_image_in_use_is_not_removed),
		cmocka_unit_test(an_image_is_removed_by_the_beginning_of_its_id_if_there_is_one),
		cmocka_unit_test(an_ambiguous_beginning_removes_nothing),
		cmocka_unit_test(nothing_is_listed_where_there_is_no_cache),
		cmocka_unit_test(two_processes_make_one_image),
		cmocka_unit_test(a_missing_program_or_kernel_is_named_and_leaves_nothing),
		cmocka_unit_test(the_same_files_are_the_same_initramfs),
		cmocka_unit_test(an_initramfs_has_what_the_kernel_and_the_agent_need),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
