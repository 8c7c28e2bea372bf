/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_modules.h"

#include <ctype.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

#define DEPTH_MAX 32

/* A module on the way to the one that is being looked at. */
struct visit {
	const char *name;
	const struct visit *from;
	int depth;
};

struct ordering {
	const struct image_module_finder *finder;
	struct image_modules *modules;
};

/* Of key=VALUE\0 strings; the last one may lack its end. */
static int find_value(const char *at, size_t size, const char *key, char *ret, size_t ret_size,
		      struct tare_err *err)
{
	size_t key_size = strlen(key);

	while (size > 0) {
		size_t n = strnlen(at, size);

		if (n > key_size && memcmp(at, key, key_size) == 0 && at[key_size] == '=') {
			if (n - key_size > ret_size)
				return err_set(err, EBADMSG, "its .modinfo has too long a '%s'",
					       key);
			memcpy(ret, at + key_size + 1, n - key_size - 1);
			ret[n - key_size - 1] = '\0';
			return 1;
		}
		n += n < size;
		at += n;
		size -= n;
	}
	return 0;
}

static Elf_Data *find_section(Elf *elf, const char *name)
{
	size_t names = 0;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return NULL;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		const char *text;
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header))
			return NULL;
		text = elf_strptr(elf, names, header.sh_name);
		if (text && strcmp(text, name) == 0)
			return elf_rawdata(section, NULL);
	}
	return NULL;
}

int image_modinfo_get(struct image_bytes *module, const char *key, char *ret, size_t size,
		      struct tare_err *err)
{
	Elf_Data *data;
	Elf *elf;
	int r;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ENOTSUP, "libelf is too old");
	elf = elf_memory((char *)module->at, module->size);
	data = elf && elf_kind(elf) == ELF_K_ELF ? find_section(elf, ".modinfo") : NULL;
	if (!data || !data->d_buf)
		r = err_set(err, EBADMSG, "it is no kernel module: no ELF file with .modinfo");
	else
		r = find_value(data->d_buf, data->d_size, key, ret, size, err);
	(void)elf_end(elf);
	return r;
}

/* As the kernel names them: modprobe(8) takes '-' and '_' for the same. */
static int copy_name(const char *from, size_t n, char ret[IMAGE_MODULE_NAME_MAX],
		     struct tare_err *err)
{
	if (n == 0 || n >= IMAGE_MODULE_NAME_MAX)
		return err_set(err, EBADMSG, "'%.*s' is no name of a module", (int)(n % 256), from);
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)from[i]) && from[i] != '_' && from[i] != '-')
			return err_set(err, EBADMSG, "'%.*s' is no name of a module", (int)n, from);
		ret[i] = from[i];
		if (ret[i] == '-')
			ret[i] = '_';
	}
	ret[n] = '\0';
	return 0;
}

static bool is_in(const struct image_modules *modules, const char *name)
{
	for (size_t i = 0; i < modules->n; i++)
		if (strcmp(modules->names[i], name) == 0)
			return true;
	return false;
}

static int check_way(const struct visit *visit, struct tare_err *err)
{
	if (visit->depth > DEPTH_MAX)
		return err_set(err, ELOOP,
			       "module '%s': more than %d depend on each other in a row",
			       visit->name, DEPTH_MAX);
	for (const struct visit *v = visit->from; v; v = v->from)
		if (strcmp(v->name, visit->name) == 0)
			return err_set(err, ELOOP, "module '%s' depends on itself by way of '%s'",
				       visit->name, visit->from->name);
	return 0;
}

static int add(struct ordering *o, const struct visit *visit, bool optional, struct tare_err *err);

static int add_depends(struct ordering *o, const struct visit *visit, const char *depends,
		       struct tare_err *err)
{
	while (*depends) {
		char name[IMAGE_MODULE_NAME_MAX];
		struct visit next = {.name = name, .from = visit, .depth = visit->depth + 1};
		size_t n = strcspn(depends, ",");
		int r = copy_name(depends, n, name, err);

		if (r == 0)
			r = add(o, &next, false, err);
		if (r < 0)
			return r;
		depends += n;
		depends += *depends == ',';
	}
	return 0;
}

static int add(struct ordering *o, const struct visit *visit, bool optional, struct tare_err *err)
{
	struct image_modules *modules = o->modules;
	cleanup_free char *depends = NULL;
	int r;

	if (is_in(modules, visit->name))
		return 0;
	r = check_way(visit, err);
	if (r < 0)
		return r;
	depends = calloc(1, IMAGE_DEPENDS_MAX);
	if (!depends)
		return err_set(err, ENOMEM, "out of memory");
	r = o->finder->find(o->finder->context, visit->name, depends, err);
	if (r < 0)
		return err_wrap(err, r, "module '%s'", visit->name);
	if (r == IMAGE_MODULE_UNKNOWN && !optional)
		return err_set(err, ENOENT, "the kernel has no module '%s'%s%s", visit->name,
			       visit->from ? ", which is needed by " : "",
			       visit->from ? visit->from->name : "");
	if (r != IMAGE_MODULE_FILE)
		return 0;
	r = add_depends(o, visit, depends, err);
	if (r < 0)
		return r;
	if (modules->n == IMAGE_MODULES_MAX)
		return err_set(err, E2BIG, "more than %d modules", IMAGE_MODULES_MAX);
	(void)snprintf(modules->names[modules->n++], IMAGE_MODULE_NAME_MAX, "%s", visit->name);
	return 0;
}

static int add_line(struct ordering *o, const char *line, size_t n, struct tare_err *err)
{
	char name[IMAGE_MODULE_NAME_MAX];
	struct visit visit = {.name = name};
	size_t word = 0;
	bool optional;
	int r;

	while (word < n && line[word] != ' ')
		word++;
	if (n == 0 || line[0] == '#')
		return 0;
	r = copy_name(line, word, name, err);
	if (r < 0)
		return r;
	optional =
		n - word == strlen(" optional") && memcmp(line + word, " optional", n - word) == 0;
	if (word < n && !optional)
		return err_set(err, EBADMSG, "after '%s': only 'optional' may follow", name);
	return add(o, &visit, optional, err);
}

int image_modules_order(const char *recipe, const struct image_module_finder *finder,
			struct image_modules *ret, struct tare_err *err)
{
	struct ordering o = {.finder = finder, .modules = ret};

	ret->n = 0;
	while (*recipe) {
		size_t n = strcspn(recipe, "\n");
		int r = add_line(&o, recipe, n, err);

		if (r < 0)
			return r;
		recipe += n;
		recipe += *recipe == '\n';
	}
	return 0;
}
