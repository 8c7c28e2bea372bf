/* SPDX-License-Identifier: MIT */
#include "check/run/run.h"

#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "check/run/group.h"
#include "check/run/run_internal.h"
#include "check/run/stage.h"
#include "trial/player.h"

#define FINISH_TIMEOUT_MS 20000
#define TURN_PATIENCE_MS  60000
#define CPUS_MAX          64

struct check_player {
	struct check_run *run;
	struct check_player *next;
	struct cgroup *cgroup;
	bool shares; /* the group is the run's */
	struct box *box;
	struct player player;
	struct check_staged *staged; /* instead of these three */
	char load[32];
};

int check_run_open(const struct trial_place *place, const char *box, const json_t *options,
		   double scale, struct check_run *ret, struct tare_err *err)
{
	cpu_set_t cpus;
	int r = box_find(box, &ret->ops, err);

	if (r < 0 || (r = box_check_options(ret->ops, options, err)) < 0)
		return r;
	ret->place = place;
	ret->options = options;
	ret->scale = scale;
	ret->on_device = false;
	ret->cpus = 0;
	ret->players = NULL;
	ret->shared = ret->around = NULL;
	ret->stage = NULL;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return err_errno(err, "ask for our CPUs");
	for (unsigned int i = 0; i < CPUS_MAX; i++)
		if (CPU_ISSET(i, &cpus))
			ret->cpus |= 1ULL << i;
	return 0;
}

const struct cgroup_layout *check_layout(const struct check_run *run)
{
	return &run->place->layout;
}

int check_needs(const struct check_run *run, enum cgroup_controller controller,
		struct tare_err *err)
{
	if (run->place->layout.controllers[controller].version)
		return 0;
	return err_set(err, ENOTSUP, "no cgroup hierarchy has the controller '%s'",
		       cgroup_controller_name(controller));
}

bool check_box_limits_itself(const struct check_run *run)
{
	return run->ops->limits_itself;
}

bool check_kernel_is_ours(const struct check_run *run)
{
	return run->place->kernel_is_ours;
}

int check_needs_network(const struct check_run *run, struct tare_err *err)
{
	const char *net = box_option(run->ops, run->options, "net");

	if (run->on_device || (net && strcmp(net, "veth") == 0))
		return 0;
	return err_set(err, ENOTSUP,
		       "this environment has no network device of its own to limit: use "
		       "container,net=veth or vm,guest-net=tap");
}

uint64_t check_time(const struct check_run *run, uint64_t full_ns, uint64_t at_least_ns)
{
	uint64_t scaled = (uint64_t)((double)full_ns * run->scale);

	return scaled > at_least_ns ? scaled : at_least_ns;
}

unsigned int check_times(const struct check_run *run, unsigned int full, unsigned int at_least)
{
	unsigned int scaled = (unsigned int)((double)full * run->scale);

	return scaled > at_least ? scaled : at_least;
}

uint64_t check_one_cpu(const struct check_run *run)
{
	return run->cpus ? 1ULL << (63 - __builtin_clzll(run->cpus)) : 0;
}

uint64_t check_all_cpus(const struct check_run *run)
{
	return run->cpus;
}

const char *check_work_dir(const struct check_run *run)
{
	return run->place->box.work_dir;
}

static int make_params(const char *text, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *params = json_object();
	cleanup_free char *copy = strdup(text ? text : "");
	char *save = NULL;

	if (!copy || !params)
		return err_set(err, ENOMEM, "out of memory");
	for (char *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
		char *value = strchr(key, '=');

		if (!value)
			return err_set(err, EINVAL, "'%s' is no NAME=VALUE", key);
		*value++ = '\0';
		if (json_object_set_new(params, key, json_string(value)) < 0)
			return err_set(err, ENOMEM, "out of memory");
	}
	*ret = json_incref(params);
	return 0;
}

static int put_up(struct check_player *p, const struct trial_spec *spec, const struct limits *asked,
		  const struct check_group *group, struct tare_err *err)
{
	static atomic_uint number;
	const struct trial_place *place = p->run->place;
	cleanup_json json_t *limits = limits_to_json(asked);
	char name[64];
	const struct box_config config = {
		.place = &place->box,
		.options = p->run->options,
		.name = name,
		.limits = limits,
	};
	int r;

	(void)snprintf(name, sizeof(name), "%.50s-k%u", place->group_prefix,
		       atomic_fetch_add(&number, 1));
	r = check_group_make(p->run, group, name, &p->cgroup, err);
	if (r == 0)
		r = p->run->ops->open(&config, &p->box, err);
	if (r < 0)
		return r;
	return player_start(&p->player, p->box, place, spec, p->cgroup, NULL, err);
}

/* Our group holds: the safety limits, and over them all others unless the box sees to those. */
static int gather_limits(const struct check_load *load, bool limited, bool by_box,
			 struct limits *ret_asked, struct limits *ret_ours, struct tare_err *err)
{
	int r;

