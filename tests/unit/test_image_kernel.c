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

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "folder.h"
#include "machine/vm/image_bytes.h"
#include "machine/vm/image_debian.h"
#include "machine/vm/image_vmlinux.h"
#include "made_elf.h"

static void put_u32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* A bzImage of one setup sector whose payload begins right after it. */
static size_t make_bzimage(unsigned char *image, const void *payload, size_t size)
{
	memset(image, 0, 1024);
	image[0x1f1] = 1;
	put_u32(image + 0x202, 0x53726448); /* "HdrS" */
	image[0x206] = 0x0f;
	image[0x207] = 0x02;
	put_u32(image + 0x24c, (uint32_t)size);
	memcpy(image + 1024, payload, size);
	return 1024 + size;
}

static size_t pack(int (*filter)(struct archive *), const void *bytes, size_t size, void *ret,
		   size_t room)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	assert_int_equal(filter(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, ret, room, &used), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, bytes, size), size);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(entry);
	(void)archive_write_free(a);
	return used;
}

static int read_kernel(const void *bytes, size_t size, struct image_bytes *ret,
		       struct tare_err *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/kernel", folder);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(fd_write_all(fd, bytes, size, NULL), 0);
	return image_vmlinux_read(path, ret, err);
}

static void a_header_that_is_cut_off_anywhere_is_refused(void **state)
{
	unsigned char image[2048], payload[64] = {1};
	struct image_payload found;
	size_t size = make_bzimage(image, payload, sizeof(payload));

	(void)state;
	assert_int_equal(image_payload_find(image, size, &found, NULL), 0);
	for (size_t n = 0; n < size; n++) {
		/* On the heap, so that a sanitizer sees a step beyond the end. */
		cleanup_free unsigned char *cut = malloc(n ? n : 1);

		memcpy(cut, image, n);
		assert_int_equal(image_payload_find(cut, n, &found, NULL), -EBADMSG);
	}
}

static void a_header_that_points_out_of_the_file_is_refused(void **state)
{
	static const uint32_t bad[][2] = {
		{0, 65},
		{1, 64},
		{64, 1},
		{65, 64},
		{0xffffffff, 64},
		{0, 0xffffffff},
		{0xffffffff, 0xffffffff},
		{0, 0},
		{0, 7},
		{0x80000000, 64},
		{0xfffffc00, 0x440},
	};
	unsigned char image[2048], payload[64] = {1};
	size_t size = make_bzimage(image, payload, sizeof(payload));
	struct image_payload found;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_u32(image + 0x248, bad[i][0]);
		put_u32(image + 0x24c, bad[i][1]);
		assert_int_equal(image_payload_find(image, size, &found, NULL), -EBADMSG);
	}
	make_bzimage(image, payload, sizeof(payload));
	image[0x1f1] = 255;
	assert_int_equal(image_payload_find(image, size, &found, NULL), -EBADMSG);
	image[0x1f1] = 0; /* means 4 */
	assert_int_equal(image_payload_find(image, size, &found, NULL), -EBADMSG);
}

static void an_old_or_foreign_header_is_refused(void **state)
{
	unsigned char image[2048], payload[64] = {1};
	size_t size = make_bzimage(image, payload, sizeof(payload));
	struct image_payload found;

	(void)state;
	image[0x206] = 0x07;
	assert_int_equal(image_payload_find(image, size, &found, NULL), -EBADMSG);
	make_bzimage(image, payload, sizeof(payload));
	image[0x202] = 'h';
	assert_int_equal(image_payload_find(image, size, &found, NULL), -EBADMSG);
}

static void the_size_after_the_payload_is_cut_off_except_after_gzip(void **state)
{
	unsigned char image[2048], payload[64] = {0x02, 0x21, 0x4c, 0x18, [60] = 7, [61] = 1};
	size_t size = make_bzimage(image, payload, sizeof(payload));
	struct image_payload found;

	(void)state;
	assert_int_equal(image_payload_find(image, size, &found, NULL), 0);
	assert_int_equal(found.offset, 1024);
	assert_int_equal(found.size, 60);
	assert_int_equal(found.unpacked, 263);
	image[1024] = 0x1f;
	image[1025] = 0x8b;
	assert_int_equal(image_payload_find(image, size, &found, NULL), 0);
	assert_int_equal(found.size, 64);
	assert_int_equal(found.unpacked, 0);
}

