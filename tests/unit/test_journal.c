/* SPDX-License-Identifier: MIT */
/* Runs that end well, that are killed, and journals that lie. What needs root is skipped
 * without it. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup_tree.h"
#include "kernel/journal.h"
#include "kernel/journal_undo.h"

#define WAIT_MS 10000

static char folder[] = "/tmp/tare-unit-XXXXXX";
static char runtime[64], temp[64], outside[64];
static struct cgroup_layout layout;

static char *make_file(const char *parent, const char *name)
{
	static char path[256];
	cleanup_close int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", parent, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return path;
}

static bool is_there(const char *parent, const char *name)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", parent, name);
	return lstat(path, &st) == 0;
}

/* What a run has, for the test to look for. */
struct things {
	char run[JOURNAL_NAME_SIZE];
	char group[80]; /* empty without root */
	char path[256];
	pid_t sleeper;
};

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)execlp("sleep", "sleep", "60", NULL);
		_exit(127);
	}
	return pid;
}

static struct journal *make_run(struct things *ret, struct cgroup **ret_cgroup)
{
	struct journal *journal = NULL;
	struct tare_err err = {0};

	*ret_cgroup = NULL;
	*ret = (struct things){0};
	if (journal_open(&journal, &err) < 0)
		fail_msg("%s", err.msg);
	(void)snprintf(ret->run, sizeof(ret->run), "%s", journal_name(journal));
	(void)snprintf(ret->path, sizeof(ret->path), "%s/work-%s", temp, ret->run);
	assert_int_equal(journal_note(journal, JOURNAL_PATH, ret->path, NULL), 0);
	assert_int_equal(mkdir(ret->path, 0700), 0);
	(void)make_file(ret->path, "inside");
	ret->sleeper = start_sleeper();
	assert_int_equal(journal_note_process(journal, ret->sleeper, "sleep", NULL), 0);
	if (geteuid() != 0)
		return journal;
	(void)snprintf(ret->group, sizeof(ret->group), "tare-%s-1", ret->run);
	if (cgroup_create(&layout, ret->group, CGROUP_BIT(CGROUP_PIDS) | CGROUP_BIT(CGROUP_FREEZER),
			  journal, ret_cgroup, &err) < 0 ||
	    cgroup_join(*ret_cgroup, ret->sleeper, &err) < 0)
		fail_msg("%s", err.msg);
	return journal;
}

static size_t count_group(const char *name)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	size_t n = cgroup_layout_mounts(&layout, mounts), found = 0;

	for (size_t i = 0; i < n; i++)
		found += is_there(mounts[i]->mount, name);
	return found;
}

static _Noreturn void doomed_main(int tell)
{
	struct cgroup *cgroup;
	struct things things;
	int version, fd;

	(void)make_run(&things, &cgroup);
	/* Hard to take down: a frozen process. */
	if (cgroup && (fd = cgroup_controller_fd(cgroup, CGROUP_FREEZER, &version)) >= 0)
		(void)fd_write_file(fd, version == 1 ? "freezer.state" : "cgroup.freeze",
				    version == 1 ? "FROZEN" : "1", NULL);
	(void)fd_write_all(tell, &things, sizeof(things), NULL);
	for (;;)
		(void)pause();
}

/* A run whose tare was killed with -9. */
static struct things make_dead_run(void)
{
	struct things things;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		doomed_main(ends[1]);
	(void)close(ends[1]);
	assert_int_equal(fd_read_all(ends[0], &things, sizeof(things), NULL), 0);
	(void)close(ends[0]);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return things;
}

static struct journal_cleaned clean(int expected, char *ret_why, size_t size)
{
	struct journal_cleaned cleaned = {0};
	struct tare_err err = {0};
	int r = journal_clean(&cleaned, NULL, NULL, &err);

	if (r != expected)
		fail_msg("%d: %s", r, err.msg);
	if (ret_why)
		(void)snprintf(ret_why, size, "%s", err.msg);
	return cleaned;
}

