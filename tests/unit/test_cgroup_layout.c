/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";
static int root_fd = -1;

static void put(const char *path, const char *text)
{
	char whole[256];
	cleanup_free char *parent = NULL;
	cleanup_close int fd = -1;

	assert_true(snprintf(whole, sizeof(whole), "%s/%s", folder, path) < (int)sizeof(whole));
	parent = strdup(whole);
	assert_non_null(parent);
	*strrchr(parent, '/') = '\0';
	assert_int_equal(fd_make_dirs(parent, NULL), 0);
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, text, strlen(text), NULL), 0);
}

static struct cgroup_layout parse(const char *mountinfo)
{
	struct cgroup_layout layout;

	assert_int_equal(cgroup_layout_parse(mountinfo, root_fd, &layout, NULL), 0);
	return layout;
}

static void pure_v2_serves_all_that_it_lists(void **state)
{
	struct cgroup_layout layout;

	(void)state;
	put("v2/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	layout = parse("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		       "30 22 0:26 / /v2 rw,nosuid shared:9 master:1 - cgroup2 cgroup2 rw\n");
	assert_string_equal(cgroup_layout_mode(&layout), "v2");
	assert_string_equal(layout.unified.mount, "/v2");
	assert_false(layout.nested);
	for (size_t i = 0; i < CGROUP_N_CONTROLLERS; i++) {
		assert_int_equal(layout.controllers[i].version, 2);
		assert_string_equal(layout.controllers[i].mount, "/v2");
	}
}

static void v2_does_not_serve_what_it_does_not_list(void **state)
{
	struct cgroup_layout layout;

	(void)state;
	/* "cpuset" is not "cpu", "iox" not "io". */
	put("few/cgroup.controllers", "cpuset iox pids\n");
	layout = parse("30 22 0:26 / /few rw - cgroup2 cgroup2 rw\n");
	assert_int_equal(layout.controllers[CGROUP_CPU].version, 0);
	assert_int_equal(layout.controllers[CGROUP_CPUACCT].version, 0);
	assert_int_equal(layout.controllers[CGROUP_IO].version, 0);
	assert_int_equal(layout.controllers[CGROUP_MEMORY].version, 0);
	assert_int_equal(layout.controllers[CGROUP_CPUSET].version, 2);
	assert_int_equal(layout.controllers[CGROUP_PIDS].version, 2);
}

static void a_mount_with_cgroup_events_is_not_the_root(void **state)
{
	struct cgroup_layout layout;

	(void)state;
	put("ns/cgroup.controllers", "cpu\n");
	put("ns/cgroup.events", "populated 1\nfrozen 0\n");
	layout = parse("30 22 0:26 / /ns rw - cgroup2 cgroup2 rw\n");
	assert_true(layout.nested);
	layout = parse("30 22 0:26 /docker/abc /v2 rw - cgroup2 cgroup2 rw\n");
	assert_true(layout.nested);
}

static void v1_controllers_have_mounts_of_their_own_or_share_one(void **state)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	struct cgroup_layout layout;

	(void)state;
	layout = parse("32 31 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		       "34 31 0:31 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
		       "38 31 0:35 / /cg/blkio rw - cgroup cgroup rw,blkio\n"
		       "40 31 0:37 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n");
	assert_string_equal(cgroup_layout_mode(&layout), "v1");
	assert_string_equal(layout.controllers[CGROUP_CPU].mount, "/cg/cpu,cpuacct");
	assert_string_equal(layout.controllers[CGROUP_CPUACCT].mount, "/cg/cpu,cpuacct");
	assert_string_equal(layout.controllers[CGROUP_IO].mount, "/cg/blkio");
	assert_int_equal(layout.controllers[CGROUP_MEMORY].version, 0);
	assert_int_equal(layout.controllers[CGROUP_FREEZER].version, 0);
	assert_int_equal(cgroup_layout_mounts(&layout, mounts), 3);
}

static void hybrid_takes_each_controller_from_where_it_is(void **state)
{
	struct cgroup_layout layout;

	(void)state;
	put("unified/cgroup.controllers", "io hugetlb\n");
	layout = parse("35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n"
		       "33 31 0:30 / /cg/cpuacct rw - cgroup cgroup rw,cpuacct\n"
		       "41 31 0:38 / /unified rw - cgroup2 cgroup2 rw\n");
	assert_string_equal(cgroup_layout_mode(&layout), "hybrid");
	assert_int_equal(layout.controllers[CGROUP_MEMORY].version, 1);
	assert_int_equal(layout.controllers[CGROUP_CPUACCT].version, 1);
	assert_int_equal(layout.controllers[CGROUP_IO].version, 2);
	assert_int_equal(layout.controllers[CGROUP_CPU].version, 0);
}

