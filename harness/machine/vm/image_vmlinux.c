/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_vmlinux.h"

#include <ctype.h>
#include <endian.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Documentation/arch/x86/boot.rst of Linux: "The Real-Mode Kernel Header". */
#define BOOT_SETUP_SECTS    0x1f1
#define BOOT_MAGIC          0x202 /* "HdrS" */
#define BOOT_VERSION        0x206
#define BOOT_PAYLOAD_OFFSET 0x248
#define BOOT_PAYLOAD_LENGTH 0x24c
#define BOOT_HEADER_END     0x250
#define BOOT_VERSION_NEEDED 0x208 /* the first that has the payload's place */
#define SECTOR              512

#define BANNER "Linux version "

static uint32_t read_u32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static bool is_gzip(const unsigned char *at)
{
	return at[0] == 0x1f && at[1] == 0x8b;
}

int image_payload_find(const unsigned char *bytes, size_t size, struct image_payload *ret,
		       struct tare_err *err)
{
	uint64_t setup, offset, length;

	if (size < BOOT_HEADER_END || memcmp(bytes + BOOT_MAGIC, "HdrS", 4) != 0)
		return err_set(err, EBADMSG, "neither a bzImage nor an ELF vmlinux");
	if ((bytes[BOOT_VERSION] | bytes[BOOT_VERSION + 1] << 8) < BOOT_VERSION_NEEDED)
		return err_set(err, EBADMSG, "a bzImage older than Linux 2.6.26");
	setup = bytes[BOOT_SETUP_SECTS] ? bytes[BOOT_SETUP_SECTS] : 4; /* 0 means 4 */
	offset = (setup + 1) * SECTOR + read_u32(bytes + BOOT_PAYLOAD_OFFSET);
	length = read_u32(bytes + BOOT_PAYLOAD_LENGTH);
	if (length < 8 || offset > size || length > size - offset)
		return err_set(err, EBADMSG, "a bzImage that is cut off, or whose header lies");
	*ret = (struct image_payload){.offset = offset, .size = length};
	/* scripts/Makefile.lib of Linux: all but gzip have their size appended. */
	if (!is_gzip(bytes + offset)) {
		ret->size -= 4;
		ret->unpacked = read_u32(bytes + offset + ret->size);
	}
	return 0;
}

/* The address in the note for PVH, of 4 or 8 bytes. */
static bool find_note(Elf_Data *data, uint32_t *ret)
{
	size_t at = 0, name, description;
	GElf_Nhdr note;

	while (data && (at = gelf_getnote(data, at, &note, &name, &description)) > 0) {
		if (note.n_type == IMAGE_NOTE_PVH && note.n_namesz == 4 && note.n_descsz >= 4 &&
		    memcmp((const char *)data->d_buf + name, "Xen", 4) == 0) {
			*ret = read_u32((const unsigned char *)data->d_buf + description);
			return true;
		}
	}
	return false;
}

static bool find_pvh(Elf *elf, uint32_t *ret)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_NOTE)
			continue;
		if (find_note(
			    elf_getdata_rawchunk(elf, (int64_t)p.p_offset, p.p_filesz, ELF_T_NHDR),
			    ret))
			return true;
	}
	return false;
}

/* Has a segment of it something there? A file that cannot be read has. */
static bool occupies(Elf *elf, uint64_t from, uint64_t until)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n) < 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) ||
		    (p.p_type == PT_LOAD && p.p_paddr < until && p.p_paddr + p.p_memsz > from))
			return true;
	}
	return false;
}

int image_vmlinux_entry(const char *path, uint64_t from, uint64_t until, uint32_t *ret,
			struct tare_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool found;
	Elf *elf;

	if (fd < 0)
		return err_errno(err, "open '%s'", path);
	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ENOTSUP, "libelf is too old");
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	found = elf && !occupies(elf, from, until) && find_pvh(elf, ret);
	(void)elf_end(elf);
	if (!found)
		return err_set(err, ENOTSUP, "'%s' leaves no room before its entry", path);
	return 0;
}

int image_vmlinux_check(struct image_bytes *vmlinux, struct tare_err *err)
{
	uint32_t entry;
	GElf_Ehdr header;
	Elf *elf;
	int r = 0;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ENOTSUP, "libelf is too old");
	elf = elf_memory((char *)vmlinux->at, vmlinux->size);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) ||
	    header.e_machine != EM_X86_64)
		r = err_set(err, EBADMSG, "not an ELF kernel for x86-64");
	else if (!find_pvh(elf, &entry))
		r = err_set(err, EBADMSG,
			    "it has no entry for PVH: it was built without CONFIG_PVH");
	(void)elf_end(elf);
	return r;
}

static bool is_release(int c)
{
	return isalnum(c) || (c && strchr("._+~-", c));
}

int image_vmlinux_release(const struct image_bytes *vmlinux, char *ret, size_t size,
			  struct tare_err *err)
{
	const unsigned char *at = vmlinux->at, *end = at + vmlinux->size;

	/* The first that is no format string. */
	while ((at = memmem(at, (size_t)(end - at), BANNER, strlen(BANNER)))) {
		size_t n = 0;

		at += strlen(BANNER);
		while (at + n < end && n < size && is_release(at[n]))
			n++;
		if (n > 0 && n < size && isdigit(at[0])) {
			memcpy(ret, at, n);
			ret[n] = '\0';
			return 0;
		}
	}
	return err_set(err, EBADMSG, "it does not say its release");
}

static int unpack(const struct image_bytes *file, struct image_bytes *ret, struct tare_err *err)
{
	struct image_payload payload;
	int r = image_payload_find(file->at, file->size, &payload, err);

	if (r < 0)
		return r;
	r = image_bytes_unpack(file->at + payload.offset, payload.size, IMAGE_KERNEL_MAX, ret, err);
	if (r == 0 && payload.unpacked && ret->size != payload.unpacked)
		return err_set(err, EBADMSG, "a bzImage whose kernel unpacks to another size");
	return r;
}

int image_vmlinux_read(const char *path, struct image_bytes *ret, struct tare_err *err)
{
	cleanup_bytes struct image_bytes file = {0};
	cleanup_bytes struct image_bytes vmlinux = {0};
	int r = image_bytes_read(path, IMAGE_KERNEL_MAX, &file, err);

	if (r < 0)
		return r;
	if (file.size > SELFMAG && memcmp(file.at, ELFMAG, SELFMAG) == 0)
		vmlinux = image_bytes_take(&file);
	else
		r = unpack(&file, &vmlinux, err);
	if (r == 0)
		r = image_vmlinux_check(&vmlinux, err);
	if (r < 0)
		return err_wrap(err, r, "kernel '%.120s'", path);
	*ret = image_bytes_take(&vmlinux);
	return 0;
}
