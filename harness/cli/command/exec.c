/* SPDX-License-Identifier: MIT */
/* tare exec: one command in one environment, with our terminal, its exit status, its signals. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "box/common/stored.h"
#include "cli/command.h"
#include "cli/exec.h"
#include "cli/log.h"
#include "cli/options.h"
#include "cli/payload.h"
#include "cli/places.h"
#include "engine/args.h"
#include "machine/machine.h"

static int exit_code(int status)
{
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* Without a command, an image's own: its Entrypoint and Cmd. The texts are ret_image's. */
static int find_command(const struct exec_options *own, const struct cli_options *cli,
			const struct places *places, struct stored_image *ret_image,
			char ***ret_argv, struct tare_err *err)
{
	static const char *const parts[] = {"entrypoint", "cmd"};
	const char *name = payload_image(&own->envs.items[0]);
	char store[STORED_PATH_SIZE];
	size_t n = 0, i;
	json_t *item;
	int r;

	*ret_argv = NULL;
	if (cli->n_args)
		return 0;
	r = stored_folder(places->cache_dir, store, err);
	if (r == 0)
		r = stored_read(store, name, ret_image, err);
	if (r < 0)
		return r;
	for (size_t p = 0; p < 2; p++)
		n += json_array_size(json_object_get(ret_image->about, parts[p]));
	if (n == 0)
		return err_set(err, EINVAL, "image '%s' names no command: give one", name);
	*ret_argv = calloc(n + 1, sizeof(**ret_argv));
	if (!*ret_argv)
		return err_set(err, ENOMEM, "out of memory");
	n = 0;
	for (size_t p = 0; p < 2; p++)
		json_array_foreach(json_object_get(ret_image->about, parts[p]), i,
				   item)(*ret_argv)[n++] =
			(char *)(uintptr_t) /* NOLINT(performance-no-int-to-ptr) */
			json_string_value(item);
	return 0;
}

/* In an open machine. */
static int exec_inside(struct machine *machine, const struct exec_options *own,
		       const struct trial_spec *spec, char *const *argv, struct tare_err *err)
{
	bool native = !machine->ops->is_guest && strcmp(spec->box, "bare") == 0;
	char **envp = payload_variables(own->variables, own->n_variables, native,
					payload_image(&own->envs.items[0]) != NULL);
	int status = 0, r;

	if (!envp)
		return err_set(err, ENOMEM, "out of memory");
	r = machine->ops->exec(machine, spec, argv, envp, own->cwd, NULL, &status, err);
	free(envp);
	if (r == -ENOENT)
		return EXIT_NOT_FOUND;
	if (r == -EACCES)
		return EXIT_NOT_EXECUTABLE;
	return r < 0 ? r : exit_code(status);
}

static int exec_in_places(const struct exec_options *own, const struct cli_options *cli,
			  struct places *places, char *const *argv, struct tare_err *err)
{
	const struct env_choice *env = &own->envs.items[0];
	const struct site site = places_site(places);
	struct limits around;
	const struct site_machine wanted = {.env = env, .limits = &around, .saved_will_do = true};
	const struct machine_ops *ops;
	struct trial_spec spec;
	struct machine *machine;
	int r = machine_find(env->machine, &ops, err), code;

	if (r < 0)
		return r;
	r = site_spec(env, &spec, err);
	spec.extras = json_incref(own->extras);
	machine_split_limits(ops, env->machine_options, env->box, &cli->limits, &around,
			     &spec.limits);
	if (r == 0)
		r = site_open(&site, &wanted, &machine, err);
	if (r == 0) {
		code = exec_inside(machine, own, &spec, argv, err);
		r = ops->close(machine, err);
		r = r < 0 ? r : code;
	}
	trial_spec_clear(&spec);
	return r;
}

static int check_rights(const struct exec_options *own, const struct cli_options *cli,
			struct tare_err *err)
{
	const struct env_choice *env = &own->envs.items[0];
	char what[128];

	if (strcmp(env->machine, "host") == 0 && strcmp(env->box, "bare") == 0 &&
	    !limits_any(&cli->limits))
		return 0;
	(void)snprintf(what, sizeof(what), "exec in '%.64s'%s", env->label,
		       limits_any(&cli->limits) ? " with limits" : "");
	return command_needs_root(what, err);
}

