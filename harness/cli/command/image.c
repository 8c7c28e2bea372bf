/* SPDX-License-Identifier: MIT */
/* tare image: root filesystems for boxes, and what guests boot from. */

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/images.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/places.h"
#include "image/keep.h"
#include "kernel/journal.h"
#include "machine/vm/image.h"
#include "machine/vm/image_root.h"

struct image_options {
	const char *kernel;
	const char *name;
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

static int take_name(void *options, const char *text, struct tare_err *err)
{
	struct image_options *own = options;

	if (!text_is_name(text))
		return err_set(err, EINVAL, "--name: '%.60s' is no name: use a-z, 0-9 and ._-",
			       text);
	own->name = text;
	return 0;
}

static const struct command_option image_options[] = {
	{"name", 0, "NAME", "import, build DIR: what to call it (default: as its file or folder)",
	 take_name},
	{"kernel", 0, "FILE",
	 "build without DIR: a bzImage or ELF vmlinux (default: Debian's newest cloud kernel)",
	 take_kernel},
	{"all", 0, NULL, "rm: all images and kernels", take_all},
	{0},
};

static void say(const char *what, void *context)
{
	(void)context;
	log_info("%s", what);
}

static int print_image(const struct image *image, bool as_json, struct tare_err *err)
{
	cleanup_json json_t *about = NULL;

	if (!as_json) {
		(void)puts(image->folder);
		return command_end_output(err);
	}
	about = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", image->id, "folder", image->folder,
			  "release", image->kernel_release, "kernel_sha256", image->kernel_sha256,
			  "initrd_sha256", image->initrd_sha256);
	return about ? command_print_json(about, err) : err_set(err, ENOMEM, "out of memory");
}

static int take_in(const struct places *places, const char *source, bool dockerfile,
		   const struct image_options *own, const struct cli_options *cli,
		   struct tare_err *err)
{
	cleanup_json json_t *about = NULL;
	int r = images_import(places, source, dockerfile, own->name, &about, err);

	if (r < 0)
		return r;
	if (cli->json)
		return command_print_json(about, err);
	if (printf("%s\n", json_string_or(about, "name", "")) < 0 || fflush(stdout) != 0)
		return err_errno(err, "write to stdout");
	return 0;
}

static int import(const struct places *places, const struct image_options *own,
		  const struct cli_options *cli, struct tare_err *err)
{
	if (cli->n_args != 2)
		return err_set(err, EINVAL,
			       "import: name one source: oci:DIR[:TAG], "
			       "oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or "
			       "rootfs:DIR");
	return take_in(places, cli->args[1], false, own, cli, err);
}

