/* SPDX-License-Identifier: MIT */
/* Options of guests that need none: the kernel's command line, huge pages, the host's kernel,
 * the work disk. */
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
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "folder.h"
#include "machine/machine.h"
#include "machine/vm/cmdline.h"
#include "machine/vm/disk.h"
#include "machine/vm/entry.h"
#include "machine/vm/hugepages.h"
#include "machine/vm/image_kernel.h"
#include "machine/vm/image_vmlinux.h"
#include "machine/vm/settings.h"
#include "made_elf.h"
#include "vm_images.h"

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
	static const char *const bad[] = {"console=ttyS1",    "foo panic=5", "reboot=k",
					  "init=/bin/sh",     "rdinit=/x",   "tare.guest=0",
					  "a -- b",           "a\nb",        "\xc3\xa4",
					  "\"init=/bin/sh\"", "a=\"b c\""};
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
	static const char text[] =
		"foo mitigations=off  init_on_alloc=0 spectre_v2=off nopti "
		"init-on-free=1 rcupdate.rcu_expedited=1 loglevel=7 nosuch noreplace_smp";
	static const char *const expected[] = {
		"mitigations=off", "init_on_alloc=0",          "spectre_v2=off", "nopti",
		"init-on-free=1",  "rcupdate.rcu_expedited=1", "noreplace_smp"};
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

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void a_kernel_is_entered_by_way_of_a_few_instructions(void **state)
{
	unsigned char bytes[ENTRY_SIZE], *code;
	char path[96], *entry = NULL, *again = NULL;
	struct made_elf kernel;
	uint32_t to = 0x1000850;
	int32_t jump;
	ino_t was;

	(void)state;
	made_elf_fill(&kernel, "", 0);
	memcpy(kernel.note.entry, &to, sizeof(to));
	(void)snprintf(path, sizeof(path), "%s/vmlinux", folder);
	put_file(path, &kernel, sizeof(kernel));
	assert_int_equal(entry_ensure(folder, path, &entry, NULL), 0);
	/* What it holds is what QEMU's loader would find: the note, and code that goes on there. */
	assert_int_equal(image_vmlinux_entry(entry, 0x300000, 0x301000, &to, NULL), 0);
	assert_int_equal(to, 0x200000);
	entry_make(0x1000850, bytes);
	code = memmem(bytes, sizeof(bytes), "\xb0k\xe6\xe9\xe9", 5);
	assert_non_null(code);
	memcpy(&jump, code + 5, sizeof(jump));
	assert_int_equal(0x200000 + 9 + jump, 0x1000850);
	/* It is kept, and made again when it is not what it was. */
	was = inode_of(entry);
	assert_int_equal(entry_ensure(folder, path, &again, NULL), 0);
	assert_string_equal(again, entry);
	assert_int_equal(inode_of(entry), was);
	put_file(entry, "x", 1);
	free(again);
	assert_int_equal(entry_ensure(folder, path, &again, NULL), 0);
	assert_int_equal(image_vmlinux_entry(again, 0x300000, 0x301000, &to, NULL), 0);
	free(again);
	free(entry);
}

static void a_kernel_that_is_in_the_way_is_entered_itself(void **state)
{
	unsigned char bytes[ENTRY_SIZE];
	struct tare_err err = {0};
	char path[96], *entry = NULL;

	(void)state;
	entry_make(0x1000850, bytes); /* it lies where the instructions would */
	(void)snprintf(path, sizeof(path), "%s/vmlinux", folder);
	put_file(path, bytes, sizeof(bytes));
	assert_int_equal(entry_ensure(folder, path, &entry, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, path));
	err = (struct tare_err){0};
	put_file(path, "no ELF", 6);
	assert_int_equal(entry_ensure(folder, path, &entry, &err), -ENOTSUP);
	assert_null(entry);
}

