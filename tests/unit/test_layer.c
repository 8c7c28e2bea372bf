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
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "image/layer.h"

struct scene {
	char folder[64];
	int dir_fd, tar_fd;
	struct archive *tar;
};

static int set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/tare-unit-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->dir_fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->tar_fd = memfd_create("layer", MFD_CLOEXEC);
	s->tar = archive_write_new();
	assert_int_equal(archive_write_set_format_pax_restricted(s->tar), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(s->tar, s->tar_fd), ARCHIVE_OK);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	(void)close(s->dir_fd);
	(void)close(s->tar_fd);
	(void)fd_remove_tree(s->folder, NULL);
	free(s);
	return 0;
}

/* A file, or a link to `symlink` or another name of `hardlink`; as whoever runs the test. */
static void add(struct scene *s, const char *path, const char *symlink, const char *hardlink)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, symlink ? AE_IFLNK : AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_uid(entry, geteuid());
	archive_entry_set_gid(entry, getegid());
	archive_entry_set_mtime(entry, 1700000000, 0);
	archive_entry_set_size(entry, 0);
	if (symlink)
		archive_entry_set_symlink(entry, symlink);
	if (hardlink)
		archive_entry_set_hardlink(entry, hardlink);
	assert_int_equal(archive_write_header(s->tar, entry), ARCHIVE_OK);
	archive_entry_free(entry);
}

static int unpack(struct scene *s, uint64_t entries, struct layer_totals *totals,
		  struct tare_err *err)
{
	struct image_limits limits = IMAGE_LIMITS;
	const struct layer_source source = {.fd = s->tar_fd, .packing = LAYER_PLAIN};
	char diff_id[DIGEST_SIZE];

	limits.entries = entries;
	assert_int_equal(archive_write_free(s->tar), ARCHIVE_OK);
	assert_int_equal(lseek(s->tar_fd, 0, SEEK_SET), 0);
	return layer_unpack(&source, &limits, s->dir_fd, totals, diff_id, err);
}

static struct stat look(const struct scene *s, const char *path)
{
	struct stat st;

	if (fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("'%s' is not there", path);
	return st;
}

static void folders_that_are_only_implied_count(void **state)
{
	struct layer_totals totals = {0};
	struct tare_err err = {0};

	add(*state, "a/b/c/d/e/f", NULL, NULL);
	assert_int_equal(unpack(*state, 5, &totals, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "more than 5 entries"));
}

static void folders_that_are_only_implied_have_always_the_same_time(void **state)
{
	struct layer_totals totals = {0};

	add(*state, "a/b/f", NULL, NULL);
	add(*state, "a/g", NULL, NULL);
	add(*state, "a/b/.wh.below", NULL, NULL);
	assert_int_equal(unpack(*state, 100, &totals, NULL), 0);
	assert_int_equal(totals.entries, 5);
	assert_int_equal(look(*state, "a").st_mtime, 0);
	assert_int_equal(look(*state, "a/b").st_mtime, 0);
	assert_int_equal(look(*state, "a/b/f").st_mtime, 1700000000);
}

static void a_hard_link_is_the_same_file(void **state)
{
	struct layer_totals totals = {0};

	add(*state, "first", NULL, NULL);
	add(*state, "second", NULL, "first");
	assert_int_equal(unpack(*state, 100, &totals, NULL), 0);
	assert_int_equal(look(*state, "first").st_ino, look(*state, "second").st_ino);
}

static void a_hard_link_to_a_link_is_a_link_of_its_own(void **state)
{
	struct scene *s = *state;
	struct layer_totals totals = {0};
	char text[16] = "";

	add(s, "link", "/no/where", NULL);
	add(s, "again", NULL, NULL);
	add(s, "again", NULL, "link");
	add(s, "link", NULL, "link");
	assert_int_equal(unpack(s, 100, &totals, NULL), 0);
	assert_int_equal(look(s, "link").st_nlink, 1);
	assert_int_equal(look(s, "again").st_nlink, 1);
	assert_int_equal(look(s, "again").st_mtime, 1700000000);
	assert_int_equal(readlinkat(s->dir_fd, "again", text, sizeof(text)), 9);
	assert_memory_equal(text, "/no/where", 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folders_that_are_only_implied_count, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			folders_that_are_only_implied_have_always_the_same_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_hard_link_is_the_same_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_hard_link_to_a_link_is_a_link_of_its_own, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