static void a_kernel_is_unpacked_whatever_packed_it(void **state)
{
	static int (*const filters[])(struct archive *) = {
		archive_write_add_filter_gzip, archive_write_add_filter_xz,
		archive_write_add_filter_zstd, archive_write_add_filter_lz4};
	unsigned char packed[16384], image[20000];
	struct made_elf elf;

	(void)state;
	made_elf_fill(&elf, "", 0);
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		cleanup_bytes struct image_bytes vmlinux = {0};
		struct tare_err err = {0};
		char release[65];
		size_t n = pack(filters[i], &elf, sizeof(elf), packed, sizeof(packed) - 4);

		if (i > 0) {
			put_u32(packed + n, sizeof(elf));
			n += 4;
		}
		n = make_bzimage(image, packed, n);
		if (read_kernel(image, n, &vmlinux, &err) < 0)
			fail_msg("filter %zu: %s", i, err.msg);
		assert_int_equal(vmlinux.size, sizeof(elf));
		assert_memory_equal(vmlinux.at, &elf, sizeof(elf));
		assert_int_equal(image_vmlinux_release(&vmlinux, release, 65, NULL), 0);
		assert_string_equal(release, "6.1.0-made");
	}
}

static void a_kernel_that_unpacks_to_another_size_is_refused(void **state)
{
	unsigned char packed[16384], image[20000];
	struct image_bytes vmlinux;
	struct made_elf elf;
	size_t n;

	(void)state;
	made_elf_fill(&elf, "", 0);
	n = pack(archive_write_add_filter_zstd, &elf, sizeof(elf), packed, sizeof(packed) - 4);
	put_u32(packed + n, sizeof(elf) + 1);
	n = make_bzimage(image, packed, n + 4);
	assert_int_equal(read_kernel(image, n, &vmlinux, NULL), -EBADMSG);
}

static void what_unpacks_to_too_much_is_stopped(void **state)
{
	const size_t size = (size_t)8 << 20;
	cleanup_free void *zeros = calloc(1, size);
	cleanup_free unsigned char *packed = malloc(1 << 20);
	cleanup_bytes struct image_bytes bytes = {0};
	size_t n = pack(archive_write_add_filter_gzip, zeros, size, packed, 1 << 20);

	(void)state;
	assert_int_equal(image_bytes_unpack(packed, n, size - 1, &bytes, NULL), -EFBIG);
	assert_int_equal(image_bytes_unpack(packed, n, size / 16, &bytes, NULL), -EFBIG);
	assert_null(bytes.at);
	assert_int_equal(image_bytes_unpack(packed, n, size, &bytes, NULL), 0);
	assert_int_equal(bytes.size, size);
}

static void damaged_and_unpacked_bytes_are_refused(void **state)
{
	unsigned char packed[16384];
	struct image_bytes bytes;
	struct made_elf elf;
	size_t n;

	(void)state;
	made_elf_fill(&elf, "", 0);
	n = pack(archive_write_add_filter_xz, &elf, sizeof(elf), packed, sizeof(packed));
	assert_int_equal(image_bytes_unpack(packed, n / 2, 1 << 20, &bytes, NULL), -EBADMSG);
	assert_int_equal(image_bytes_unpack(&elf, sizeof(elf), 1 << 20, &bytes, NULL), -EBADMSG);
	assert_int_equal(image_bytes_unpack("", 0, 1 << 20, &bytes, NULL), -EBADMSG);
}

