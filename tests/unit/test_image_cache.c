/* SPDX-License-Identifier: MIT */
/* What the cache of guests remembers, and what it forgets. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "machine/vm/image.h"
#include "machine/vm/image_cache.h"
#include "machine/vm/image_index.h"
#include "machine/vm/image_root.h"
#include "machine/vm/snapshot.h"
#include "machine/vm/tsc.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char cache[64];

static int make_cache(void **state)
{
	(void)state;
	(void)snprintf(cache, sizeof(cache), "/tmp/tare-cache-XXXXXX");
	return mkdtemp(cache) ? 0 : -1;
}

static int remove_cache(void **state)
{
	(void)state;
	return fd_remove_tree(cache, NULL);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A folder that was last used at that second. */
static void make_aged(const char *name, time_t used)
{
	const struct timespec times[2] = {{.tv_sec = used}, {.tv_sec = used}};
	cleanup_free char *path = image_cache_path(cache, IMAGE_SAVED, name);

	assert_int_equal(fd_make_dirs(path, NULL), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
	cleanup_free char *path = image_cache_path(cache, IMAGE_SAVED, name);

	return access(path, F_OK) == 0;
}

static void the_oldest_go_but_not_what_is_held(void **state)
{
	cleanup_free char *held = image_cache_path(cache, IMAGE_SAVED, "b");
	cleanup_free char *used = image_cache_path(cache, IMAGE_SAVED, "a");

	(void)state;
	make_aged("a", 100);
	make_aged("b", 200);
	make_aged("c", 300);
	make_aged("d", 400);
	make_aged("e.unfinished-1", 50);
	image_cache_touch(used);
	cleanup_close int fd = open(held, O_RDONLY | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_SH), 0);
	image_cache_prune(cache, IMAGE_SAVED, 2);
	assert_true(is_there("a"));
	assert_true(is_there("b"));
	assert_false(is_there("c"));
	assert_true(is_there("d"));
	assert_true(is_there("e.unfinished-1"));
}

