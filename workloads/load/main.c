/* SPDX-License-Identifier: MIT */
/* tare-load: all loads in one static binary, the same in every environment. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/play.h"
#include "base/text.h"
#include "describe.h"
#include "play.h"
#include "probe.h"
#include "reexec.h"

#define USAGE_ERROR 2

static const char help[] =
	"Usage: tare-load describe [LOAD [NAME=VALUE]...]\n"
	"       tare-load play LOAD batch|latency|solo [NAME=VALUE]...\n"
	"       tare-load probe [list|PROBE...] [BAIT=VALUE]...\n"
	"\n"
	"The loads of tare. `describe` prints them as JSON. `play` sets one up and takes turns,\n"
	"as tare asks for them in binary messages on stdin, answering on stdout.\n"
	"\n"
	"  --help      print this\n"
	"  --version   print the version\n"
	"\n"
	"Environment: TARE_WORK is the folder for files (default: the working directory).\n"
	"Exit status: 0 it was played to its end; 1 it failed, the reason is in the last answer;\n"
	"2 the command line is wrong.\n";

static int usage_error(const char *msg)
{
	(void)fprintf(stderr, "tare-load: %s\n", msg);
	return USAGE_ERROR;
}

static int print(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) != 0;
}

static int command_describe(int argc, char **argv)
{
	const char *values[ARGS_VALUES];
	const struct workload *load;
	struct tare_err err = {0};

	if (argc == 0)
		return describe_all();
	if (args_find_load(argv[0], &load, &err) < 0 ||
	    args_resolve_params(load, argv + 1, argc - 1, values, &err) < 0)
		return usage_error(err.msg);
	return describe_one(load, values);
}

static int command_play(int argc, char **argv)
{
	const char *values[ARGS_VALUES];
	const struct workload *load;
	struct tare_err err = {0};
	enum args_mode mode;

	if (argc < 2)
		return usage_error("play needs LOAD and batch, latency or solo");
	if (args_find_load(argv[0], &load, &err) < 0 ||
	    args_find_mode(load, argv[1], &mode, &err) < 0 ||
	    args_resolve_params(load, argv + 2, argc - 2, values, &err) < 0)
		return usage_error(err.msg);
	return play_load(load, mode, values);
}

/* By one write(2), without stdio: what comes after is part of a start, too. */
static int tell_first_moment(void)
{
	struct timespec now;
	char text[32];
	int n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	n = snprintf(text, sizeof(text), "%llu\n",
		     (unsigned long long)now.tv_sec * NS_PER_S + (unsigned long long)now.tv_nsec);
	return write(STDOUT_FILENO, text, (size_t)n) != n;
}

int main(int argc, char **argv)
{
	static const char *const commands[] = {"describe", "play",      "probe",
					       "--help",   "--version", NULL};
	char hint[TEXT_HINT_SIZE], msg[256];

	if (argc == 2 && strcmp(argv[1], REEXEC_EXIT) == 0)
		_exit(0);
	if (argc == 2 && strcmp(argv[1], PLAY_FIRST) == 0)
		return tell_first_moment();
	if (argc < 2)
		return usage_error("needs a command, see tare-load --help");
	if (strcmp(argv[1], "describe") == 0)
		return command_describe(argc - 2, argv + 2);
	if (strcmp(argv[1], "play") == 0)
		return command_play(argc - 2, argv + 2);
	if (strcmp(argv[1], "probe") == 0)
		return probe_command(argc - 2, argv + 2);
	if (strcmp(argv[1], "--help") == 0)
		return print(help);
	if (strcmp(argv[1], "--version") == 0)
		return print("tare-load " TARE_VERSION "\n");
	(void)snprintf(msg, sizeof(msg), "no command '%.64s'%s", argv[1],
		       text_hint(argv[1], commands, hint, sizeof(hint)));
	return usage_error(msg);
}
