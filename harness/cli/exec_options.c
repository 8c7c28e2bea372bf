/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "box/box.h"
#include "box/common/extras.h"
#include "cli/command.h"
#include "cli/exec.h"
#include "machine/machine.h"

/* A profile goes to a guest in one message, which has a bound of its own. */
#define PROFILE_MAX (512L << 10)

static int take_env(void *options, const char *text, struct tare_err *err)
{
	struct exec_options *own = options;

	if (own->envs.n)
		return err_set(err, EINVAL, "-e: one environment at a time");
	if (args_parse_envs(text, &own->envs, err) < 0)
		return -EINVAL;
	return own->envs.n == 1 ? 0 : err_set(err, EINVAL, "-e: one environment at a time");
}

/* NAME=VALUE, or ours where only NAME is given; NULL: we have none. */
static const char *find_variable(const char *text)
{
	size_t n = strlen(text);

	if (strchr(text, '='))
		return text;
	for (char **e = environ; *e; e++)
		if (strncmp(*e, text, n) == 0 && (*e)[n] == '=')
			return *e;
	return NULL;
}

int exec_take_variable(void *options, const char *text, struct tare_err *err)
{
	struct exec_options *own = options;
	const char *found = find_variable(text);

	if (!text[0] || text[0] == '=')
		return err_set(err, EINVAL, "--env: '%.60s' is neither NAME=VALUE nor NAME", text);
	if (!found)
		return 0;
	if (own->n_variables == EXEC_VARIABLES_MAX)
		return err_set(err, EINVAL, "--env: at most %d variables", EXEC_VARIABLES_MAX);
	/* It is in argv or environ, which are ours. */
	own->variables[own->n_variables++] =
		(char *)(uintptr_t)found; /* NOLINT(performance-no-int-to-ptr) */
	return 0;
}

int exec_take_workdir(void *options, const char *text, struct tare_err *err)
{
	if (text[0] != '/')
		return err_set(err, EINVAL, "--workdir: '%.80s' is no absolute path", text);
	((struct exec_options *)options)->cwd = text;
	return 0;
}

static int take_network(void *options, const char *text, struct tare_err *err)
{
	if (!text[0])
		return err_set(err, EINVAL, "--network: needs none, host or veth");
	((struct exec_options *)options)->network = text;
	return 0;
}

/* Every value is looked at as soon as it is there, so that the flag that is wrong is named. */
static int put_extra(struct exec_options *own, const char *flag, const char *key,
		     json_t *taken_value, struct tare_err *err)
{
	cleanup_json json_t *value = taken_value;
	struct extras *read;
	int r;

	if (!own->extras)
		own->extras = json_object();
	own->first_extra = own->first_extra ? own->first_extra : flag;
	if (!value || json_object_set(own->extras, key, value) < 0)
		return err_set(err, EINVAL, "%s: its value is no valid text", flag);
	read = malloc(sizeof(*read));
	if (!read)
		return err_set(err, ENOMEM, "out of memory");
	r = extras_read(own->extras, read, err);
	free(read);
	return r;
}

static int add_extra(struct exec_options *own, const char *flag, const char *key, const char *text,
		     struct tare_err *err)
{
	json_t *list = json_object_get(own->extras, key);

	list = list ? json_incref(list) : json_array();
	if (json_array_append_new(list, json_string(text)) < 0) {
		json_decref(list);
		return err_set(err, EINVAL, "%s: its value is no valid text", flag);
	}
	return put_extra(own, flag, key, list, err);
}

static int take_volume(void *options, const char *text, struct tare_err *err)
{
	return add_extra(options, "-v", "volumes", text, err);
}

static int take_tmpfs(void *options, const char *text, struct tare_err *err)
{
	return add_extra(options, "--tmpfs", "tmpfs", text, err);
}

static int take_cap_add(void *options, const char *text, struct tare_err *err)
{
	return add_extra(options, "--cap-add", "cap_add", text, err);
}

static int take_cap_drop(void *options, const char *text, struct tare_err *err)
{
	return add_extra(options, "--cap-drop", "cap_drop", text, err);
}

static int take_hostname(void *options, const char *text, struct tare_err *err)
{
	return put_extra(options, "--hostname", "hostname", json_string(text), err);
}

static int take_user(void *options, const char *text, struct tare_err *err)
{
	return put_extra(options, "--user", "user", json_string(text), err);
}

static int take_init(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	return put_extra(options, "--init", "init", json_true(), err);
}

static int take_read_only(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	return put_extra(options, "--read-only", "read_only", json_true(), err);
}