static void a_killed_run_is_taken_down_and_a_living_one_left_alone(void **state)
{
	struct cgroup *cgroup;
	struct things living, dead = make_dead_run();
	struct journal *journal = make_run(&living, &cgroup);
	int pidfd = pidfd_open(dead.sleeper, 0);
	struct journal_cleaned cleaned;
	size_t groups = cgroup ? count_group(living.group) : 0;

	(void)state;
	assert_true(pidfd >= 0);
	assert_true(is_there(runtime, dead.run));
	cleaned = clean(0, NULL, 0);
	assert_int_equal(cleaned.runs, 1);
	assert_int_equal(cleaned.alive, 1);
	assert_int_equal(cleaned.things, cgroup ? 3 : 2);
	assert_false(is_there(runtime, dead.run));
	assert_int_not_equal(access(dead.path, F_OK), 0);
	assert_int_equal(fd_wait_readable(pidfd, WAIT_MS, NULL), 1);
	(void)close(pidfd);
	if (cgroup)
		assert_int_equal(count_group(dead.group), 0);

	assert_true(is_there(runtime, living.run));
	assert_int_equal(access(living.path, F_OK), 0);
	assert_int_equal(waitpid(living.sleeper, NULL, WNOHANG), 0);
	if (cgroup)
		assert_int_equal(count_group(living.group), groups);

	/* Its own end takes the same things down, whether the run has done it before or not. */
	if (cgroup)
		assert_int_equal(cgroup_kill(cgroup, WAIT_MS, NULL), 0);
	assert_int_equal(cgroup_destroy(cgroup, NULL), 0);
	assert_int_equal(journal_close(journal, NULL), 0);
	assert_false(is_there(runtime, living.run));
	assert_int_not_equal(access(living.path, F_OK), 0);
	assert_int_equal(waitpid(living.sleeper, NULL, 0), living.sleeper);
	cleaned = clean(0, NULL, 0);
	assert_int_equal(cleaned.runs + cleaned.alive + cleaned.things, 0);
}

/* The name of a run of this folder that nobody has. */
static void name_dead_run(char ret[JOURNAL_NAME_SIZE])
{
	struct journal_places places;
	static unsigned int n;

	assert_int_equal(journal_places_read(&places, true, NULL), 0);
	(void)snprintf(ret, JOURNAL_NAME_SIZE, "20010101-000000-%s%04x", places.mark, n++);
}

