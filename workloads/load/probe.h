/* SPDX-License-Identifier: MIT */
#pragma once
/* probe: `tare-load probe`. */

/* `tare-load probe --am-i-root` says so by its exit status: what a setuid copy gained. */
#define PROBE_AM_I_ROOT "--am-i-root"
#define PROBE_IS_ROOT   42

/* arguments: NAME... (none: all), KEY=VALUE baits. Prints JSON; gives back an exit code. */
int probe_command(int argc, char **argv);
