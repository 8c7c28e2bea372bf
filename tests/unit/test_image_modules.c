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
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "folder.h"
#include "machine/vm/image_modules.h"
#include "made_elf.h"

struct made_module {
	const char *name, *depends; /* depends NULL: built in */
};

static int find_made(void *context, const char *name, char *ret_depends, struct tare_err *err)
{
	(void)err;
	for (const struct made_module *m = context; m->name; m++) {
		if (strcmp(m->name, name) != 0)
			continue;
		if (m->depends)
			(void)snprintf(ret_depends, IMAGE_DEPENDS_MAX, "%s", m->depends);
		return m->depends ? IMAGE_MODULE_FILE : IMAGE_MODULE_BUILT_IN;
	}
	return IMAGE_MODULE_UNKNOWN;
}

/* The order, set apart by blanks, or the error. */
static int order(const struct made_module *modules, const char *recipe, char *ret,
		 struct tare_err *err)
{
	cleanup_free struct made_module *copy = calloc(64, sizeof(*copy));
	cleanup_free struct image_modules *found = calloc(1, sizeof(*found));
	const struct image_module_finder finder = {.find = find_made, .context = copy};
	int r;

	for (size_t i = 0; modules[i].name; i++)
		copy[i] = modules[i];
	r = image_modules_order(recipe, &finder, found, err);
	ret[0] = '\0';
	for (size_t i = 0; i < found->n; i++)
		ret += sprintf(ret, "%s%s", i ? " " : "", found->names[i]);
	return r;
}

static void modules_come_once_and_after_what_they_depend_on(void **state)
{
	static const struct made_module modules[] = {{"pci", "ring,modern,virtio"},
						     {"modern", ""},
						     {"ring", ""},
						     {"virtio", "ring"},
						     {"console", "virtio,ring"},
						     {0}};
	char text[512];

	(void)state;
	assert_int_equal(order(modules, "console\npci\nring\n", text, NULL), 0);
	assert_string_equal(text, "ring virtio console modern pci");
}

static void dashes_comments_and_blank_lines_mean_nothing(void **state)
{
	static const struct made_module modules[] = {
		{"virtio_rng", "virtio-ring"}, {"virtio_ring", ""}, {0}};
	char text[512];

	(void)state;
	assert_int_equal(order(modules, "# one\n\nvirtio-rng\n\n#two", text, NULL), 0);
	assert_string_equal(text, "virtio_ring virtio_rng");
}

static void what_is_built_in_is_left_out(void **state)
{
	static const struct made_module modules[] = {
		{"ext4", NULL}, {"a", "crc,b"}, {"crc", NULL}, {"b", ""}, {0}};
	char text[512];

	(void)state;
	assert_int_equal(order(modules, "ext4\na\n", text, NULL), 0);
	assert_string_equal(text, "b a");
}

static void a_missing_module_is_named_unless_it_is_optional(void **state)
{
	static const struct made_module modules[] = {{"a", "gone"}, {"b", ""}, {0}};
	struct tare_err err = {0};
	char text[512];

	(void)state;
	assert_int_equal(order(modules, "gone optional\nb\n", text, NULL), 0);
	assert_string_equal(text, "b");
	assert_int_equal(order(modules, "gone\n", text, NULL), -ENOENT);
	assert_int_equal(order(modules, "b\na optional\n", text, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "'gone'"));
	assert_non_null(strstr(err.msg, "needed by a"));
}

static void modules_that_depend_on_each_other_are_refused(void **state)
{
	static const struct made_module modules[] = {
		{"self", "self"}, {"a", "b"}, {"b", "c"}, {"c", "a"}, {0}};
	struct tare_err err = {0};
	char text[512];

	(void)state;
	assert_int_equal(order(modules, "self\n", text, NULL), -ELOOP);
	assert_int_equal(order(modules, "a\n", text, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "'a'"));
}

/* "m7" depends on "m8", and so on for ever. */
static int find_endless(void *context, const char *name, char *ret_depends, struct tare_err *err)
{
	(void)context;
	(void)err;
	(void)snprintf(ret_depends, IMAGE_DEPENDS_MAX, "m%ld", strtol(name + 1, NULL, 10) + 1);
	return IMAGE_MODULE_FILE;
}

/* "wide" depends on 200 that depend on nothing. */
static int find_wide(void *context, const char *name, char *ret_depends, struct tare_err *err)
{
	(void)context;
	(void)err;
	for (int i = 0; strcmp(name, "wide") == 0 && i < 200; i++)
		ret_depends += sprintf(ret_depends, "m%03d%s", i, i < 199 ? "," : "");
	return IMAGE_MODULE_FILE;
}

static void modules_without_end_are_refused(void **state)
{
	cleanup_free struct image_modules *found = calloc(1, sizeof(*found));
	struct image_module_finder finder = {.find = find_endless};

	(void)state;
	assert_int_equal(image_modules_order("m0", &finder, found, NULL), -ELOOP);
	finder.find = find_wide;
	assert_int_equal(image_modules_order("wide", &finder, found, NULL), -E2BIG);
	assert_in_range(found->n, 1, IMAGE_MODULES_MAX);
}

