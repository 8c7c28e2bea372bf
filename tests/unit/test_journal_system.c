/* SPDX-License-Identifier: MIT */
/* Mounts, loop devices and interfaces of a journal, in namespaces of the test's own. */
#include <fcntl.h>
#include <linux/loop.h>
#include <net/if.h>
#include <netlink/route/link/veth.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/settings.h"
#include "kernel/journal.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";
static char outside[64];

static struct journal *begin(void)
{
	struct journal *journal = NULL;
	struct tare_err err = {0};

	if (journal_open(&journal, &err) < 0)
		fail_msg("%s", err.msg);
	return journal;
}

static void end(struct journal *journal)
{
	struct tare_err err = {0};

	if (journal_close(journal, &err) < 0)
		fail_msg("%s", err.msg);
}

static void make_file(const char *path)
{
	cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
}

static void mounts_on_mounts_are_taken_down_and_the_folder_too(void **state)
{
	struct journal *journal = begin();
	char dir[160], at[200];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s", journal_dir(journal, NULL));
	(void)snprintf(at, sizeof(at), "%s/mnt", dir);
	assert_int_equal(mkdir(at, 0700), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(journal_note(journal, JOURNAL_MOUNT, at, NULL), 0);
		assert_int_equal(mount("tmpfs", at, "tmpfs", 0, "size=64k"), 0);
	}
	(void)snprintf(at, sizeof(at), "%s/mnt/inner", dir);
	assert_int_equal(mkdir(at, 0700), 0);
	assert_int_equal(journal_note(journal, JOURNAL_MOUNT, at, NULL), 0);
	assert_int_equal(mount("tmpfs", at, "tmpfs", 0, "size=64k"), 0);
	/* Noted, and never mounted. */
	(void)snprintf(at, sizeof(at), "%s/not", dir);
	assert_int_equal(journal_note(journal, JOURNAL_MOUNT, at, NULL), 0);
	assert_int_equal(mkdir(at, 0700), 0);
	end(journal);
	assert_int_not_equal(access(dir, F_OK), 0);
}

static void what_is_bound_into_a_tree_is_not_removed(void **state)
{
	struct journal *journal = begin();
	char dir[160], at[200], victim[96];
	struct journal_cleaned cleaned;
	struct tare_err err = {0};

	(void)state;
	(void)snprintf(victim, sizeof(victim), "%s/victim", outside);
	make_file(victim);
	(void)snprintf(dir, sizeof(dir), "%s", journal_dir(journal, NULL));
	(void)snprintf(at, sizeof(at), "%s/bound", dir);
	assert_int_equal(mkdir(at, 0700), 0);
	/* The same filesystem, so that the device number does not tell. */
	assert_int_equal(mount(outside, at, NULL, MS_BIND, NULL), 0);
	assert_true(journal_close(journal, &err) < 0);
	assert_non_null(strstr(err.msg, "bound"));
	assert_int_equal(access(victim, F_OK), 0);
	/* Once the mount is gone, so is the run. */
	assert_int_equal(umount2(at, MNT_DETACH), 0);
	if (access(dir, F_OK) == 0)
		assert_int_equal(journal_clean(&cleaned, NULL, NULL, NULL), 0);
	assert_int_not_equal(access(dir, F_OK), 0);
	assert_int_equal(access(victim, F_OK), 0);
}

/* A loop device over a file: its path; false where there are none. */
static bool attach_loop(const char *file, struct journal *journal, char *ret, size_t size)
{
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	cleanup_close int backing = open(file, O_RDWR | O_CLOEXEC);

	assert_true(backing >= 0);
	/* Others may take the free one meanwhile. */
	for (int attempt = 0; control >= 0 && attempt < 16; attempt++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		cleanup_close int device = -1;

		(void)snprintf(ret, size, "/dev/loop%d", n);
		assert_int_equal(journal_note(journal, JOURNAL_LOOP, ret, NULL), 0);
		device = open(ret, O_RDWR | O_CLOEXEC);
		if (device >= 0 && ioctl(device, LOOP_SET_FD, backing) == 0)
			return true;
	}
	return false;
}

