/* SPDX-License-Identifier: MIT */
/* tare image: what guests boot from: make it, list it, remove it. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "kernel/journal.h"
#include "machine/vm/image.h"

struct image_options {
	const char *kernel;
	bool all;
};

struct action {
	const char *name;
	int max_args; /* after its name */
	int (*run)(const struct places *places, const struct image_options *own,
		   const struct cli_options *cli, struct tare_err *err);
};

static int take_kernel(void *options, const char *text, struct tare_err *err)
{
	struct image_options *own = options;

	if (!text[0])
		return err_set(err, EINVAL, "--kernel: name a bzImage or a vmlinux");
	own->kernel = text;
	return 0;
}

static int take_all(void *options, const char *text, struct tare_err *err)
{
	struct image_options *own = options;

	(void)text;
	(void)err;
	own->all = true;
	return 0;
}

static const struct command_option image_options[] = {
	{"kernel", 0, "FILE",
	 "build: a bzImage or ELF vmlinux (default: Debian's newest cloud kernel)", take_kernel},
	{"all", 0, NULL, "rm: all images and kernels", take_all},
	{0},
};

static void say(const char *what, void *context)
{
	(void)context;
	log_info("%s", what);
}

static int print_json(const json_t *value, struct tare_err *err)
{
	if (json_dumpf(value, stdout, JSON_INDENT(1)) < 0 || printf("\n") < 0 ||
	    fflush(stdout) != 0)
		return err_errno(err, "write to stdout");
	return 0;
}

static int print_image(const struct image *image, bool as_json, struct tare_err *err)
{
	cleanup_json json_t *about = NULL;

	if (!as_json) {
		if (printf("%s\n", image->folder) < 0 || fflush(stdout) != 0)
			return err_errno(err, "write to stdout");
		return 0;
	}
	about = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", image->id, "folder", image->folder,
			  "release", image->kernel_release, "kernel_sha256", image->kernel_sha256,
			  "initrd_sha256", image->initrd_sha256);
	return about ? print_json(about, err) : err_set(err, ENOMEM, "out of memory");
}

static int build(const struct places *places, const struct image_options *own,
		 const struct cli_options *cli, struct tare_err *err)
{
	struct image_config config = {
		.cache_dir = places->cache_dir,
		.libexec_dir = places->libexec_dir,
		.kernel = own->kernel,
		.newest = true,
		.say = say,
	};
	struct image image = {.lock_fd = -1};
	int r = journal_open(&config.journal, err), r_left;

	if (r < 0)
		return r;
	r = image_ensure(&config, &image, err);
	if (r == 0)
		r = print_image(&image, cli->json, err);
	image_release(&image);
	r_left = journal_close(config.journal, r < 0 ? NULL : err);
	return r < 0 ? r : r_left;
}

static void print_row(const char *name, const json_t *item, const char *release, const char *note)
{
	(void)printf("%-44s %-28s %6.1f MB%s\n", name, release,
		     (double)json_u64_or(item, "bytes", 0) / 1e6, note);
}

static void print_lists(const json_t *all)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(all, "images"), i, item)
	{
		char name[48];

		(void)snprintf(name, sizeof(name), "image %.12s", json_string_or(item, "id", ""));
		print_row(name, item,
			  json_string_or(json_object_get(item, "kernel"), "release", "?"),
			  json_bool_or(item, "damaged", false) ? ", damaged" : "");
	}
	json_array_foreach(json_object_get(all, "kernels"), i, item)
	{
		cleanup_free char *name =
			text_format("kernel %s", json_string_or(item, "name", ""));

		print_row(name ? name : "", item, json_string_or(item, "release", "?"),
			  json_bool_or(item, "damaged", false) ? ", damaged" : "");
	}
}

static int list(const struct places *places, const struct image_options *own,
		const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *all = NULL;
	int r = image_list(places->cache_dir, &all, err);

	(void)own;
	if (r < 0)
		return r;
	if (cli->json)
		return print_json(all, err);
	print_lists(all);
	if (fflush(stdout) != 0)
		return err_errno(err, "write to stdout");
	return 0;
}

static int rm(const struct places *places, const struct image_options *own,
	      const struct cli_options *cli, struct tare_err *err)
{
	if (own->all != (cli->n_args == 1))
		return err_set(err, EINVAL, "rm: give names of 'tare image list', or --all");
	if (own->all)
		return image_remove(places->cache_dir, NULL, err);
	for (int i = 1; i < cli->n_args; i++) {
		int r = image_remove(places->cache_dir, cli->args[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static const struct action actions[] = {
	{"build", 0, build},
	{"list", 0, list},
	{"rm", 1000, rm},
};
#define N_ACTIONS (sizeof(actions) / sizeof(*actions))

static int find_action(const struct cli_options *cli, const struct image_options *own,
		       const struct action **ret, struct tare_err *err)
{
	static const char *const names[] = {"build", "list", "rm", NULL};
	char hint[TEXT_HINT_SIZE];

	if (cli->n_args == 0)
		return err_set(err, EINVAL, "say what to do: build, list or rm");
	for (size_t i = 0; i < N_ACTIONS; i++)
		if (strcmp(cli->args[0], actions[i].name) == 0)
			*ret = &actions[i];
	if (!*ret)
		return err_set(err, EINVAL, "there is no 'image %.40s'%s", cli->args[0],
			       text_hint(cli->args[0], names, hint, sizeof(hint)));
	if (own->kernel && (*ret)->run != build)
		return err_set(err, EINVAL, "--kernel is for 'image build'");
	if (own->all && (*ret)->run != rm)
		return err_set(err, EINVAL, "--all is for 'image rm'");
	return options_at_most(cli, 1 + (*ret)->max_args, err);
}

static int run_image(const struct command *command, int argc, char **argv)
{
	const struct action *action = NULL;
	struct image_options own = {0};
	struct places places = {0};
	struct tare_err err = {0};
	struct cli_options cli;
	int r = options_read(command, argc, argv, &own, &cli);

	if (r != OPTIONS_GO_ON)
		return r;
	if (find_action(&cli, &own, &action, &err) < 0)
		return command_misuse(command, &err);
	r = places_find(&places, &err);
	if (r == 0) {
		r = action->run(&places, &own, &cli, &err);
		(void)places_close(&places, NULL);
	}
	if (r == -EINVAL)
		return command_misuse(command, &err);
	return r < 0 ? command_fail(command, &err) : EXIT_OK;
}

const struct command command_image = {
	.name = "image",
	.usage = "build [--kernel FILE] | list | rm NAME... | rm --all",
	.summary = "make, list and remove what guests boot from",
	.details =
		"build asks apt for the newest cloud kernel of Debian, takes it from its package\n"
		"without installing it, and prints the image's folder. Guests make an image\n"
		"themselves when there is none; they then stay with its kernel until the next "
		"build.\n"
		"The modules of a kernel's FILE are those of lib/modules/RELEASE beside it.\n"
		"rm takes the beginning of an image's ID, or a kernel's name.",
	.options = image_options,
	.run = run_image,
};
