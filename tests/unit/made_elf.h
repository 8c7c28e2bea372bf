/* SPDX-License-Identifier: MIT */
#pragma once
/* made_elf: ELF files as small as they can be that pass for a kernel or for a module. */

#include <elf.h>
#include <string.h>

struct made_elf {
	Elf64_Ehdr header;
	Elf64_Phdr note_segment;
	Elf64_Shdr sections[3]; /* none, .modinfo, .shstrtab */
	char names[24];
	struct {
		Elf64_Nhdr header;
		char name[4];
		unsigned char entry[8];
	} note;
	char banner[64];
	char modinfo[4096];
};

static inline void made_elf_fill(struct made_elf *ret, const char *modinfo, size_t modinfo_size)
{
	static const char names[] = "\0.modinfo\0.shstrtab";

	*ret = (struct made_elf){
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				       EV_CURRENT},
			   .e_type = ET_EXEC,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_phoff = offsetof(struct made_elf, note_segment),
			   .e_shoff = offsetof(struct made_elf, sections),
			   .e_ehsize = sizeof(Elf64_Ehdr),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 1,
			   .e_shentsize = sizeof(Elf64_Shdr),
			   .e_shnum = 3,
			   .e_shstrndx = 2},
		.note_segment = {.p_type = PT_NOTE,
				 .p_offset = offsetof(struct made_elf, note),
				 .p_filesz = sizeof(ret->note),
				 .p_align = 4},
		.sections = {{0},
			     {.sh_name = 1,
			      .sh_type = SHT_PROGBITS,
			      .sh_offset = offsetof(struct made_elf, modinfo),
			      .sh_size = modinfo_size,
			      .sh_addralign = 1},
			     {.sh_name = 10,
			      .sh_type = SHT_STRTAB,
			      .sh_offset = offsetof(struct made_elf, names),
			      .sh_size = sizeof(names),
			      .sh_addralign = 1}},
		.note = {.header = {.n_namesz = 4, .n_descsz = 8, .n_type = 18}, .name = "Xen"},
		.banner = "Linux version %s Linux version 6.1.0-made (by a test)",
	};
	memcpy(ret->names, names, sizeof(names));
	memcpy(ret->modinfo, modinfo, modinfo_size);
}