static int inspect(const struct places *places, const struct image_options *own,
		   const struct cli_options *cli, struct tare_err *err)
{
	cleanup_json json_t *about = NULL;
	int r;

	(void)own;
	if (cli->n_args != 2)
		return err_set(err, EINVAL, "inspect: name one image");
	r = keep_inspect(places->cache_dir, cli->args[1], &about, err);
	return r < 0 ? r : command_print_json(about, err);
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
	int r, r_left;

	if (cli->n_args == 2)
		return take_in(places, cli->args[1], true, own, cli, err);
	r = journal_open(&config.journal, err);
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
	json_array_foreach(json_object_get(all, "disks"), i, item)
	{
		char name[48], of[48];

		(void)snprintf(name, sizeof(name), "disk %.12s", json_string_or(item, "id", ""));
		(void)snprintf(of, sizeof(of), "of %.40s", json_string_or(item, "name", "?"));
		print_row(name, item, of, json_bool_or(item, "damaged", false) ? ", damaged" : "");
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
	cleanup_json json_t *all = NULL, *stored = NULL;
	int r = image_list(places->cache_dir, &all, err);

	(void)own;
	if (r == 0)
		r = keep_list(places->cache_dir, &stored, err);
	if (r < 0)
		return r;
	if (cli->json) {
		(void)json_object_set(all, "roots", stored);
		return command_print_json(all, err);
	}
	images_print(stored);
	print_lists(all);
	return command_end_output(err);
}

static int rm(const struct places *places, const struct image_options *own,
	      const struct cli_options *cli, struct tare_err *err)
{
	if (own->all != (cli->n_args == 1))
		return err_set(err, EINVAL, "rm: give names of 'tare image list', or --all");
	if (own->all) {
		int r = keep_remove(places->cache_dir, NULL, err);

		return r < 0 ? r : image_remove(places->cache_dir, NULL, err);
	}
	for (int i = 1; i < cli->n_args; i++) {
		struct tare_err why = {0};
		int r = keep_remove(places->cache_dir, cli->args[i], &why);

		/* Else it is of the guests'. */
		if (r == -ENOENT)
			r = image_remove(places->cache_dir, cli->args[i], err);
		else if (r < 0)
			(void)err_set(err, why.code, "%s", why.msg);
		if (r < 0)
			return r;
	}
	return image_root_collect(places->cache_dir, err);
}

static const struct action actions[] = {
	{"build", 1, build}, {"import", 1, import}, {"inspect", 1, inspect},
	{"list", 0, list},   {"rm", 1000, rm},
};
#define N_ACTIONS (sizeof(actions) / sizeof(*actions))

static int find_action(const struct cli_options *cli, const struct image_options *own,
		       const struct action **ret, struct tare_err *err)
{
	static const char *const names[] = {"build", "import", "inspect", "list", "rm", NULL};
	char hint[TEXT_HINT_SIZE];

	if (cli->n_args == 0)
		return err_set(err, EINVAL, "say what to do: import, build, list, inspect or rm");
	for (size_t i = 0; i < N_ACTIONS; i++)
		if (strcmp(cli->args[0], actions[i].name) == 0)
			*ret = &actions[i];
	if (!*ret)
		return err_set(err, EINVAL, "there is no 'image %.40s'%s", cli->args[0],
			       text_hint(cli->args[0], names, hint, sizeof(hint)));
	if (own->kernel && ((*ret)->run != build || cli->n_args > 1))
		return err_set(err, EINVAL, "--kernel is for 'image build' of a guest's image");
	if (own->name && (*ret)->run != import && ((*ret)->run != build || cli->n_args != 2))
		return err_set(err, EINVAL, "--name is for 'image import' and 'image build DIR'");
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
	.usage = "import SOURCE [--name NAME] | build DIR [--name NAME] | build [--kernel FILE]\n"
		 "       | list | inspect NAME | rm NAME... | rm --all",
	.summary = "take root filesystems for boxes in; make what guests boot from",
	.details =
		"import takes the image of oci:DIR[:TAG], oci-archive:FILE[:TAG],\n"
		"docker-archive:FILE[:TAG] or rootfs:DIR in, every digest checked, for\n"
		"'-e container,image=NAME' and the like. Of a registry's image make such a folder\n"
		"first: skopeo copy docker://IMAGE oci:DIR. Devices in it are left out; setuid\n"
		"files are kept, but boxes run them as any other file.\n"
		"build DIR builds the Dockerfile in DIR by buildah and imports what comes out.\n\n"
		"build without DIR makes what guests boot from: it asks apt for the newest cloud "
		"kernel of Debian, takes it from its package\n"
		"without installing it, and prints the image's folder. Guests make an image\n"
		"themselves when there is none; they then stay with its kernel until the next "
		"build.\n"
		"The modules of a kernel's FILE are those of lib/modules/RELEASE beside it.\n"
		"'-e vm,image=NAME' makes a disk of an image, once; it goes with the image.\n"
		"rm takes the beginning of an ID, or a kernel's name.",
	.examples = "tare image import oci:DIR --name app\n"
		    "tare image list",
	.options = image_options,
	.run = run_image,
};