static void names_that_are_no_modules_are_refused(void **state)
{
	static const char *const recipes[] = {
		"../x",
		"a/b",
		"a,b",
		"a\tb",
		" a",
		"a optionally",
		"a optional ",
		"a b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	static const struct made_module modules[] = {
		{"a", ""}, {"bad", "../a"}, {"empty", "a,,a"}, {0}};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(*recipes); i++)
		assert_int_equal(order(modules, recipes[i], text, NULL), -EBADMSG);
	assert_int_equal(order(modules, "bad", text, NULL), -EBADMSG);
	assert_int_equal(order(modules, "empty", text, NULL), -EBADMSG);
}

static int modinfo_of(const void *bytes, size_t size, char *ret, size_t ret_size)
{
	struct image_bytes copy = {.at = malloc(size ? size : 1), .size = size};
	int r;

	memcpy(copy.at, bytes, size);
	r = image_modinfo_get(&copy, "depends", ret, ret_size, NULL);
	image_bytes_clear(&copy);
	return r;
}

static void modinfo_is_read_by_whole_keys(void **state)
{
	static const char info[] = "license=GPL\0softdepends=x\0depends=virtio,virtio_ring\0name=y";
	struct made_elf elf;
	char text[64];

	(void)state;
	made_elf_fill(&elf, info, sizeof(info));
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), 1);
	assert_string_equal(text, "virtio,virtio_ring");
	made_elf_fill(&elf, info, 25);
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), 0);
}

static void a_value_without_end_or_room_is_no_trap(void **state)
{
	struct made_elf elf;
	char text[8];

	(void)state;
	made_elf_fill(&elf, "depends=1234567xyz", 15);
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), 1);
	assert_string_equal(text, "1234567");
	made_elf_fill(&elf, "depends=12345678", 16);
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), -EBADMSG);
}

static void a_module_that_is_cut_off_anywhere_is_no_trap(void **state)
{
	struct made_elf elf;
	char text[64];

	(void)state;
	made_elf_fill(&elf, "depends=a", 10);
	for (size_t n = 0; n < offsetof(struct made_elf, modinfo) + 10; n++)
		assert_int_equal(modinfo_of(&elf, n, text, sizeof(text)), -EBADMSG);
	elf.sections[1].sh_offset = UINT64_MAX - 4;
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), -EBADMSG);
	elf.sections[1].sh_offset = 8;
	elf.sections[1].sh_size = UINT64_MAX - 4;
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), -EBADMSG);
	elf.header.e_shstrndx = 77;
	assert_int_equal(modinfo_of(&elf, sizeof(elf), text, sizeof(text)), -EBADMSG);
}

static void put_file(const char *name, const void *bytes, size_t size)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(fd_write_all(fd, bytes, size, NULL), 0);
}

static void put_gzip(const char *name, const void *bytes, unsigned int size)
{
	char path[128];
	gzFile file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = gzopen(path, "wb");
	assert_int_equal(gzwrite(file, bytes, size), size);
	assert_int_equal(gzclose(file), Z_OK);
}

static void a_folder_of_modules_is_searched_packed_or_not(void **state)
{
	static const char built_in[] = "kernel/fs/ext4/ext4.ko\nkernel/lib/crc-16.ko\nnonsense\n\n";
	__attribute__((cleanup(image_module_store_close))) struct image_module_store *store = NULL;
	cleanup_free struct image_modules *found = calloc(1, sizeof(*found));
	cleanup_bytes struct image_bytes bytes = {0};
	struct image_module_finder finder;
	struct made_elf elf;
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/kernel/drivers", folder);
	assert_int_equal(fd_make_dirs(path, NULL), 0);
	made_elf_fill(&elf, "depends=base-one", 17);
	put_file("kernel/drivers/virtio-rng.ko", &elf, sizeof(elf));
	made_elf_fill(&elf, "depends=", 9);
	put_gzip("kernel/drivers/base_one.ko.gz", &elf, sizeof(elf));
	put_file("kernel/drivers/README.ko.txt", "x", 1);
	put_file("modules.builtin", built_in, sizeof(built_in) - 1);

	assert_int_equal(image_module_store_open(folder, &store, NULL), 0);
	finder = image_module_store_finder(store);
	assert_int_equal(image_modules_order("ext4\ncrc_16\nREADME optional\nvirtio_rng\n", &finder,
					     found, NULL),
			 0);
	assert_int_equal(found->n, 2);
	assert_string_equal(found->names[0], "base_one");
	assert_string_equal(found->names[1], "virtio_rng");
	assert_int_equal(image_module_store_read(store, "base_one", &bytes, NULL), 0);
	assert_int_equal(bytes.size, sizeof(elf));
	assert_memory_equal(bytes.at, &elf, sizeof(elf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_come_once_and_after_what_they_depend_on),
		cmocka_unit_test(dashes_comments_and_blank_lines_mean_nothing),
		cmocka_unit_test(what_is_built_in_is_left_out),
		cmocka_unit_test(a_missing_module_is_named_unless_it_is_optional),
		cmocka_unit_test(modules_that_depend_on_each_other_are_refused),
		cmocka_unit_test(modules_without_end_are_refused),
		cmocka_unit_test(names_that_are_no_modules_are_refused),
		cmocka_unit_test(modinfo_is_read_by_whole_keys),
		cmocka_unit_test(a_value_without_end_or_room_is_no_trap),
		cmocka_unit_test(a_module_that_is_cut_off_anywhere_is_no_trap),
		cmocka_unit_test(a_folder_of_modules_is_searched_packed_or_not),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
