/* SPDX-License-Identifier: MIT */
/* tare top: what the boxes that are up use of what they may use, as it goes on. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/top/groups.h"

#define BAR_WIDTH 8

struct top_options {
	uint64_t interval_ns, looks; /* looks 0: for ever */
};

static int take_interval(void *options, const char *text, struct tare_err *err)
{
	uint64_t *ns = &((struct top_options *)options)->interval_ns;
	int r = units_parse_time("--interval", text, ns, err);

	if (r == 0 && (*ns < 100 * NS_PER_MS || *ns > 3600 * NS_PER_S))
		r = err_set(err, EINVAL, "--interval: '%.40s' is not within 100ms to 1h", text);
	return r;
}

static int take_looks(void *options, const char *text, struct tare_err *err)
{
	return units_parse_count("--count", text, 1, 1000000000,
				 &((struct top_options *)options)->looks, err);
}

static const struct command_option top_options[] = {
	{"interval", 0, "TIME", "between two looks (default 1s)", take_interval},
	{"count", 'n', "N", "so many looks, then end (default: until interrupted)", take_looks},
	{NULL, 0, NULL, NULL, NULL},
};

/* "[####    ]", or blanks where nothing limits it. */
static void put_bar(double share)
{
	char bar[BAR_WIDTH + 1];
	double full = fmin(fmax(share, 0), 1) * BAR_WIDTH;

	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = (double)i + 0.5 <= full ? '#' : ' ';
	bar[BAR_WIDTH] = '\0';
	if (isnan(share))
		(void)printf("%*s", BAR_WIDTH + 3, "");
	else
		(void)printf(" [%s]", bar);
}

static void put_cell(int width, const char *text)
{
	(void)printf(" %*s", width, text);
}

static void put_bytes(const json_t *use, const char *key, int width)
{
	double value = json_double_or(use, key, NAN);
	char text[32];

	put_cell(width, isnan(value) ? "-" : units_print_bytes(value, text, sizeof(text)));
}

/* With so many digits after the point, times so much. */
static void put_number(const json_t *use, const char *key, int digits, double times,
		       const char *unit, int width)
{
	double value = json_double_or(use, key, NAN);
	char text[32] = "-";

	if (!isnan(value))
		(void)snprintf(text, sizeof(text), "%.*f%s", digits, value * times, unit);
	put_cell(width, text);
}

static void put_use(const json_t *use)
{
	const char *name = json_string_or(use, "group", ""), *tail = strrchr(name, '-');

	(void)printf("%-6.6s", tail ? tail + 1 : name);
	put_number(use, "cpus", 2, 1, "", 6);
	put_number(use, "cpus_limit", 2, 1, "", 6);
	put_bar(json_double_or(use, "cpus", NAN) / json_double_or(use, "cpus_limit", NAN));
	put_number(use, "throttled_share", 0, 100, " %", 9);
	put_bytes(use, "memory", 9);
	put_bytes(use, "memory_limit", 9);
	put_bar(json_double_or(use, "memory", NAN) / json_double_or(use, "memory_limit", NAN));
	put_number(use, "pids", 0, 1, "", 5);
	put_number(use, "pids_limit", 0, 1, "", 6);
	put_bytes(use, "read_bps", 9);
	put_bytes(use, "write_bps", 9);
	(void)printf("  %s\n", json_string_or(use, "command", ""));
}

static void print_table(const json_t *uses, bool live)
{
	const char *run = "";
	const json_t *use;
	size_t i;

	if (live)
		(void)printf("\033[H\033[2J"); /* to the corner, and all cleared */
	if (json_array_size(uses) == 0)
		(void)printf("no run of tare's has a group now\n");
	json_array_foreach(uses, i, use)
	{
		if (strcmp(run, json_string_or(use, "run", "")) != 0) {
			run = json_string_or(use, "run", "");
			(void)printf("%s%s\n%-6s %6s %6s%11s %9s %9s %9s%11s %5s %6s %9s %9s  %s\n",
				     i ? "\n" : "", run, "group", "CPUs", "of", "", "throttled",
				     "memory", "of", "", "pids", "of", "read/s", "write/s",
				     "command");
		}
		put_use(use);
	}
	if (!live)
		(void)putchar('\n');
}

/* One look after the first: what was used since the one before. */
static int look(const struct cgroup_layout *layout, const struct cli_options *cli,
		struct group_list *before, struct tare_err *err)
{
	cleanup_json json_t *uses = json_array();
	struct group_list now;
	int r = groups_read(layout, cli->n_args ? cli->args[0] : NULL, &now, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < now.n; i++)
		(void)json_array_append_new(
			uses, group_use(groups_find(before, &now.items[i]), &now.items[i]));
	groups_free(before);
	*before = now;
	if (cli->json)
		(void)(json_dumpf(uses, stdout, JSON_COMPACT) == 0 && putchar('\n'));
	else
		print_table(uses, isatty(STDOUT_FILENO));
	return command_end_output(err);
}

static int watch(const struct top_options *options, const struct cli_options *cli,
		 struct tare_err *err)
{
	struct timespec pause = {(time_t)(options->interval_ns / NS_PER_S),
				 (long)(options->interval_ns % NS_PER_S)};
	const char *run = cli->n_args ? cli->args[0] : NULL;
	struct group_list list = {0};
	struct cgroup_layout layout;
	int r = cgroup_layout_read(&layout, err);

	if (r == 0)
		r = groups_read(&layout, run, &list, err);
	if (r == 0 && run && list.n == 0)
		r = err_set(err, ENOENT, "no run '%.40s' is alive and has a group", run);
	for (uint64_t i = 0; r == 0 && (options->looks == 0 || i < options->looks); i++) {
		(void)nanosleep(&pause, NULL);
		r = look(&layout, cli, &list, err);
		if (run && list.n == 0)
			break; /* what was watched has ended */
	}
	groups_free(&list);
	return r;
}

static int run_top(const struct command *command, int argc, char **argv)
{
	struct top_options options = {.interval_ns = NS_PER_S};
	struct tare_err err = {0};
	struct cli_options cli;
	int code = options_read(command, argc, argv, &options, &cli);

	if (code != OPTIONS_GO_ON)
		return code;
	if (options_at_most(&cli, 1, &err) < 0)
		return command_misuse(command, &err);
	return watch(&options, &cli, &err) < 0 ? command_fail(command, &err) : EXIT_OK;
}

const struct command command_top = {
	.name = "top",
	.usage = "[RUN] [--interval TIME] [-n N]",
	.summary = "what the boxes that are up use of what they may use",
	.details =
		"A line for each control group of the runs that go on: CPUs used since the last\n"
		"look and their quota, the share of periods that were throttled, memory,\n"
		"processes, and bytes read and written, each beside its limit. Of a guest that\n"
		"is QEMU's group. RUN is a run's name, as it stands above its groups; then top\n"
		"ends with that run. On a terminal each look covers the one before; with --json\n"
		"each look is a line of its own, a list of objects.",
	.options = top_options,
	.run = run_top,
};