	*ret_asked = *ret_ours = (struct limits){0};
	if ((r = check_limits_add(load->safety, ret_ours, err)) < 0 ||
	    (r = check_limits_add(load->given, ret_asked, err)) < 0 ||
	    (r = check_limits_add(limited ? load->limits : NULL, ret_asked, err)) < 0 || by_box)
		return r;
	r = check_limits_add(load->given, ret_ours, err);
	return r < 0 ? r : check_limits_add(limited ? load->limits : NULL, ret_ours, err);
}

/* What holds a box is not all for what holds a machine: its memory is its size, and its tasks are
 * not told apart. The quota under test may be too little to come up in. */
static int put_on_stage(struct check_player *p, const struct check_load *load,
			const struct trial_spec *spec, const struct limits *ours,
			struct tare_err *err)
{
	const struct check_stage *stage = p->run->stage;
	struct limits limits = *ours, early, safety = {0};
	int r = check_limits_add(load->safety, &safety, err);

	if (r < 0)
		return r;
	limits.memory_bytes = limits.pids = 0;
	early = limits;
	early.cpus = safety.cpus;
	early.cpu_period_us = early.cpu_burst_us = 0;
	return stage->start(stage->context, spec, &early, &limits, &p->staged, err);
}

int check_start(struct check_run *run, const struct check_load *load, bool limited,
		struct check_player **ret, struct tare_err *err)
{
	struct trial_spec spec = {.mode = TRIAL_SOLO, .cpus = load->cpus};
	struct check_group group = {.around = load->around};
	struct limits asked;
	struct check_player *p;
	int r = gather_limits(load, limited, run->ops->limits_itself, &asked, &group.limits, err);

	if (r < 0 || (r = make_params(load->params, &spec.params, err)) < 0)
		return r;
	if (run->on_device) /* the machine has seen to it */
		asked.net_rate = group.limits.net_rate = 0;
	p = calloc(1, sizeof(*p));
	if (!p) {
		json_decref(spec.params);
		return err_set(err, ENOMEM, "out of memory");
	}
	(void)snprintf(spec.load, sizeof(spec.load), "%s", load->load);
	(void)snprintf(p->load, sizeof(p->load), "%s", load->load);
	p->player = (struct player){.process.pidfd = -1, .request_fd = -1, .reply_fd = -1};
	p->run = run;
	/* A v2 group with controllers for groups below it takes no process of its own. */
	p->shares = load->siblings && run->ops->limits_itself &&
		    run->place->layout.controllers[CGROUP_CPU].version == 1;
	p->next = run->players;
	run->players = p;
	group.shared = p->shares;
	r = run->stage ? put_on_stage(p, load, &spec, &group.limits, err)
		       : put_up(p, &spec, &asked, &group, err);
	json_decref(spec.params);
	if (r < 0)
		(void)check_stop(p, NULL);
	else
		*ret = p;
	return r;
}

int check_begin(struct check_player *player, uint64_t duration_ns, struct tare_err *err)
{
	const struct play_request request = {.kind = PLAY_SOLO, .duration_ns = duration_ns};

	if (player->staged)
		return player->run->stage->begin(player->staged, duration_ns, err);
	return player_ask(&player->player, &request, err);
}

int check_end(struct check_player *player, int timeout_ms, struct check_turn *ret,
	      struct tare_err *err)
{
	struct play_reply reply;
	int r;

	if (player->staged)
		return player->run->stage->end(player->staged, timeout_ms, ret, err);
	r = player_answer(&player->player, PLAY_SOLO, timeout_ms, &reply, NULL, err);
	if (r > 0 && player->player.why[0])
		return err_set(err, EIO, "load '%s': %.200s", player->load, player->player.why);
	if (r > 0)
		*ret = (struct check_turn){reply.ops, reply.ns, reply.cpu_ns, player->player.ended};
	return r;
}

int check_play(struct check_player *player, uint64_t duration_ns, struct check_turn *ret,
	       struct tare_err *err)
{
	int timeout_ms = (int)(duration_ns / NS_PER_MS) + TURN_PATIENCE_MS;
	int r = check_begin(player, duration_ns, err);

	if (r == 0)
		r = check_end(player, timeout_ms, ret, err);
	if (r == 0)
		return err_set(err, ETIMEDOUT, "load '%s' did not end its turn in time",
			       player->load);
	return r < 0 ? r : 0;
}

int check_finish(struct check_player *player, struct play_result *ret, struct tare_err *err)
{
	const struct play_request request = {.kind = PLAY_FINISH};
	char payload[PLAY_PAYLOAD_MAX];
	struct play_reply reply = {0};
	int r;

	if (player->staged) {
		*ret = (struct play_result){0};
		return player->run->stage->finish(player->staged, err);
	}
	r = player_ask(&player->player, &request, err);
	if (r == 0)
		r = player_answer(&player->player, PLAY_FINISH, FINISH_TIMEOUT_MS, &reply, payload,
				  err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ETIMEDOUT, "load '%s' did not end in time", player->load);
	if (player->player.ended || reply.payload != sizeof(*ret))
		return err_set(err, ENODATA, "load '%s' is dead and tells nothing", player->load);
	memcpy(ret, payload, sizeof(*ret));
	return 0;
}