static bool is_attached_to(const char *device, const char *file)
{
	char path[96], text[512];

	(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", device + 5);
	return fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       strncmp(text, file, strlen(file)) == 0;
}

static void loop_devices_are_detached_unless_they_are_somebody_elses(void **state)
{
	struct journal *journal = begin();
	char own[200], other[96], own_device[32], other_device[32];
	int fd;

	(void)state;
	(void)snprintf(own, sizeof(own), "%s/disk", journal_dir(journal, NULL));
	(void)snprintf(other, sizeof(other), "%s/disk", outside);
	make_file(own);
	make_file(other);
	if (!attach_loop(own, journal, own_device, sizeof(own_device))) {
		end(journal);
		skip();
	}
	assert_true(attach_loop(other, journal, other_device, sizeof(other_device)));
	assert_true(is_attached_to(own_device, own));
	end(journal);
	assert_false(is_attached_to(own_device, own));
	assert_true(is_attached_to(other_device, other));
	fd = open(other_device, O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(fd, LOOP_CLR_FD), 0);
	(void)close(fd);
}

static bool add_link(const char *name, const char *peer)
{
	struct nl_sock *sock = nl_socket_alloc();
	int r;

	assert_non_null(sock);
	assert_int_equal(nl_connect(sock, NETLINK_ROUTE), 0);
	r = rtnl_link_veth_add(sock, name, peer, getpid());
	nl_socket_free(sock);
	return r == 0;
}

static void interfaces_go_by_the_journal_or_by_their_name(void **state)
{
	struct journal *journal = begin(), *living = begin();
	struct journal_cleaned cleaned;
	char name[32], alive[32], dead[32];

	(void)state;
	(void)snprintf(name, sizeof(name), "tare-%s", strrchr(journal_name(journal), '-') + 1);
	(void)snprintf(alive, sizeof(alive), "tare-%s", strrchr(journal_name(living), '-') + 1);
	assert_int_equal(journal_note(journal, JOURNAL_LINK, name, NULL), 0);
	if (!add_link(name, "peer0")) {
		end(journal);
		end(living);
		skip();
	}
	end(journal);
	assert_int_equal(if_nametoindex(name), 0);

	/* Of a run that is no more, of one that is, and of nobody. */
	(void)snprintf(dead, sizeof(dead), "%s", alive);
	dead[strlen(dead) - 1] = dead[strlen(dead) - 1] == '0' ? '1' : '0';
	assert_true(add_link(alive, "peer1") && add_link(dead, "peer2") &&
		    add_link("tare-notes", "peer3"));
	assert_int_equal(journal_clean(&cleaned, NULL, NULL, NULL), 0);
	assert_int_equal(if_nametoindex(dead), 0);
	assert_int_not_equal(if_nametoindex(alive), 0);
	assert_int_not_equal(if_nametoindex("tare-notes"), 0);
	end(living);
}

static void settings_that_are_as_they_were_are_not_written(void **state)
{
	struct journal *journal = begin();
	char value[64], entry[128];

	(void)state;
	assert_true(fd_read_file(AT_FDCWD, "/proc/sys/kernel/randomize_va_space", value,
				 sizeof(value), NULL) > 0);
	value[strcspn(value, "\n")] = '\0';
	(void)snprintf(entry, sizeof(entry), "/proc/sys/kernel/randomize_va_space\t%s", value);
	assert_int_equal(journal_note(journal, JOURNAL_SETTING, entry, NULL), 0);
	end(journal);
}

static void put_sys(const char *path, const char *value)
{
	cleanup_free char *folder_of = strdup(path);
	cleanup_close int fd = -1;

	assert_non_null(folder_of);
	*strrchr(folder_of, '/') = '\0';
	assert_int_equal(fd_make_dirs(folder_of, NULL), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
}

static void assert_sys(const char *path, const char *value)
{
	char now[64];

	assert_true(fd_read_file(AT_FDCWD, path, now, sizeof(now), NULL) > 0);
	assert_string_equal(now, value);
}

/* Few machines that tests run on set their frequency: /sys is ours here. Old values are longer than
 * new ones, since a file is no sysfs, where each write is a whole value. */
static void a_frequency_held_still_is_let_go_again(void **state)
{
#define POLICY(n) "/sys/devices/system/cpu/cpufreq/policy" #n "/scaling_governor"
	static const char boost[] = "/sys/devices/system/cpu/cpufreq/boost";
	cleanup_json json_t *changed = json_array(), *again = json_array();
	struct journal *journal;

	(void)state;
	assert_int_equal(mount("tmpfs", "/sys", "tmpfs", 0, NULL), 0);
	journal = begin();
	assert_int_equal(settings_hold_still(journal, changed, NULL), -ENOTSUP);
	put_sys(POLICY(0), "conservative");
	put_sys(POLICY(1), "performance");
	put_sys(boost, "1");
	assert_int_equal(settings_hold_still(journal, changed, NULL), 0);
	assert_sys(POLICY(0), "performance");
	assert_sys(boost, "0");
	/* What is so already is not changed, nor written down as what was there. */
	assert_int_equal(json_array_size(changed), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(changed, 0), "was")),
			    "conservative");
	assert_int_equal(settings_hold_still(journal, again, NULL), 0);
	assert_int_equal(json_array_size(again), 0);
	end(journal);
	assert_sys(POLICY(0), "conservative");
	assert_sys(POLICY(1), "performance");
	assert_sys(boost, "1");
	assert_int_equal(umount("/sys"), 0);
}

static int enter_namespaces(void **state)
{
	char runtime[64], temp[64];

	(void)state;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		(void)printf("1..0 # SKIP no namespaces: not root\n");
		exit(77);
	}
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(runtime, sizeof(runtime), "%s/run", folder);
	(void)snprintf(temp, sizeof(temp), "%s/temp", folder);
	(void)snprintf(outside, sizeof(outside), "%s/outside", folder);
	return fd_make_dirs(temp, NULL) < 0 || fd_make_dirs(outside, NULL) < 0 ||
	       setenv("TARE_RUNTIME_DIR", runtime, 1) < 0 || setenv("TMPDIR", temp, 1) < 0 ||
	       setenv("XDG_CACHE_HOME", temp, 1) < 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_on_mounts_are_taken_down_and_the_folder_too),
		cmocka_unit_test(what_is_bound_into_a_tree_is_not_removed),
		cmocka_unit_test(loop_devices_are_detached_unless_they_are_somebody_elses),
		cmocka_unit_test(interfaces_go_by_the_journal_or_by_their_name),
		cmocka_unit_test(settings_that_are_as_they_were_are_not_written),
		cmocka_unit_test(a_frequency_held_still_is_let_go_again),
	};

	return cmocka_run_group_tests_name("journal_system", tests, enter_namespaces,
					   remove_folder);
}