static void make_dead_journal(char ret_run[JOURNAL_NAME_SIZE], const char *text)
{
	cleanup_close int fd = -1;

	name_dead_run(ret_run);
	fd = open(make_file(runtime, ret_run), O_WRONLY | O_CLOEXEC);
	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

static void a_run_that_died_in_its_first_moments_is_cleaned(void **state)
{
	char with_folder[JOURNAL_NAME_SIZE], empty[JOURNAL_NAME_SIZE], torn[JOURNAL_NAME_SIZE];
	char text[256], folder_of[160];

	(void)state;
	(void)make_file(temp, "torn");
	(void)make_file(temp, "whole");
	(void)snprintf(text, sizeof(text), "path %s/whole\npath %s/torn", temp, temp);
	make_dead_journal(with_folder, "");
	(void)snprintf(folder_of, sizeof(folder_of), "%s/%s.d", runtime, with_folder);
	assert_int_equal(mkdir(folder_of, 0700), 0);
	(void)make_file(folder_of, "socket");
	make_dead_journal(empty, "");
	make_dead_journal(torn, text);
	assert_int_equal(clean(0, NULL, 0).runs, 3);
	assert_false(is_there(runtime, with_folder));
	assert_int_not_equal(access(folder_of, F_OK), 0);
	assert_false(is_there(runtime, empty));
	assert_false(is_there(runtime, torn));
	assert_false(is_there(temp, "whole"));
	assert_true(is_there(temp, "torn"));
}

static void what_is_not_the_runs_own_may_not_be_noted(void **state)
{
	static const struct {
		enum journal_kind kind;
		const char *argument;
	} refused[] = {
		{JOURNAL_PATH, "/"},
		{JOURNAL_PATH, "/etc"},
		{JOURNAL_PATH, "/etc/tare-notes"},
		{JOURNAL_PATH, "relative"},
		{JOURNAL_PATH, ""},
		{JOURNAL_MOUNT, "/proc"},
		{JOURNAL_CGROUP, "system.slice"},
		{JOURNAL_CGROUP, "tare-a/../../b"},
		{JOURNAL_CGROUP, "tare-20010101-000000-abcd-1"},
		{JOURNAL_LINK, "lo"},
		{JOURNAL_LOOP, "/dev/vda"},
		{JOURNAL_LOOP, "/dev/loop-control"},
		{JOURNAL_SETTING, "/proc/sys/kernel/core_pattern\t|/x"},
		{JOURNAL_SETTING, "/sys/devices/system/cpu/../../../block\t1"},
		{JOURNAL_SETTING, "/proc/sys/kernel/randomize_va_space"},
		{JOURNAL_PROCESS, "1 1 init"},
		{JOURNAL_PROCESS, "-1 1 all"},
	};
	struct journal *journal = NULL;
	char path[200];

	(void)state;
	assert_int_equal(journal_open(&journal, NULL), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct tare_err err = {0};

		if (journal_note(journal, refused[i].kind, refused[i].argument, &err) != -EPERM)
			fail_msg("taken: %s", refused[i].argument);
		assert_true(err.msg[0]);
	}
	assert_int_equal(journal_note(journal, JOURNAL_PATH, "/tmp/a\npath /etc", NULL), -EINVAL);
	assert_int_equal(journal_note(NULL, JOURNAL_PATH, "/etc", NULL), 0);
	/* Anywhere, when the name says whose it is. */
	(void)snprintf(path, sizeof(path), "%s/tare-%s-disk", outside, journal_name(journal));
	assert_int_equal(journal_note(journal, JOURNAL_PATH, path, NULL), 0);
	(void)make_file(outside, strrchr(path, '/') + 1);
	(void)snprintf(path, sizeof(path), "%s/.tare-%s-1.disk", outside, journal_name(journal));
	assert_int_equal(journal_note(journal, JOURNAL_PATH, path, NULL), 0);
	(void)make_file(outside, strrchr(path, '/') + 1);
	assert_int_equal(journal_close(journal, NULL), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void a_lying_journal_removes_nothing_of_others(void **state)
{
	char run[JOURNAL_NAME_SIZE], link[160], why[252];
	cleanup_free char *text = NULL;
	struct cgroup *cgroup;
	struct things living;
	struct journal *journal = make_run(&living, &cgroup);
	pid_t child = start_sleeper();
	uint64_t start;

	(void)state;
	(void)make_file(outside, "victim");
	(void)make_file(temp, "mine");
	(void)snprintf(link, sizeof(link), "%s/link", temp);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(journal_start_time(child, &start, NULL), 0);
	assert_true(asprintf(&text,
			     "path %s/mine\n"
			     "path %s/victim\npath %s/../outside/victim\npath %s/link/victim\n"
			     "path %s/./../outside\npath %s//mine2\npath %s\npath %s\npath %s/%s\n"
			     "path %s\npath /\npath \npath\n\nmount /proc\nmount %s\n"
			     "cgroup %s\ncgroup ..\ncgroup tare-/..\nprocess %d %llu sleep\n"
			     "process 1 1 init\nprocess -1 0 x\nprocess 99999999999 1 x\n"
			     "link lo\nloop /dev/vda\nsetting /etc/passwd\tx\nsetting x\n"
			     "setting /proc/sys/kernel/core_pattern\tx\nbogus %s/victim\n",
			     temp, outside, temp, temp, temp, temp, temp, runtime, runtime,
			     living.run, living.path, outside, cgroup ? living.group : "x",
			     (int)child, (unsigned long long)start + 1, outside) > 0);
	make_dead_journal(run, text);
	assert_int_equal(clean(-EBADMSG, why, sizeof(why)).runs, 1);
	assert_non_null(strstr(why, "a line that starts with"));

	assert_false(is_there(temp, "mine")); /* the rest is undone nevertheless */
	assert_false(is_there(runtime, run));
	assert_true(is_there(outside, "victim"));
	assert_true(is_there(temp, "link"));
	assert_true(is_there(runtime, living.run));
	assert_int_equal(access(living.path, F_OK), 0);
	assert_int_equal(waitpid(living.sleeper, NULL, WNOHANG), 0);
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	if (cgroup)
		assert_true(count_group(living.group) > 0);

	assert_int_equal(unlink(link), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	if (cgroup)
		assert_int_equal(cgroup_kill(cgroup, WAIT_MS, NULL), 0);
	assert_int_equal(cgroup_destroy(cgroup, NULL), 0);
	assert_int_equal(journal_close(journal, NULL), 0);
	assert_int_equal(waitpid(living.sleeper, NULL, 0), living.sleeper);
}

static void a_link_in_the_runs_tree_is_not_followed(void **state)
{
	struct journal *journal = NULL;
	char path[200], link[240];

	(void)state;
	(void)make_file(outside, "victim");
	assert_int_equal(journal_open(&journal, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/tree", journal_dir(journal, NULL));
	assert_int_equal(journal_note(journal, JOURNAL_PATH, path, NULL), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(link, sizeof(link), "%s/link", path);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(journal_close(journal, NULL), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_true(is_there(outside, "victim"));
}

static void leftover_names_go_unless_they_are_somebody_elses(void **state)
{
	char dead[JOURNAL_NAME_SIZE], name[128], other[256], alive[128];
	struct journal *journal = NULL;
	struct cgroup *cgroup = NULL;

	(void)state;
	name_dead_run(dead);
	assert_int_equal(journal_open(&journal, NULL), 0);
	(void)snprintf(name, sizeof(name), "tare-%s-1", dead);
	(void)snprintf(alive, sizeof(alive), "tare-%s-1", journal_name(journal));
	(void)make_file(temp, name);
	(void)make_file(temp, alive);
	(void)make_file(temp, "tare-notes");
	(void)make_file(temp, "tare-20010101-000000-abcd"); /* of /run/tare */
	if (geteuid() == 0)
		assert_int_equal(
			cgroup_create(&layout, name, CGROUP_BIT(CGROUP_PIDS), NULL, &cgroup, NULL),
			0);
	assert_int_equal(clean(0, NULL, 0).things, cgroup ? 2 : 1);
	assert_false(is_there(temp, name));
	assert_true(is_there(temp, alive));
	assert_true(is_there(temp, "tare-notes"));
	assert_true(is_there(temp, "tare-20010101-000000-abcd"));
	assert_int_equal(count_group(name), 0);
	assert_int_equal(cgroup_destroy(cgroup, NULL), 0); /* gone already is fine */
	assert_int_equal(journal_close(journal, NULL), 0);
	(void)snprintf(other, sizeof(other), "%s/%s", temp, alive);
	assert_int_equal(unlink(other), 0);
}

static void names_have_a_form(void **state)
{
	char run[JOURNAL_NAME_SIZE];

	(void)state;
	assert_true(journal_name_of("tare-20261123-190211-3f2a", run));
	assert_string_equal(run, "20261123-190211-3f2a");
	assert_true(journal_name_of("tare-20261123-190211-3f2a-12.disk", run));
	assert_true(journal_name_of("tare-20261123-190211-x1a2b3f2a.x", run));
	assert_string_equal(run, "20261123-190211-x1a2b3f2a");
	assert_false(journal_name_of("tare-20261123-190211-3f2", run));
	assert_false(journal_name_of("tare-20261123-190211-3f2ab", run));
	assert_false(journal_name_of("tare-20261123-190211-x1a2b3f2", run));
	assert_false(journal_name_of("tare-2026112-190211-3f2a", run));
	assert_false(journal_name_of("tare-", run));
	assert_false(journal_name_of("are-20261123-190211-3f2a", run));
}

static int make_folders(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(runtime, sizeof(runtime), "%s/run", folder);
	(void)snprintf(temp, sizeof(temp), "%s/temp", folder);
	(void)snprintf(outside, sizeof(outside), "%s/outside", folder);
	return fd_make_dirs(temp, NULL) < 0 || fd_make_dirs(outside, NULL) < 0 ||
	       setenv("TARE_RUNTIME_DIR", runtime, 1) < 0 || setenv("TMPDIR", temp, 1) < 0 ||
	       setenv("XDG_CACHE_HOME", temp, 1) < 0 || cgroup_layout_read(&layout, NULL) < 0;
}

static int remove_folders(void **state)
{
	struct journal_cleaned cleaned;

	(void)state;
	/* A test that failed has left its run alive. */
	(void)close_range(3, ~0U, 0);
	return journal_clean(&cleaned, NULL, NULL, NULL) < 0 || fd_remove_tree(folder, NULL) < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_run_is_taken_down_and_a_living_one_left_alone),
		cmocka_unit_test(a_run_that_died_in_its_first_moments_is_cleaned),
		cmocka_unit_test(what_is_not_the_runs_own_may_not_be_noted),
		cmocka_unit_test(a_lying_journal_removes_nothing_of_others),
		cmocka_unit_test(a_link_in_the_runs_tree_is_not_followed),
		cmocka_unit_test(leftover_names_go_unless_they_are_somebody_elses),
		cmocka_unit_test(names_have_a_form),
	};

	return cmocka_run_group_tests_name("journal", tests, make_folders, remove_folders);
}
