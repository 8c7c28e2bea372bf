/* SPDX-License-Identifier: MIT */
/* launch_floor: the floor of bench_launch as a command: launch_floor PROGRAM [ARGUMENT]... */
#include "alone.h"

int main(int argc, char **argv)
{
	char *const none[] = {NULL};
	int status = argc < 2 ? -EINVAL : alone_run(argv + 1, none);

	return status < 0 || !WIFEXITED(status) ? 125 : WEXITSTATUS(status);
}