int check_figure_of(const struct play_result *result, const char *name, double *ret,
		    struct tare_err *err)
{
	for (uint32_t i = 0; i < result->n_figures && i < PLAY_FIGURES; i++) {
		if (strncmp(result->figures[i].name, name, sizeof(result->figures[i].name)) != 0)
			continue;
		*ret = result->figures[i].value;
		return 0;
	}
	return err_set(err, ENOENT, "the load tells no figure '%s'", name);
}

static void forget(struct check_player *player)
{
	struct check_player **at = &player->run->players;

	while (*at && *at != player)
		at = &(*at)->next;
	if (*at)
		*at = player->next;
}

int check_stop(struct check_player *player, struct tare_err *err)
{
	int r = player_end(&player->player, 0, err), q;

	if (player->staged)
		r = player->run->stage->stop(player->staged, err);
	if (player->cgroup && !player->shares &&
	    (q = cgroup_kill(player->cgroup, CHECK_KILL_TIMEOUT_MS, err)) < 0)
		r = q;
	if (player->box && (q = player->box->ops->close(player->box, err)) < 0)
		r = q;
	if (!player->shares && (q = cgroup_destroy(player->cgroup, err)) < 0)
		r = q;
	forget(player);
	free(player);
	return r;
}

int check_run_clear(struct check_run *run, struct tare_err *err)
{
	int first = 0;

	while (run->players) {
		int r = check_stop(run->players, err);

		first = first ? first : r;
	}
	for (size_t i = 0; i < 2; i++) {
		struct cgroup **group = i ? &run->around : &run->shared;
		int r = *group ? check_group_end(take_pointer(*group), err) : 0;

		first = first ? first : r;
	}
	return first;
}

int check_wait_silence(struct check_player *player, int timeout_ms, struct tare_err *err)
{
	uint64_t end_ns = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	char rest[PLAY_PAYLOAD_MAX];

	for (;;) {
		uint64_t now = clock_now_ns();
		int left = now < end_ns ? (int)((end_ns - now) / NS_PER_MS) : 0;
		int r = fd_wait_readable(player->player.reply_fd, left, err);
		ssize_t n;

		if (r <= 0)
			return r;
		n = read(player->player.reply_fd, rest, sizeof(rest));
		if (n == 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return err_errno(err, "read from load '%s'", player->load);
	}
}

int check_stdout_name(const struct check_player *player, char *buf, size_t size,
		      struct tare_err *err)
{
	struct stat st;

	if (fstat(player->player.reply_fd, &st) < 0)
		return err_errno(err, "look at the stdout of load '%s'", player->load);
	(void)snprintf(buf, size, "pipe:[%llu]", (unsigned long long)st.st_ino);
	return 0;
}

pid_t check_pid(const struct check_player *player)
{
	return player->player.process.pid;
}

int check_wait_exit(struct check_player *player, int timeout_ms, int *ret_status,
		    struct tare_err *err)
{
	siginfo_t info = {0};
	int r = fd_wait_readable(player->player.process.pidfd, timeout_ms, err);

	if (r <= 0)
		return r;
	/* It stays to be reaped by player_end(). */
	if (waitid(P_PIDFD, (id_t)player->player.process.pidfd, &info, WEXITED | WNOWAIT) < 0)
		return err_errno(err, "wait for load '%s'", player->load);
	*ret_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status;
	return 1;
}

const struct cgroup *check_cgroup(const struct check_player *player)
{
	return player->staged ? player->run->stage->cgroup(player->staged) : player->cgroup;
}

int check_refuse_group_below(const struct check_player *player, struct tare_err *err)
{
	uint64_t n = 0;

	if (!player->run->ops->limits_itself)
		return 0;
	(void)cgfile_read_key(cgroup_v2_fd(player->cgroup), "cgroup.stat", "nr_descendants", &n,
			      NULL);
	if (n == 0)
		return 0;
	return err_set(err, ENOTSUP,
		       "the box made a group of its own below ours, and cgroup v2 reckons what is "
		       "below a group within that group only");
}

int check_read_u64(const struct check_player *player, enum cgroup_controller controller,
		   const char *file_v1, const char *file_v2, uint64_t *ret, struct tare_err *err)
{
	int version = 0;
	int fd = cgroup_controller_fd(player->cgroup, controller, &version);
	const char *file = version == 2 ? file_v2 : file_v1;

	if (fd < 0 || !file)
		return err_set(err, ENOENT, "cgroup '%s' has no such file for '%s'",
			       cgroup_name(player->cgroup), cgroup_controller_name(controller));
	return cgfile_read_u64(fd, file, ret, err);
}
