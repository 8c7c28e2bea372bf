/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/newfile.h"
#include "base/text.h"
#include "folder.h"

/* The only file in the folder is `name`, and it says `text`. */
static void assert_alone(const char *name, const char *text)
{
	cleanup_dir DIR *dir = opendir(folder);
	char said[64] = "";
	int dir_fd = dirfd(dir);
	const struct dirent *entry;

	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (entry->d_name[0] != '.')
			assert_string_equal(entry->d_name, name);
	}
	assert_true(fd_read_file(dir_fd, name, said, sizeof(said), NULL) >= 0);
	assert_string_equal(said, text);
}

static int with_old(void **state)
{
	cleanup_free char *path = text_format("%s/it", folder);
	FILE *f = fopen(path, "we");

	(void)state;
	(void)fputs("old", f);
	return fclose(f);
}

static int without(void **state)
{
	cleanup_free char *path = text_format("%s/it", folder);

	(void)state;
	return unlink(path);
}

static void the_new_takes_the_place_of_the_old_when_it_is_whole(void **state)
{
	cleanup_free char *path = text_format("%s/it", folder);
	cleanup_newfile struct newfile file = {0};
	char said[8] = "";

	(void)state;
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(newfile_open(path, &file, NULL), 0);
	(void)fputs("new", file.file);
	(void)fflush(file.file);
	assert_true(fd_read_file(-1, path, said, sizeof(said), NULL) > 0);
	assert_string_equal(said, "old");
	assert_int_equal(newfile_commit(&file, NULL), 0);
	newfile_drop(&file);
	assert_alone("it", "new");

	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void what_is_given_up_leaves_the_old(void **state)
{
	cleanup_free char *path = text_format("%s/it", folder);
	struct newfile file = {0};

	(void)state;
	assert_int_equal(newfile_check(path, NULL), 0);
	assert_alone("it", "old");
	assert_int_equal(newfile_open(path, &file, NULL), 0);
	(void)fputs("new", file.file);
	newfile_drop(&file);
	assert_alone("it", "old");
}

/* The kernel takes no byte beyond the limit, as a full disk takes none. */
static void a_disk_without_room_leaves_the_old(void **state)
{
	cleanup_free char *path = text_format("%s/it", folder);
	const struct rlimit small = {1, RLIM_INFINITY}, large = {RLIM_INFINITY, RLIM_INFINITY};
	cleanup_newfile struct newfile file = {0};
	struct tare_err err = {0};
	int r;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(newfile_open(path, &file, NULL), 0);
	(void)fputs("new", file.file);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	r = newfile_commit(&file, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &large), 0);
	assert_true(r < 0);
	assert_non_null(strstr(err.msg, path));
	newfile_drop(&file);
	assert_alone("it", "old");
}

static void a_link_stays_a_link(void **state)
{
	cleanup_free char *link = text_format("%s/link", folder);
	cleanup_newfile struct newfile file = {0};
	struct stat st;

	(void)state;
	assert_int_equal(symlink("it", link), 0);
	assert_int_equal(newfile_open(link, &file, NULL), 0);
	(void)fputs("new", file.file);
	assert_int_equal(newfile_commit(&file, NULL), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(unlink(link), 0);
	assert_alone("it", "new");
}

static void what_is_no_file_is_written_to_as_it_is(void **state)
{
	cleanup_newfile struct newfile file = {0};
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(newfile_check("/dev/full", NULL), 0);
	assert_int_equal(newfile_open("/dev/full", &file, NULL), 0);
	(void)fputs("new", file.file);
	assert_true(newfile_commit(&file, &err) < 0);
	assert_non_null(strstr(err.msg, "/dev/full"));
	assert_int_equal(newfile_check("/dev/full", NULL), 0);
}

static void what_cannot_be_written_is_refused_early(void **state)
{
	struct tare_err err = {0};

	(void)state;
	assert_true(newfile_check("/nonexistent/it", &err) < 0);
	assert_non_null(strstr(err.msg, "/nonexistent/it"));
	assert_true(newfile_check(folder, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_new_takes_the_place_of_the_old_when_it_is_whole,
						with_old, without),
		cmocka_unit_test_setup_teardown(what_is_given_up_leaves_the_old, with_old, without),
		cmocka_unit_test_setup_teardown(a_disk_without_room_leaves_the_old, with_old,
						without),
		cmocka_unit_test_setup_teardown(a_link_stays_a_link, with_old, without),
		cmocka_unit_test(what_is_no_file_is_written_to_as_it_is),
		cmocka_unit_test(what_cannot_be_written_is_refused_early),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
