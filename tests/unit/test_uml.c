/* SPDX-License-Identifier: MIT */
/* The command line of User-Mode Linux, and which package it comes in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "machine/uml/args.h"
#include "machine/vm/image_debian.h"

static bool has(const struct uml_args *args, const char *word)
{
	for (size_t i = 0; i < args->n; i++)
		if (strncmp(args->argv[i], word, strlen(word)) == 0)
			return true;
	return false;
}

static void it_gets_its_memory_its_lines_and_no_way_to_the_host(void **state)
{
	const struct uml_args_config config = {
		.memory_bytes = (uint64_t)130 << 20, .folder = "/dev/shm/x", .disk = true};
	struct uml_args args;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(uml_args_make(&args, &config, &err), 0);
	assert_null(args.argv[args.n]);
	assert_true(has(&args, "mem=130M"));
	assert_true(has(&args, "ssl0=fd:3,fd:3"));
	assert_true(has(&args, "ssl1=fd:4,fd:4"));
	assert_true(has(&args, "ssl2=fd:5,fd:5"));
	assert_true(has(&args, "con=null"));
	assert_true(has(&args, "ssl=null"));
	assert_true(has(&args, "hostfs=/dev/null"));
	assert_true(has(&args, "uml_dir=/dev/shm/x/"));
	assert_true(has(&args, "ubd0=/proc/self/fd/8"));
	assert_false(has(&args, "ubd1"));
	uml_args_clear(&args);
	assert_int_equal(args.n, 0);
}

static void a_root_disk_is_only_read(void **state)
{
	const struct uml_args_config config = {
		.memory_bytes = (uint64_t)256 << 20, .folder = "/x", .root_disk = true};
	struct uml_args args;

	(void)state;
	assert_int_equal(uml_args_make(&args, &config, NULL), 0);
	assert_true(has(&args, "ubd1rc=/proc/self/fd/9"));
	assert_false(has(&args, "ubd0"));
	uml_args_clear(&args);
}

static void its_package_is_what_apt_says(void **state)
{
	static const char *const bad[] = {
		"",
		"Package: user-mode-linux\n",
		"Package: x\nVersion: \n",
		"Package: x\nVersion: ../1\n",
		"Package: x\nVersion: 1:2\n",
		"Package: x\nOther-Version: 1\n",
	};
	struct image_debian debian;

	(void)state;
	assert_int_equal(image_debian_parse_uml("Package: user-mode-linux\nSource: user-mode-linux "
						"(6.1um4)\nVersion: 6.1um4+b13\nSize: 1\n",
						&debian, NULL),
			 0);
	assert_string_equal(debian.package, "user-mode-linux");
	assert_string_equal(debian.version, "6.1um4+b13");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(image_debian_parse_uml(bad[i], &debian, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gets_its_memory_its_lines_and_no_way_to_the_host),
		cmocka_unit_test(a_root_disk_is_only_read),
		cmocka_unit_test(its_package_is_what_apt_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
