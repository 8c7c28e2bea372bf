/* SPDX-License-Identifier: MIT */
/* Options of guests that need none: the kernel's command line, huge pages, the host's kernel. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "machine/vm/cmdline.h"
#include "machine/vm/hugepages.h"
#include "machine/vm/image_kernel.h"
#include "made_elf.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";

static void put_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, size, NULL), 0);
	(void)close(fd);
}

static void what_is_tare_s_own_is_refused_in_a_command_line(void **state)
{
	static const char *const good[] = {"",
					   "foo",
					   "a=1 b=2,3 c",
					   "mitigations=off",
					   "panic_on_oops=1",
					   "initcall_debug",
					   "consoleblank=0"};
	static const char *const bad[] = {"console=ttyS1", "foo panic=5", "reboot=k",
					  "init=/bin/sh",  "rdinit=/x",   "tare.guest=0",
					  "a -- b",        "a\nb",        "\xc3\xa4"};
	char much[CMDLINE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(cmdline_check(good[i], NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tare_err err = {0};

		assert_int_equal(cmdline_check(bad[i], &err), -EINVAL);
		assert_non_null(strstr(err.msg, "cmdline+"));
	}
	memset(much, 'a', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	assert_int_equal(cmdline_check(much, NULL), -EINVAL);
}

static void what_a_system_call_costs_is_marked(void **state)
{
	static const char text[] = "foo mitigations=off  init_on_alloc=0 spectre_v2=off nopti "
				   "init-on-free=1 rcupdate.rcu_expedited=1 loglevel=7 nosuch";
	static const char *const expected[] = {"mitigations=off", "init_on_alloc=0",
					       "spectre_v2=off",  "nopti",
					       "init-on-free=1",  "rcupdate.rcu_expedited=1"};
	json_t *marks = cmdline_marks(text);

	(void)state;
	assert_int_equal(json_array_size(marks), sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < json_array_size(marks); i++)
		assert_string_equal(json_string_value(json_array_get(marks, i)), expected[i]);
	json_decref(marks);
	marks = cmdline_marks("quiet foo=mitigations=off");
	assert_int_equal(json_array_size(marks), 0);
	json_decref(marks);
}

static void huge_pages_have_to_be_there(void **state)
{
	struct tare_err err = {0};
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/free", folder);
	put_file(path, "128\n", 4);
	assert_int_equal(hugepages_check(path, 256ULL << 20, NULL), 0);
	assert_int_equal(hugepages_check(path, (256ULL << 20) + 1, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "sysctl vm.nr_hugepages=129"));
	assert_int_equal(unlink(path), 0);
	err = (struct tare_err){0};
	assert_int_equal(hugepages_check(path, 1, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no huge pages"));
}

static void the_running_kernel_is_found_by_its_release(void **state)
{
	static const char *const places[] = {"boot", "lib/modules/6.1.0-made"};
	static const char *const names[] = {"vmlinuz-6.1.0-made", "vmlinuz"};
	struct made_elf kernel;
	char path[160], *found;

	(void)state;
	made_elf_fill(&kernel, "", 0);
	for (size_t i = 0; i < 2; i++) {
		struct tare_err err = {0};

		found = NULL;
		assert_int_equal(image_kernel_of_host(folder, "6.1.0-made", &found, &err),
				 -ENOTSUP);
		assert_non_null(strstr(err.msg, "kernel=PATH"));
		(void)snprintf(path, sizeof(path), "%s/%s", folder, places[i]);
		assert_int_equal(fd_make_dirs(path, NULL), 0);
		(void)snprintf(path, sizeof(path), "%s/%s/%s", folder, places[i], names[i]);
		put_file(path, &kernel, sizeof(kernel));
		assert_int_equal(image_kernel_of_host(folder, "6.1.0-made", &found, NULL), 0);
		assert_string_equal(found, path);
		free(found);
		assert_int_equal(unlink(path), 0);
	}
}

static void another_kernel_of_that_name_is_not_the_running_one(void **state)
{
	struct tare_err err = {0};
	struct made_elf kernel;
	char path[160], *found = NULL;

	(void)state;
	made_elf_fill(&kernel, "", 0);
	(void)snprintf(path, sizeof(path), "%s/boot/vmlinuz-6.2", folder);
	put_file(path, &kernel, sizeof(kernel));
	assert_int_equal(image_kernel_of_host(folder, "6.2", &found, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "is of Linux 6.1.0-made, and 6.2 is running"));
	assert_null(found);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_tare_s_own_is_refused_in_a_command_line),
		cmocka_unit_test(what_a_system_call_costs_is_marked),
		cmocka_unit_test(huge_pages_have_to_be_there),
		cmocka_unit_test(the_running_kernel_is_found_by_its_release),
		cmocka_unit_test(another_kernel_of_that_name_is_not_the_running_one),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