static void a_disk_in_use_does_not_keep_the_others(void **state)
{
	cleanup_free char *held = image_cache_path(cache, IMAGE_DISKS, "a");
	cleanup_free char *other = image_cache_path(cache, IMAGE_DISKS, "b");

	(void)state;
	assert_int_equal(fd_make_dirs(held, NULL), 0);
	assert_int_equal(fd_make_dirs(other, NULL), 0);
	cleanup_close int fd = open(held, O_RDONLY | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(image_root_collect(cache, NULL), 0);
	assert_int_equal(access(held, F_OK), 0);
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(image_root_collect(cache, NULL), 0);
	assert_int_equal(access(held, F_OK), -1);
}

/* Keep one whose hello is that text. */
static void keep_snapshot(const char *hello)
{
	struct snapshot_making making;

	assert_int_equal(snapshot_begin(cache, "print", 4096, NULL, &making, NULL), 0);
	cleanup_free char *state_path = text_format("%s/state", making.folder);
	cleanup_free char *hello_path = text_format("%s/hello.json", making.folder);
	cleanup_free char *disk_path = text_format("%s/disk", making.folder);

	write_text(state_path, "state");
	write_text(disk_path, "disk");
	write_text(hello_path, hello);
	assert_int_equal(snapshot_keep(&making, NULL), 0);
	snapshot_end(&making);
}

static void check_snapshot(const char *hello)
{
	cleanup_json json_t *expected = json_loads(hello, 0, NULL);
	struct snapshot snapshot;

	assert_int_equal(snapshot_load(cache, "print", &snapshot, NULL), 0);
	assert_true(json_equal(snapshot.hello, expected));
	snapshot_clear(&snapshot);
}

static void a_damaged_snapshot_is_replaced_but_not_a_whole_one(void **state)
{
	struct snapshot_making making;
	struct snapshot snapshot;

	(void)state;
	assert_int_equal(snapshot_load(cache, "print", &snapshot, NULL), -ENOENT);
	keep_snapshot("{\"n\": 1}");
	check_snapshot("{\"n\": 1}");
	keep_snapshot("{\"n\": 2}");
	check_snapshot("{\"n\": 1}");

	assert_int_equal(snapshot_begin(cache, "print", 4096, NULL, &making, NULL), 0);
	cleanup_free char *hello = text_format("%s/hello.json", making.final_name);
	cleanup_free char *of_state = text_format("%s/state", making.final_name);
	cleanup_free char *memory = text_format("%s/memory", making.final_name);
	cleanup_free char *disk = text_format("%s/disk", making.final_name);

	snapshot_end(&making);
	write_text(hello, "{\"n\":");
	assert_int_equal(snapshot_load(cache, "print", &snapshot, NULL), -ENOENT);
	keep_snapshot("{\"n\": 3}");
	check_snapshot("{\"n\": 3}");
	assert_int_equal(unlink(of_state), 0);
	keep_snapshot("{\"n\": 4}");
	check_snapshot("{\"n\": 4}");
	assert_int_equal(unlink(memory), 0);
	keep_snapshot("{\"n\": 5}");
	check_snapshot("{\"n\": 5}");
	assert_int_equal(unlink(disk), 0);
	keep_snapshot("{\"n\": 6}");
	check_snapshot("{\"n\": 6}");
}

static void an_image_is_found_until_one_of_its_files_changes(void **state)
{
	cleanup_free char *kernel = text_format("%s/kernel", cache);
	cleanup_free char *agent = text_format("%s/agent", cache);
	cleanup_free char *lacking = text_format("%s/lacking", cache);
	cleanup_free char *guest = text_format("%s/guest", cache);
	const struct image_config config = {
		.cache_dir = cache, .libexec_dir = cache, .kernel = kernel};
	json_t *sources = json_pack("[ss]", agent, lacking);
	char id[DIGEST_SIZE] = "";

	(void)state;
	assert_int_equal(fd_make_dirs(guest, NULL), 0);
	write_text(kernel, "kernel");
	write_text(agent, "agent");
	assert_false(image_index_find(&config, id));
	image_index_note(&config, sources, ID);
	assert_true(image_index_find(&config, id));
	assert_string_equal(id, ID);
	write_text(agent, "other");
	assert_false(image_index_find(&config, id));
	image_index_note(&config, sources, ID);
	assert_true(image_index_find(&config, id));
	write_text(lacking, "is there now");
	assert_false(image_index_find(&config, id));
	(void)unlink(lacking);
	assert_true(image_index_find(&config, id));
	write_text(kernel, "another");
	assert_false(image_index_find(&config, id));
	json_decref(sources);
}

/* A host whose kernel tells the frequency needs no note. */
static void a_frequency_that_was_measured_is_noted(void **state)
{
	cleanup_free char *path = text_format("%s/guest/tsc", cache);
	uint64_t khz = tsc_host_khz(cache);
	char text[128], boot_id[64], expected[128];

	(void)state;
	if (access(path, F_OK) < 0) {
		print_message("not measured: %llu kHz\n", (unsigned long long)khz);
		return;
	}
	assert_true(fd_read_file(AT_FDCWD, path, text, sizeof(text), NULL) > 0);
	assert_true(fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot_id,
				 sizeof(boot_id), NULL) > 0);
	boot_id[strcspn(boot_id, "\n")] = '\0';
	(void)snprintf(expected, sizeof(expected), "%s %llu\n", boot_id, (unsigned long long)khz);
	assert_string_equal(text, expected);
	assert_true(khz > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_oldest_go_but_not_what_is_held, make_cache,
						remove_cache),
		cmocka_unit_test_setup_teardown(a_disk_in_use_does_not_keep_the_others, make_cache,
						remove_cache),
		cmocka_unit_test_setup_teardown(a_damaged_snapshot_is_replaced_but_not_a_whole_one,
						make_cache, remove_cache),
		cmocka_unit_test_setup_teardown(an_image_is_found_until_one_of_its_files_changes,
						make_cache, remove_cache),
		cmocka_unit_test_setup_teardown(a_frequency_that_was_measured_is_noted, make_cache,
						remove_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