static int run_checked(const struct command *command, struct exec_options *own,
		       const struct cli_options *cli)
{
	struct tare_err err = {0};
	struct stored_image image = {.lock_fd = -1};
	char **image_argv = NULL;
	struct places places;
	int code;

	if (cli->n_args == 0 && !(own->envs.n && payload_image(&own->envs.items[0]))) {
		(void)err_set(&err, EINVAL, "which command? tare exec -e ENV -- COMMAND...");
		return command_misuse(command, &err);
	}
	if (!own->envs.n && args_parse_envs("native", &own->envs, &err) < 0)
		return command_fail(command, &err);
	if (exec_options_check(own, &err) < 0)
		return command_misuse(command, &err);
	if (check_rights(own, cli, &err) < 0) {
		(void)command_fail(command, &err);
		return EXIT_CANNOT_RUN;
	}
	if (places_find(&places, &err) < 0)
		return command_fail(command, &err);
	code = places_open(&places, limits_any(&cli->limits), &err);
	if (code == 0)
		code = find_command(own, cli, &places, &image, &image_argv, &err);
	if (code == 0)
		code = exec_in_places(own, cli, &places, image_argv ? image_argv : cli->args, &err);
	free(image_argv);
	stored_clear(&image);
	if (places_close(&places, &err) < 0 && code >= 0)
		code = -EIO;
	if (err.code) {
		int failed = command_fail(command, &err);

		code = code < 0 ? failed : code;
	}
	return code;
}

/* What needs the libraries that only tare-main has. */
static bool needs_libraries(const struct exec_options *own, const struct cli_options *cli)
{
	const json_t *options = own->envs.n ? own->envs.items[0].options : NULL;
	const char *net =
		own->network ? own->network : json_string_value(json_object_get(options, "net"));

	return cli->limits.net_rate || (net && strcmp(net, "veth") == 0) ||
	       json_object_get(own->extras, "seccomp");
}

int exec_try(const struct command *command, int argc, char *const *argv)
{
	struct exec_options own = {0};
	struct cli_options cli;
	char **copy = calloc((size_t)argc + 1, sizeof(*copy));
	int code = EXEC_ELSEWHERE;

	if (!copy)
		return code;
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	if (options_parse(command, argc, copy, &own, &cli, NULL) == 0 &&
	    !needs_libraries(&own, &cli)) {
		log_setup(cli.quiet, cli.verbose);
		code = run_checked(command, &own, &cli);
	}
	exec_options_clear(&own);
	free(copy);
	return code;
}

static int run_exec(const struct command *command, int argc, char **argv)
{
	struct exec_options own = {0};
	struct cli_options cli;
	int code = options_read(command, argc, argv, &own, &cli);

	if (code == OPTIONS_GO_ON)
		code = run_checked(command, &own, &cli);
	exec_options_clear(&own);
	return code;
}

const struct command command_exec = {
	.name = "exec",
	.usage = "[-e ENV] [OPTION]... [LIMITS] [--] COMMAND [ARGUMENT]...",
	.summary = "run a command in an environment once: its terminal, signals and exit status",
	.details =
		"Exit: the command's own; 128+N when signal N ended it; 127 no such command, "
		"126 not\nexecutable, 125 tare itself failed, 77 it cannot be had here.\nAt a "
		"terminal a "
		"container or a guest has one of its own. In a pipeline it has none: what is\n"
		"not a terminal passes through as it is.\n"
		"With 'container,image=NAME' (see 'tare image') the image's Env, WorkingDir and\n"
		"User hold unless others are given; without COMMAND its Entrypoint and Cmd run, "
		"a\nCOMMAND stands for both.\n"
		"A guest is one that was saved once, which is there in a fraction of a boot's "
		"time; "
		"vm,boot=cold\nboots one. What is measured (run, bench) boots unless "
		"boot=restore is asked for.",
	.examples = "tare exec -e container --memory 64M -- sh\n"
		    "tare exec -e container -v \"$PWD:/src:ro\" -w /src --user nobody --read-only "
		    "--cap-drop ALL -- ls\n"
		    "tare exec -e vm -- uname -a",
	.options = exec_options_table,
	.limits = true,
	.command_line = true,
	.run = run_exec,
};