static void where_a_limit_lies_is_the_user_s_to_say(void **state)
{
	static const struct {
		const char *machine, *at, *box;
		bool outside;
	} cases[] = {
		{"vm", NULL, "bare", true},         {"vm", NULL, "container", false},
		{"vm", "auto", "bare", true},       {"vm", "machine", "container", true},
		{"vm", "box", "bare", false},       {"uml", "machine", "container", true},
		{"uml", NULL, "bare", true},        {"host", NULL, "bare", false},
		{"host", "machine", "bare", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *options = json_pack("{s:s*}", "limit-at", cases[i].at);
		const struct limits limits = {.cpus = 0.5, .ulimits = {.n = 1}};
		struct limits machine, box;
		const struct machine_ops *ops;

		assert_int_equal(machine_find(cases[i].machine, &ops, NULL), 0);
		machine_split_limits(ops, options, cases[i].box, &limits, &machine, &box);
		assert_true((machine.cpus > 0) == cases[i].outside);
		assert_true((box.cpus > 0) != cases[i].outside);
		/* A process has its ulimits wherever it runs. */
		assert_int_equal(machine.ulimits.n, 0);
		assert_int_equal(box.ulimits.n, 1);
		json_decref(options);
	}
}

static void modes_of_a_disk_go_together_or_are_refused(void **state)
{
	struct tare_err err = {0};
	struct disk_mode mode;

	(void)state;
	assert_int_equal(disk_mode_read("directsync", "threads", &mode, NULL), 0);
	assert_string_equal(disk_cache_name(mode.cache), "directsync");
	assert_string_equal(disk_aio_name(mode.aio), "threads");
	assert_true(disk_mode_is_direct(&mode));
	assert_int_equal(disk_mode_read("unsafe", "native", &mode, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "disk-cache=none"));
	assert_int_equal(disk_mode_read("writeback", "auto", &mode, NULL), 0);
	assert_false(disk_mode_is_direct(&mode));
	assert_int_equal(disk_mode_settle(&mode, true, "x", NULL), 0);
	assert_string_equal(disk_aio_name(mode.aio), "threads");
}

static void a_disk_without_o_direct_falls_back_unless_it_was_asked_for(void **state)
{
	struct tare_err err = {0};
	struct disk_mode mode;

	(void)state;
	assert_int_equal(disk_mode_read("none", "auto", &mode, NULL), 0);
	assert_int_equal(disk_mode_settle(&mode, false, "x", NULL), 0);
	assert_string_equal(disk_cache_name(mode.cache), "writeback");
	assert_string_equal(disk_aio_name(mode.aio), "threads");
	assert_int_equal(disk_mode_read("none", "auto", &mode, NULL), 0);
	mode.asked = true;
	assert_int_equal(disk_mode_settle(&mode, false, "here", &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "'here' has no O_DIRECT"));
	assert_int_equal(disk_mode_settle(&mode, true, "here", NULL), 0);
	assert_string_equal(disk_aio_name(mode.aio), "native");
}

/* Asked of the kernel, of a file that is open in both ways. */
static void that_a_file_is_open_directly_is_the_kernel_s_word(void **state)
{
	char path[96];
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/disk", folder);
	put_file(path, "x", 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_false(disk_is_open_direct(getpid(), path));
	assert_int_equal(fcntl(fd, F_SETFL, O_DIRECT), 0);
	assert_true(disk_is_open_direct(getpid(), path));
	(void)close(fd);
	assert_false(disk_is_open_direct(getpid(), path));
}

static void a_work_disk_has_the_size_that_is_asked_for(void **state)
{
	const struct disk_plan plan = {.bytes = 80ULL << 20, .folder = folder, .name = "guest"};
	char super[2] = "", volume[16] = "", *path = NULL;
	struct tare_err err = {0};
	uint64_t bytes = 0;
	bool direct;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(disk_parse_size("disk", "1M", &bytes, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "disk: a work disk has 64M to 64G"));
	assert_int_equal(disk_parse_size("disk", "1T", &bytes, NULL), -EINVAL);
	assert_int_equal(disk_parse_size("disk", "80M", &bytes, NULL), 0);
	assert_int_equal(bytes, plan.bytes);
	assert_int_equal(disk_make(&plan, &path, &direct, NULL), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, plan.bytes);
	/* The magic and the name of ext4's super block: the recipe's filesystem. */
	assert_int_equal(pread(fd, super, 2, 1024 + 56), 2);
	assert_memory_equal(super, "\x53\xef", 2);
	assert_int_equal(pread(fd, volume, sizeof(volume), 1024 + 120), sizeof(volume));
	assert_string_equal(volume, "tare-work");
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	free(path);
}

/* What is listed as the default is what the recipe makes. */
static void the_default_size_is_the_recipe_s(void **state)
{
	const struct machine_option *option = machine_ops_vm.options;
	const char *end = strchr(VM_IMAGES_WORK_DISK, 0);
	char last[16];

	(void)state;
	while (strcmp(option->name, "disk") != 0)
		option++;
	(void)snprintf(last, sizeof(last), "%s\n", option->fallback);
	assert_string_equal(end - strlen(last), last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_tare_s_own_is_refused_in_a_command_line),
		cmocka_unit_test(what_a_system_call_costs_is_marked),
		cmocka_unit_test(where_a_limit_lies_is_the_user_s_to_say),
		cmocka_unit_test(huge_pages_have_to_be_there),
		cmocka_unit_test(the_running_kernel_is_found_by_its_release),
		cmocka_unit_test(a_kernel_is_entered_by_way_of_a_few_instructions),
		cmocka_unit_test(a_kernel_that_is_in_the_way_is_entered_itself),
		cmocka_unit_test(modes_of_a_disk_go_together_or_are_refused),
		cmocka_unit_test(a_disk_without_o_direct_falls_back_unless_it_was_asked_for),
		cmocka_unit_test(that_a_file_is_open_directly_is_the_kernel_s_word),
		cmocka_unit_test(a_work_disk_has_the_size_that_is_asked_for),
		cmocka_unit_test(the_default_size_is_the_recipe_s),
		cmocka_unit_test(another_kernel_of_that_name_is_not_the_running_one),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
