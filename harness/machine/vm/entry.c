/* SPDX-License-Identifier: MIT */
#include "machine/vm/entry.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "machine/vm/image_vmlinux.h"

/* Above what firmware uses, below where kernels are: x86's default is 16 MiB. */
#define ENTRY_ADDRESS 0x200000U
#define ENTRY_PAGE    4096U
#define DEBUG_PORT    0xe9
#define JUMP_END      9 /* of code[], from where its jump counts */

struct entry_elf {
	Elf32_Ehdr header;
	Elf32_Phdr code_segment, note_segment;
	unsigned char code[12];
	struct {
		Elf32_Nhdr header;
		char name[4];
		uint32_t address;
	} note;
};

_Static_assert(sizeof(struct entry_elf) == ENTRY_SIZE, "the header says how large it is");

void entry_make(uint32_t kernel_entry, unsigned char ret[ENTRY_SIZE])
{
	struct entry_elf elf = {
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
				       EV_CURRENT},
			   .e_type = ET_EXEC,
			   .e_machine = EM_386,
			   .e_version = EV_CURRENT,
			   .e_entry = ENTRY_ADDRESS,
			   .e_phoff = offsetof(struct entry_elf, code_segment),
			   .e_ehsize = sizeof(Elf32_Ehdr),
			   .e_phentsize = sizeof(Elf32_Phdr),
			   .e_phnum = 2},
		.code_segment = {.p_type = PT_LOAD,
				 .p_offset = offsetof(struct entry_elf, code),
				 .p_vaddr = ENTRY_ADDRESS,
				 .p_paddr = ENTRY_ADDRESS,
				 .p_filesz = sizeof(elf.code),
				 .p_memsz = sizeof(elf.code),
				 .p_flags = PF_R | PF_X,
				 .p_align = 1},
		.note_segment = {.p_type = PT_NOTE,
				 .p_offset = offsetof(struct entry_elf, note),
				 .p_filesz = sizeof(elf.note),
				 .p_memsz = sizeof(elf.note),
				 .p_flags = PF_R,
				 .p_align = 4},
		/* mov al, 'k'; out 0xe9, al; jmp kernel: eax is free, ebx has what PVH passes */
		.code = {0xb0, ENTRY_BYTE, 0xe6, DEBUG_PORT, 0xe9},
		.note = {.header = {.n_namesz = 4, .n_descsz = 4, .n_type = IMAGE_NOTE_PVH},
			 .name = "Xen",
			 .address = ENTRY_ADDRESS},
	};
	uint32_t jump = kernel_entry - (ENTRY_ADDRESS + JUMP_END);

	memcpy(elf.code + JUMP_END - sizeof(jump), &jump, sizeof(jump));
	memcpy(ret, &elf, ENTRY_SIZE);
}

static bool is_made(const char *path, const unsigned char wanted[ENTRY_SIZE])
{
	unsigned char found[ENTRY_SIZE];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fd_read_all(fd, found, sizeof(found), NULL) == 0 &&
	       memcmp(found, wanted, ENTRY_SIZE) == 0;
}

/* Whoever else makes it now makes the same. */
static int put_file(const char *path, const unsigned char bytes[ENTRY_SIZE], struct tare_err *err)
{
	cleanup_free char *made = text_format("%s.%d", path, getpid());
	cleanup_close int fd =
		made ? open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	int r;

	if (!made)
		return err_set(err, ENOMEM, "out of memory");
	if (fd < 0)
		return err_errno(err, "make '%s'", made);
	r = fd_write_all(fd, bytes, ENTRY_SIZE, err);
	if (r == 0 && rename(made, path) < 0)
		r = err_errno(err, "make '%s'", path);
	if (r < 0)
		(void)unlink(made);
	return r;
}

int entry_ensure(const char *cache_dir, const char *vmlinux, char **ret_path, struct tare_err *err)
{
	cleanup_free char *folder = text_format("%s/guest/entries", cache_dir);
	cleanup_free char *path = NULL;
	unsigned char bytes[ENTRY_SIZE];
	uint32_t entry;
	int r = image_vmlinux_entry(vmlinux, ENTRY_ADDRESS, ENTRY_ADDRESS + ENTRY_PAGE, &entry,
				    err);

	if (r < 0)
		return r;
	path = text_format("%s/%08x", folder ? folder : "", entry);
	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	entry_make(entry, bytes);
	if (!is_made(path, bytes)) {
		r = fd_make_dirs(folder, err);
		if (r == 0)
			r = put_file(path, bytes, err);
		if (r < 0)
			return r;
	}
	*ret_path = take_pointer(path);
	return 0;
}