static void only_an_x86_kernel_with_pvh_is_taken(void **state)
{
	struct image_bytes vmlinux;
	struct tare_err err = {0};
	struct made_elf elf;

	(void)state;
	made_elf_fill(&elf, "", 0);
	elf.note.header.n_type = 17;
	assert_int_equal(read_kernel(&elf, sizeof(elf), &vmlinux, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "CONFIG_PVH"));
	made_elf_fill(&elf, "", 0);
	elf.header.e_machine = EM_AARCH64;
	assert_int_equal(read_kernel(&elf, sizeof(elf), &vmlinux, NULL), -EBADMSG);
	made_elf_fill(&elf, "", 0);
	elf.note_segment.p_offset = UINT64_MAX - 8;
	assert_int_equal(read_kernel(&elf, sizeof(elf), &vmlinux, NULL), -EBADMSG);
	made_elf_fill(&elf, "", 0);
	elf.note.header.n_descsz = UINT32_MAX;
	assert_int_equal(read_kernel(&elf, sizeof(elf), &vmlinux, NULL), -EBADMSG);
}

static void a_kernel_cut_off_before_its_note_is_refused(void **state)
{
	struct made_elf elf;

	(void)state;
	made_elf_fill(&elf, "", 0);
	for (size_t n = 0; n < offsetof(struct made_elf, banner); n++) {
		struct image_bytes cut = {.at = malloc(n ? n : 1), .size = n};

		memcpy(cut.at, &elf, n);
		assert_int_equal(image_vmlinux_check(&cut, NULL), -EBADMSG);
		image_bytes_clear(&cut);
	}
}

static void a_kernel_that_does_not_say_its_release_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Linux version ",
		"Linux version %s",
		"Linux version x6",
		"Linux version 66666666666666666666666666666666666666666666666666666666666666666",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct image_bytes bytes = {.size = strlen(texts[i])};
		char release[65];

		bytes.at = malloc(bytes.size ? bytes.size : 1);
		memcpy(bytes.at, texts[i], bytes.size);
		assert_int_equal(image_vmlinux_release(&bytes, release, 65, NULL), -EBADMSG);
		image_bytes_clear(&bytes);
	}
}

static void the_kernels_package_is_what_apt_says(void **state)
{
	struct image_debian debian;

	(void)state;
	assert_int_equal(image_debian_parse("Package: linux-image-cloud-amd64\n"
					    "Depends: linux-image-6.1.0-56-cloud-amd64 "
					    "(= 6.1.192-2), other\nSize: 1\n",
					    &debian, NULL),
			 0);
	assert_string_equal(debian.package, "linux-image-6.1.0-56-cloud-amd64");
	assert_string_equal(debian.version, "6.1.192-2");
}

static void a_package_that_is_no_file_name_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Depends: ",
		"Depends: linux-image-6.1 (= 6.1",
		"Depends: linux-image-6.1 (>= 6.1)\n",
		"Depends: linux-image-../../x (= 1)\n",
		"Depends: linux-image-6.1 (= ../1)\n",
		"Depends: linux-image-6.1 (= 1:2)\n",
		"Depends: -oX=y (= 1)\n",
		"Depends: linux-image-6.1 (= )\n",
	};
	struct image_debian debian;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(image_debian_parse(texts[i], &debian, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_that_is_cut_off_anywhere_is_refused),
		cmocka_unit_test(a_header_that_points_out_of_the_file_is_refused),
		cmocka_unit_test(an_old_or_foreign_header_is_refused),
		cmocka_unit_test(the_size_after_the_payload_is_cut_off_except_after_gzip),
		cmocka_unit_test(a_kernel_is_unpacked_whatever_packed_it),
		cmocka_unit_test(a_kernel_that_unpacks_to_another_size_is_refused),
		cmocka_unit_test(what_unpacks_to_too_much_is_stopped),
		cmocka_unit_test(damaged_and_unpacked_bytes_are_refused),
		cmocka_unit_test(only_an_x86_kernel_with_pvh_is_taken),
		cmocka_unit_test(a_kernel_cut_off_before_its_note_is_refused),
		cmocka_unit_test(a_kernel_that_does_not_say_its_release_is_refused),
		cmocka_unit_test(the_kernels_package_is_what_apt_says),
		cmocka_unit_test(a_package_that_is_no_file_name_is_refused),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
