/* SPDX-License-Identifier: MIT */
/* Work folders: lent to one at a time, kept when untouched, removed when anything about them is not
 * as it was, whoever died with them. */
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "kernel/scratch.h"

static char base[] = "/tmp/tare-unit-XXXXXX";
static char parent[64];

static int take(char path[SCRATCH_PATH_SIZE])
{
	struct tare_err err = {0};
	int fd = scratch_take(parent, path, &err);

	if (fd < 0)
		fail_msg("%s", err.msg);
	return fd;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void each_is_lent_to_one_and_kept_untouched(void **state)
{
	char a[SCRATCH_PATH_SIZE], b[SCRATCH_PATH_SIZE], c[SCRATCH_PATH_SIZE];
	int first = take(a), second = take(b), again;
	struct stat st;
	ino_t was;

	(void)state;
	assert_string_not_equal(a, b);
	assert_int_equal(stat(a, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	was = inode_of(a);
	assert_int_equal(scratch_give_back(first, a, NULL), 0);
	again = take(c);
	assert_string_equal(a, c);
	assert_int_equal(inode_of(c), was);
	assert_int_equal(scratch_give_back(again, c, NULL), 0);
	assert_int_equal(scratch_give_back(second, b, NULL), 0);
}

static void put_in(const char *path)
{
	char file[SCRATCH_PATH_SIZE + 8];

	(void)snprintf(file, sizeof(file), "%s/.hid", path);
	assert_int_equal(mkdir(file, 0700), 0);
}

static void open_less(const char *path)
{
	assert_int_equal(chmod(path, 0755), 0);
}

static void mark(const char *path)
{
	if (setxattr(path, "user.tare", "x", 1, 0) < 0)
		skip();
}

static void slow_down(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), flags = 0;

	assert_true(fd >= 0);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		skip();
	flags |= FS_SYNC_FL;
	assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &flags), 0);
	(void)close(fd);
}

static void (*const changes[])(const char *) = {put_in, open_less, mark, slow_down};
#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

static void a_changed_one_is_removed_when_given_back(void **state)
{
	char path[SCRATCH_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < N_CHANGES; i++) {
		int fd = take(path);

		changes[i](path);
		assert_int_equal(scratch_give_back(fd, path, NULL), 0);
		assert_int_equal(inode_of(path), 0);
	}
}

/* Somebody who is killed with a folder of that change. */
static void die_with(void (*change)(const char *))
{
	char path[SCRATCH_PATH_SIZE];
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (scratch_take(parent, path, NULL) >= 0)
			change(path);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void after_a_death_the_next_one_gets_a_new_one(void **state)
{
	char path[SCRATCH_PATH_SIZE];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < N_CHANGES; i++) {
		int fd;

		die_with(changes[i]);
		fd = take(path);
		assert_int_equal(rmdir(path), 0); /* empty */
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 01777);
		assert_true(flistxattr(fd, NULL, 0) <= 0);
		assert_int_equal(scratch_give_back(fd, path, NULL), 0);
	}
}

static void count(const char *path, void *context)
{
	assert_non_null(strstr(path, parent));
	(*(int *)context)++;
}

static void a_sweep_removes_what_the_dead_left_and_nothing_else(void **state)
{
	char held[SCRATCH_PATH_SIZE], kept[SCRATCH_PATH_SIZE];
	int fd = take(held), other = take(kept), n = 0;

	(void)state;
	put_in(held);
	assert_int_equal(scratch_give_back(other, kept, NULL), 0);
	assert_int_equal(scratch_sweep(parent, count, &n, NULL), 0);
	assert_int_equal(n, 0);
	die_with(put_in);
	assert_int_equal(scratch_sweep(parent, count, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_not_equal(inode_of(held), 0);
	assert_int_equal(scratch_give_back(fd, held, NULL), 0);
	assert_int_equal(scratch_sweep("/nonexistent/folder", count, &n, NULL), 0);
}

/* A folder that was once long is another kind of folder to the filesystem. */
static void a_parent_that_has_grown_does_not_matter(void **state)
{
	char path[SCRATCH_PATH_SIZE];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 400; i++) {
			(void)snprintf(path, sizeof(path), "%s/x%0200d", parent, i);
			if (round == 0)
				assert_int_equal(mkdir(path, 0700), 0);
			else
				assert_int_equal(rmdir(path), 0);
		}
	for (int i = 0; i < 2; i++)
		assert_int_equal(scratch_give_back(take(path), path, NULL), 0);
	assert_int_not_equal(inode_of(path), 0);
}

static void a_crowd_is_not_kept(void **state)
{
	enum { CROWD = 40 };
	static char paths[CROWD][SCRATCH_PATH_SIZE];
	int fds[CROWD], left = 0;

	(void)state;
	for (int i = 0; i < CROWD; i++)
		fds[i] = take(paths[i]);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(scratch_give_back(fds[i], paths[i], NULL), 0);
	for (int i = 0; i < CROWD; i++)
		left += inode_of(paths[i]) != 0;
	assert_in_range(left, 1, CROWD - 1);
}

static void a_parent_that_cannot_be_had_is_an_error(void **state)
{
	char path[SCRATCH_PATH_SIZE];
	struct tare_err err = {0};

	(void)state;
	assert_true(scratch_take("/proc/self/work", path, &err) < 0);
	assert_non_null(strstr(err.msg, "/proc/self/work"));
}

static int make_base(void **state)
{
	(void)state;
	if (!mkdtemp(base))
		return -1;
	(void)snprintf(parent, sizeof(parent), "%s/cache/work", base);
	return 0;
}

static int remove_base(void **state)
{
	(void)state;
	return fd_remove_tree(base, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_lent_to_one_and_kept_untouched),
		cmocka_unit_test(a_changed_one_is_removed_when_given_back),
		cmocka_unit_test(after_a_death_the_next_one_gets_a_new_one),
		cmocka_unit_test(a_sweep_removes_what_the_dead_left_and_nothing_else),
		cmocka_unit_test(a_parent_that_has_grown_does_not_matter),
		cmocka_unit_test(a_crowd_is_not_kept),
		cmocka_unit_test(a_parent_that_cannot_be_had_is_an_error),
	};

	return cmocka_run_group_tests_name("scratch", tests, make_base, remove_base);
}