static void none_is_none(void **state)
{
	const struct cgroup_hierarchy *mounts[CGROUP_MAX_MOUNTS];
	struct cgroup_layout layout;

	(void)state;
	layout = parse("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	assert_string_equal(cgroup_layout_mode(&layout), "none");
	assert_int_equal(cgroup_layout_mounts(&layout, mounts), 0);
	layout = parse("");
	assert_string_equal(cgroup_layout_mode(&layout), "none");
}

static void octal_escapes_are_undone(void **state)
{
	struct cgroup_layout layout;

	(void)state;
	layout = parse("35 31 0:32 / /my\\040cg\\134memory\\011x rw - cgroup cgroup rw,memory\n");
	assert_string_equal(layout.controllers[CGROUP_MEMORY].mount, "/my cg\\memory\tx");
	/* What is no escape stays. */
	layout = parse("35 31 0:32 / /a\\9\\04 rw - cgroup cgroup rw,memory\n");
	assert_string_equal(layout.controllers[CGROUP_MEMORY].mount, "/a\\9\\04");
}

static void a_mount_bound_into_a_container_gives_way(void **state)
{
	struct cgroup_layout layout;

	(void)state;
	layout = parse("35 31 0:32 /docker/1 /rootfs/memory rw - cgroup cgroup rw,memory\n"
		       "36 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n"
		       "37 31 0:32 / /other/memory rw - cgroup cgroup rw,memory\n");
	assert_string_equal(layout.controllers[CGROUP_MEMORY].mount, "/cg/memory");
}

static void hostile_lines_are_passed_over(void **state)
{
	char *text;
	char point[300];
	struct cgroup_layout layout;

	(void)state;
	memset(point, 'a', sizeof(point) - 1);
	point[sizeof(point) - 1] = '\0';
	assert_true(asprintf(&text,
			     "\n \n- - -\n35\n35 31 0:32 / /x rw\n35 31 0:32 / /x rw -\n"
			     "35 31 0:32 / /x rw - cgroup\n35 31 0:32 / /x rw - cgroup cgroup\n"
			     "35 31 0:32 / relative rw - cgroup cgroup rw,memory\n"
			     "35 31 0:32 / /%s rw - cgroup cgroup rw,memory\n"
			     "35 31 0:32 / /x rw - cgroup3 cgroup rw,memory\n"
			     "35 31 0:32 / /x rw - cgroup cgroup rw,memoryx,xmemory\n"
			     "36 31 0:32 / /cg/pids rw - cgroup cgroup rw,pids",
			     point) > 0);
	layout = parse(text);
	free(text);
	assert_int_equal(layout.controllers[CGROUP_MEMORY].version, 0);
	assert_string_equal(layout.controllers[CGROUP_PIDS].mount, "/cg/pids");
}

static void keys_are_matched_whole(void **state)
{
	struct tare_err err = {0};
	uint64_t value = 7;

	(void)state;
	put("f/memory.events", "low 0\noom 3\noom_kill 1\nbad x\n");
	assert_int_equal(cgfile_read_key(root_fd, "f/memory.events", "oom", &value, NULL), 0);
	assert_int_equal(value, 3);
	assert_int_equal(cgfile_read_key(root_fd, "f/memory.events", "oom_kill", &value, NULL), 0);
	assert_int_equal(value, 1);
	assert_int_equal(cgfile_read_key(root_fd, "f/memory.events", "kill", &value, &err),
			 -ENOENT);
	assert_string_equal(err.msg, "'f/memory.events' has no key 'kill'");
	assert_int_equal(value, 1);
	assert_int_equal(cgfile_read_key(root_fd, "f/memory.events", "bad", &value, NULL),
			 -EBADMSG);
	assert_int_equal(cgfile_read_key(root_fd, "f/none", "oom", &value, NULL), -ENOENT);
}

static void numbers_are_numbers_or_max(void **state)
{
	uint64_t value = 7;

	(void)state;
	put("f/a", "max\n");
	assert_int_equal(cgfile_read_u64(root_fd, "f/a", &value, NULL), 0);
	assert_true(value == UINT64_MAX);
	put("f/a", "18446744073709551615\n");
	assert_int_equal(cgfile_read_u64(root_fd, "f/a", &value, NULL), 0);
	put("f/a", "18446744073709551616\n");
	assert_int_equal(cgfile_read_u64(root_fd, "f/a", &value, NULL), -EBADMSG);
	put("f/a", "-1\n");
	assert_int_equal(cgfile_read_u64(root_fd, "f/a", &value, NULL), -EBADMSG);
	put("f/a", "");
	assert_int_equal(cgfile_read_u64(root_fd, "f/a", &value, NULL), -EBADMSG);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)close(root_fd);
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pure_v2_serves_all_that_it_lists),
		cmocka_unit_test(v2_does_not_serve_what_it_does_not_list),
		cmocka_unit_test(a_mount_with_cgroup_events_is_not_the_root),
		cmocka_unit_test(v1_controllers_have_mounts_of_their_own_or_share_one),
		cmocka_unit_test(hybrid_takes_each_controller_from_where_it_is),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(octal_escapes_are_undone),
		cmocka_unit_test(a_mount_bound_into_a_container_gives_way),
		cmocka_unit_test(hostile_lines_are_passed_over),
		cmocka_unit_test(keys_are_matched_whole),
		cmocka_unit_test(numbers_are_numbers_or_max),
	};

	return cmocka_run_group_tests_name("cgroup_layout", tests, make_folder, remove_folder);
}
