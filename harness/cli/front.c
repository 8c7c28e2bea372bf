/* SPDX-License-Identifier: MIT */
/* tare, the program that is started: small and static, because loading the libraries that
 * reports, images and guests need takes longer than a container does. It carries out `exec` on
 * the host itself and becomes tare-main for everything else. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "box/container/profile.h"
#include "cli/command.h"
#include "cli/exec.h"
#include "cli/log.h"
#include "cli/places.h"
#include "kernel/net.h"
#include "machine/common/exec.h"
#include "machine/machine.h"

extern const struct command command_exec;

struct front_host {
	struct machine machine;
	const struct trial_place *place;
};

static const struct machine_ops front_host_ops;

static int front_open(const struct machine_config *config, struct machine **ret,
		      struct tare_err *err)
{
	struct front_host *host = calloc(1, sizeof(*host));

	if (!host)
		return err_set(err, ENOMEM, "out of memory");
	host->machine.ops = &front_host_ops;
	host->place = config->place;
	*ret = &host->machine;
	return 0;
}

static int front_exec(struct machine *machine, const struct trial_spec *spec, char *const *argv,
		      char *const *envp, const char *cwd, const struct machine_stdio *stdio,
		      int *ret_status, struct tare_err *err)
{
	return host_exec(((struct front_host *)machine)->place, spec, argv, envp, cwd, stdio,
			 ret_status, err);
}

static int front_close(struct machine *machine, struct tare_err *err)
{
	(void)err;
	free(machine);
	return 0;
}

/* The host, as far as `exec` needs it: without trials, which bring all collectors with them. */
static const struct machine_ops front_host_ops = {
	.name = "host", .open = front_open, .exec = front_exec, .close = front_close};
const struct machine_ops *const machine_ops_table[] = {&front_host_ops, NULL};

/* What exec_try() leaves to tare-main, since the libraries behind it (libnl-route,
 * libseccomp) cost each start more than they are worth: here they are only names. */
int net_open(uint64_t bits_per_s, struct net **ret, struct tare_err *err)
{
	(void)bits_per_s;
	(void)ret;
	return err_set(err, ENOTSUP, "this program makes no networks");
}

int net_connect(struct net *net, int pid, struct tare_err *err)
{
	(void)net;
	(void)pid;
	return err_set(err, ENOTSUP, "this program makes no networks");
}

void net_close(struct net *net)
{
	(void)net;
}

int profile_compile(const json_t *profile, uint64_t kept, struct sock_fprog *ret,
		    struct tare_err *err)
{
	(void)profile;
	(void)kept;
	(void)ret;
	return err_set(err, ENOTSUP, "this program compiles no seccomp profiles");
}

static int become_main(char **argv)
{
	struct tare_err err = {0};
	char path[PATH_MAX];

	log_setup(false, false);
	if (places_find_main(path, sizeof(path), &err) == 0) {
		(void)execv(path, argv);
		(void)err_errno(&err, "start '%.100s'", path);
	}
	log_error("%s", err.msg);
	return EXIT_EXEC_FAILED;
}

int main(int argc, char **argv)
{
	int code = EXEC_ELSEWHERE;

	if (argc > 2 && strcmp(argv[1], command_exec.name) == 0)
		code = exec_try(&command_exec, argc - 1, argv + 1);
	return code == EXEC_ELSEWHERE ? become_main(argv) : code;
}
