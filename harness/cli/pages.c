/* SPDX-License-Identifier: MIT */
/* tare-pages DIR LOAD: writes DIR/man/NAME.1 and DIR/completions/tare from the tables that tare
 * parses by. The build runs it, LOAD is tare-load; it is not installed. */

#include <limits.h>
#include <stdio.h>

#include "base/err.h"
#include "base/fd.h"
#include "cli/command.h"
#include "cli/log.h"
#include "cli/pages/completion.h"
#include "cli/pages/man.h"

static int open_page(const char *dir, const char *folder, const char *name, const char *end,
		     FILE **ret, struct tare_err *err)
{
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, folder);
	r = fd_make_dirs(path, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/%s/%s%s", dir, folder, name, end);
	*ret = fopen(path, "we");
	return *ret ? 0 : err_errno(err, "write '%.200s'", path);
}

static int close_page(FILE *page, struct tare_err *err)
{
	int bad = ferror(page);

	return fclose(page) != 0 || bad ? err_set(err, EIO, "a page could not be written") : 0;
}

/* command: NULL for the page of all. */
static int write_man(const char *dir, const struct command *command, struct tare_err *err)
{
	char name[64];
	FILE *page;
	int r;

	(void)snprintf(name, sizeof(name), "tare%s%s", command ? "-" : "",
		       command ? command->name : "");
	r = open_page(dir, "man", name, ".1", &page, err);
	if (r < 0)
		return r;
	if (command)
		man_put_command(page, command);
	else
		man_put_overview(page);
	return close_page(page, err);
}

static int write_completion(const char *dir, const char *load_path, struct tare_err *err)
{
	FILE *page;
	int r = open_page(dir, "completions", "tare", "", &page, err);

	if (r < 0)
		return r;
	r = completion_put(page, load_path, err);
	if (r < 0) {
		(void)fclose(page);
		return r;
	}
	return close_page(page, err);
}

static int write_all(const char *dir, const char *load_path, struct tare_err *err)
{
	int r = write_man(dir, NULL, err);

	for (const struct command *const *c = command_table; r == 0 && *c; c++)
		r = write_man(dir, *c, err);
	return r < 0 ? r : write_completion(dir, load_path, err);
}

int main(int argc, char **argv)
{
	struct tare_err err = {0};

	log_setup(false, false);
	if (argc != 3) {
		log_error("usage: tare-pages DIR LOAD");
		return EXIT_USAGE;
	}
	if (write_all(argv[1], argv[2], &err) < 0) {
		log_error("pages: %s", err.msg);
		return EXIT_FOUND;
	}
	return EXIT_OK;
}