static json_t *read_profile(const char *path, struct tare_err *err)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	json_error_t why;
	json_t *profile;

	if (!file || fseek(file, 0, SEEK_END) < 0) {
		err_errno(err, "--security-opt: read '%.100s'", path);
		return NULL;
	}
	if (ftell(file) > PROFILE_MAX) {
		err_set(err, EINVAL, "--security-opt: '%.100s' is longer than %ld bytes", path,
			PROFILE_MAX);
		return NULL;
	}
	rewind(file);
	profile = json_loadf(file, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(profile)) {
		err_set(err, EINVAL, "--security-opt: '%.80s' is no JSON object: %.80s", path,
			profile ? "another value" : why.text);
		json_decref(profile);
		return NULL;
	}
	return profile;
}

static int take_security(void *options, const char *text, struct tare_err *err)
{
	static const char key[] = "seccomp=";
	json_t *profile;

	/* No container of ours lets a program gain privileges: it is as asked. */
	if (strcmp(text, "no-new-privileges") == 0 || strcmp(text, "no-new-privileges=true") == 0 ||
	    strcmp(text, "no-new-privileges:true") == 0)
		return 0;
	if (strncmp(text, key, sizeof(key) - 1) != 0 || !text[sizeof(key) - 1])
		return err_set(err, EINVAL,
			       "--security-opt: '%.60s' is none of seccomp=unconfined, "
			       "seccomp=FILE and no-new-privileges",
			       text);
	text += sizeof(key) - 1;
	profile = strcmp(text, "unconfined") == 0 ? json_string(text) : read_profile(text, err);
	return profile ? put_extra(options, "--security-opt", "seccomp", profile, err) : -EINVAL;
}

const struct command_option exec_options_table[] = {
	{"environment", 'e', "ENV", "where: native (default), container, vm, vm+container, ...",
	 take_env},
	{"env", 0, "NAME[=VALUE]",
	 "a variable for the command, without a value: ours; again for more", exec_take_variable},
	{"workdir", 'w', "PATH", "where inside it starts (default: /; native: here)",
	 exec_take_workdir},
	{"volume", 'v', "SRC:DST[:ro]",
	 "show a folder or file of the host's inside; again for more", take_volume},
	{"tmpfs", 0, "PATH[:OPTIONS]",
	 "an empty folder in memory; options: size=, mode=, uid=, gid=, nr_inodes=, ro, exec",
	 take_tmpfs},
	{"init", 0, NULL, "a process 1 before the program, which reaps what it leaves", take_init},
	{"read-only", 0, NULL, "the root filesystem cannot be written to", take_read_only},
	{"hostname", 0, "NAME", "host name inside", take_hostname},
	{"user", 'u', "USER[:GROUP]", "who it is: numbers, or names of the /etc/passwd inside",
	 take_user},
	{"network", 0, "KIND", "as the box's option net: none (default), host, ...", take_network},
	{"cap-add", 0, "NAME", "leave it this capability too, or ALL; again for more",
	 take_cap_add},
	{"cap-drop", 0, "NAME", "take this capability, or ALL; again for more", take_cap_drop},
	{"security-opt", 0, "WHAT",
	 "seccomp=unconfined, seccomp=FILE (docker's JSON), no-new-privileges (always so)",
	 take_security},
	{NULL, 0, NULL, NULL, NULL},
};

void exec_options_clear(struct exec_options *options)
{
	env_list_free(&options->envs);
	json_decref(options->extras);
	options->extras = NULL;
}

static int set_network(const struct exec_options *own, struct env_choice *env,
		       const struct box_ops *ops, struct tare_err *err)
{
	if (!box_option(ops, NULL, "net"))
		return err_set(err, EINVAL, "--network: '%.60s' has no network of its own",
			       env->label);
	if (json_object_get(env->options, "net"))
		return err_set(err, EINVAL,
			       "--network and the option net= say the same: leave one out");
	if (json_object_set_new(env->options, "net", json_string(own->network)) < 0)
		return err_set(err, EINVAL, "--network: its value is no valid text");
	return err_wrap(err, box_check_options(ops, env->options, err), "--network");
}

int exec_options_check(struct exec_options *options, struct tare_err *err)
{
	struct env_choice *env = &options->envs.items[0];
	const struct machine_ops *machine = NULL;
	const struct box_ops *ops = NULL;
	int r = machine_find(env->machine, &machine, err);

	if (r == 0)
		r = box_find(env->box, &ops, err);
	if (r < 0 || !machine || !ops)
		return r;
	if (options->extras && !ops->takes_extras)
		return err_set(err, EINVAL, "%s: '%.60s' has no such thing; -e container has",
			       options->first_extra, env->label);
	if (machine->is_guest && json_object_get(options->extras, "volumes"))
		return err_set(err, EINVAL,
			       "-v: a guest does not see the host's files: use -e container");
	return options->network ? set_network(options, env, ops, err) : 0;
}
