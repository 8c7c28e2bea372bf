/* SPDX-License-Identifier: MIT */
/* host: the kernel we are on. Trials are called directly. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "machine/common/exec.h"
#include "machine/machine.h"

#define HOST_PLAYERS 256
#define CLOCKSOURCE  "/sys/devices/system/clocksource/clocksource0/current_clocksource"

extern const struct machine_ops machine_ops_host; /* in the generated table */

struct host {
	struct machine machine;
	const struct trial_place *place;
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

static int host_open(const struct machine_config *config, struct machine **ret,
		     struct tare_err *err)
{
	struct host *host;

	if (limits_given(&config->limits))
		return err_set(err, EINVAL, "machine host: limits go on its boxes, not on itself");
	host = calloc(1, sizeof(*host));
	if (!host)
		return err_set(err, ENOMEM, "out of memory");
	host->machine.ops = &machine_ops_host;
	host->place = config->place;
	(void)snprintf(host->name, sizeof(host->name), "%s", config->name);
	*ret = &host->machine;
	return 0;
}

static json_t *host_describe(struct machine *machine)
{
	char clocksource[64] = "";
	struct utsname names;

	if (fd_read_file_quiet(-1, CLOCKSOURCE, clocksource, sizeof(clocksource)) > 0)
		clocksource[strcspn(clocksource, "\n")] = '\0';
	(void)uname(&names);
	return json_pack("{ss ss ss ss* ss s{ss}}", "id", as_host(machine)->name, "machine", "host",
			 "kernel", names.release, "clocksource", *clocksource ? clocksource : NULL,
			 "arch", names.machine, "work_disk", "kind", "folder");
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
	r = trial_start(host->place, spec, &host->players[i], err);
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
	return host_exec(as_host(machine)->place, spec, argv, envp, cwd, stdio, ret_status, err);
}

static int host_check(struct machine *machine, const struct check_request *request,
		      json_t **ret_account, struct tare_err *err)
{
	return check_carry_out(as_host(machine)->place, request, ret_account, err);
}

static int host_close(struct machine *machine, struct tare_err *err)
{
	struct host *host = as_host(machine);
	int first = 0;

	for (machine_player i = 0; i < HOST_PLAYERS; i++) {
		int r = trial_abort(take_player(host, i), err);

		first = first ? first : r;
	}
	free(host);
	return first;
}

const struct machine_ops machine_ops_host = {
	.name = "host",
	.summary = "the kernel that tare itself runs on",
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
