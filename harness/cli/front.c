/* SPDX-License-Identifier: MIT */
/* tare, the program that is started: small and static, because loading the libraries that
 * reports, images and guests need takes longer than a container does. It carries out `exec` on
 * the host itself and becomes tare-main for everything else. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/exec.h"
#include "cli/log.h"
#include "cli/places.h"
#include "machine/machine.h"

extern const struct machine_ops machine_ops_host;
extern const struct command command_exec;

/* All the machines there are in this program; tare-main has the table of all. */
const struct machine_ops *const machine_ops_table[] = {&machine_ops_host, NULL};

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
	if (argc < 3 || strcmp(argv[1], command_exec.name) != 0 ||
	    !exec_can_start(&command_exec, argc - 1, argv + 1))
		return become_main(argv);
	log_setup(false, false);
	return command_exec.run(&command_exec, argc - 1, argv + 1);
}
