/* SPDX-License-Identifier: MIT */
/* host: the kernel we are on. Trials are called directly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "machine/common/exec.h"
#include "machine/common/work.h"
#include "machine/machine.h"
#include "machine/vm/disk.h"

#define HOST_PLAYERS 256
#define CLOCKSOURCE  "/sys/devices/system/clocksource/clocksource0/current_clocksource"

extern const struct machine_ops machine_ops_host; /* in the generated table */

static const struct machine_option host_options[] = {
	{"work", "folder|loop", "folder",
	 "what /work is: a folder of tare's cache, or a new ext4 of its own, as in guests", false},
	{"disk", "SIZE", "512M", "the size of that, as a guest's", false},
	{0},
};

struct host {
	struct machine machine;
	struct trial_place place;
	struct work work;
	char name[64];
	struct trial *players[HOST_PLAYERS]; /* NULL: free */
};

static struct host *as_host(struct machine *machine)
{
	return (struct host *)machine; /* its first member */
}

static int host_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

/* The folder under test of all its boxes. */
static int open_work(const struct machine_config *config, struct host *host, struct tare_err *err)
{
	const char *size = json_string_or(config->options, "disk", NULL);
	bool loop = strcmp(machine_option(&machine_ops_host, config->options, "work"), "loop") == 0;
	uint64_t bytes = 0;
	int r = size ? disk_parse_size("machine host: option disk", size, &bytes, err) : 0;

	if (r < 0)
		return r;
	if (size && !loop)
		return err_set(err, EINVAL,
			       "machine host: disk=%.20s: a folder has no size; use work=loop",
			       size);
	if (!loop)
		return 0;
	r = work_open(config->place->box.work_dir, config->name, bytes, config->journal,
		      &host->work, err);
	if (r == 0)
		host->place.box.work_dir = host->work.folder;
	return r;
}

static int host_open(const struct machine_config *config, struct machine **ret,
		     struct tare_err *err)
{
	struct host *host;
	int r;

	if (limits_given(&config->limits))
		return err_set(err, EINVAL, "machine host: limits go on its boxes, not on itself");
	host = calloc(1, sizeof(*host));
	if (!host)
		return err_set(err, ENOMEM, "out of memory");
	host->machine.ops = &machine_ops_host;
	host->place = *config->place;
	host->work.loop.fd = -1;
	(void)snprintf(host->name, sizeof(host->name), "%s", config->name);
	r = machine_check_options(&machine_ops_host, config->options, err);
	if (r == 0)
		r = open_work(config, host, err);
	if (r < 0) {
		free(host);
		return r;
	}
	host->machine.work_dir = host->place.box.work_dir;
	*ret = &host->machine;
	return 0;
}

static json_t *host_describe(struct machine *machine)
{
	const struct host *host = as_host(machine);
	char clocksource[64] = "";
	struct utsname names;

	if (fd_read_file_quiet(-1, CLOCKSOURCE, clocksource, sizeof(clocksource)) > 0)
		clocksource[strcspn(clocksource, "\n")] = '\0';
	(void)uname(&names);
	return json_pack("{ss ss ss ss* ss so}", "id", host->name, "machine", "host", "kernel",
			 names.release, "clocksource", *clocksource ? clocksource : NULL, "arch",
			 names.machine, "work_disk",
			 host->work.folder ? work_describe(&host->work)
					   : json_pack("{ss}", "kind", "folder"));
}

static int find_player(const struct host *host, machine_player player, struct tare_err *err)
{
	if (player >= HOST_PLAYERS || !host->players[player])
		return err_set(err, EINVAL, "machine host: there is no player %u", player);
	return 0;
}

static int host_start(struct machine *machine, const struct trial_spec *spec, machine_player *ret,
		      struct tare_err *err)
{
	struct host *host = as_host(machine);
	machine_player i = 0;
	int r;

	while (i < HOST_PLAYERS && host->players[i])
		i++;
	if (i == HOST_PLAYERS)
		return err_set(err, EMFILE, "machine host: more than %d players at once",
			       HOST_PLAYERS);
	r = trial_start(&host->place, spec, &host->players[i], err);
	if (r == 0)
		*ret = i;
	return r;
}

static int host_slice(struct machine *machine, machine_player player,
		      const struct play_request *request, struct trial_slice *ret,
		      struct tare_err *err)
{
	struct host *host = as_host(machine);
	int r = find_player(host, player, err);

	return r < 0 ? r : trial_slice(host->players[player], request, ret, err);
}

static struct trial *take_player(struct host *host, machine_player player)
{
	struct trial *trial = host->players[player];

	host->players[player] = NULL;
	return trial;
}

static int host_finish(struct machine *machine, machine_player player, json_t **ret,
		       struct tare_err *err)
{
	struct host *host = as_host(machine);
	int r = find_player(host, player, err);

	return r < 0 ? r : trial_finish(take_player(host, player), ret, err);
}

static int host_abort(struct machine *machine, machine_player player, struct tare_err *err)
{
	struct host *host = as_host(machine);
	int r = find_player(host, player, err);

	return r < 0 ? r : trial_abort(take_player(host, player), err);
}

static int host_run(struct machine *machine, const struct trial_spec *spec, char *const *argv,
		    char *const *envp, const char *cwd, const struct machine_stdio *stdio,
		    int *ret_status, struct tare_err *err)
{
	const struct trial_place *place = &as_host(machine)->place;
	cleanup_close int program = -1;
	struct machine_stdio with;
	int r;

	if (!stdio || !stdio->program_sha256)
		return host_exec(place, spec, argv, envp, cwd, stdio, ret_status, err);
	with = *stdio;
	with.program_fd = &program;
	with.program_sha256[0] = '\0';
	r = host_exec(place, spec, argv, envp, cwd, &with, ret_status, err);
	return r == 0 && program >= 0 ? digest_fd(program, with.program_sha256, err) : r;
}

static int host_check(struct machine *machine, const struct check_request *request,
		      json_t **ret_account, struct tare_err *err)
{
	return check_carry_out(&as_host(machine)->place, request, ret_account, err);
}

static int host_close(struct machine *machine, struct tare_err *err)
{
	struct host *host = as_host(machine);
	int first = 0, q;

	for (machine_player i = 0; i < HOST_PLAYERS; i++) {
		int r = trial_abort(take_player(host, i), err);

		first = first ? first : r;
	}
	q = work_close(&host->work, err);
	free(host);
	return first ? first : q;
}

const struct machine_ops machine_ops_host = {
	.name = "host",
	.summary = "the kernel that tare itself runs on",
	.options = host_options,
	.probe = host_probe,
	.open = host_open,
	.describe = host_describe,
	.start = host_start,
	.slice = host_slice,
	.finish = host_finish,
	.abort = host_abort,
	.exec = host_run,
	.check = host_check,
	.close = host_close,
};
