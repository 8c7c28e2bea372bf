/* SPDX-License-Identifier: MIT */
#include "trial/trial.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "box/common/controllers.h"
#include "trial/player.h"
#include "trial/result.h"
#include "trial/stolen.h"
#include "trial/watch.h"

/* A player that is asked to finish has only to write a few hundred bytes. */
#define END_TIMEOUT_MS  10000
#define KILL_TIMEOUT_MS 10000

/* Moments of a trial, on the clock of the kernel that carries it out. */
struct moments {
	uint64_t asked, ready, first_slice, last_slice, exit, down;
};

struct trial {
	const struct trial_place *place;
	struct limits limits; /* under test, and safety where those leave room */
	json_t *limits_read;
	struct cgroup *cgroup;
	struct box *box;
	struct watch watch;
	json_t *collector_names; /* the watch points into it */
	struct player player;
	struct moments at;
	struct stolen stolen[2]; /* at the two snapshots */
	uint64_t sample_ns;
	uint64_t ops, lead_in, turns;
	char sha256[DIGEST_SIZE];
};

/* What is under test wins; the rest keeps a burner from harming the machine. */
static struct limits merge_limits(const struct limits *tested, const struct limits *safety)
{
	struct limits merged = *tested;

	if (merged.cpus == 0)
		merged.cpus = safety->cpus;
	if (merged.cpuset == 0)
		merged.cpuset = safety->cpuset;
	if (merged.memory_bytes == 0)
		merged.memory_bytes = safety->memory_bytes;
	if (merged.pids == 0)
		merged.pids = safety->pids;
	return merged;
}

/* Controllers that are to be had here. */
static unsigned int available(const struct trial_place *place)
{
	unsigned int bits = 0;

	for (int c = 0; c < CGROUP_N_CONTROLLERS; c++) {
		if (place->layout.controllers[c].version)
			bits |= CGROUP_BIT(c);
	}
	return bits;
}

/* A limit's controllers are a must, and so are those that were named. A collector's are taken
 * where they are to be had, and only when it was asked for, or where time series are: a controller
 * is an ingredient of a box with a price of its own, so a bare process must not be given one on the
 * side. */
static int choose_controllers(const struct trial *t, const struct trial_spec *spec,
			      const struct box_ops *ops, unsigned int *ret, struct tare_err *err)
{
	unsigned int wanted;
	bool named;
	int r = controllers_choose(ops, spec->options, &wanted, &named, err);

	if (r < 0)
		return r;
	*ret = limits_controllers(&t->limits) | (named ? wanted : wanted & available(t->place));
	if (spec->mode == TRIAL_SOLO)
		*ret |= watch_controllers(&t->watch) & available(t->place);
	return 0;
}

/* Nothing is held, so nothing may be asked to be. */
static int go_without_group(struct trial *t, struct tare_err *err)
{
	if (limits_any(&t->limits))
		return err_set(err, EINVAL, "cgroup=off: there is no group to put the limits on");
	t->limits_read = json_pack("{s:{}}", "files");
	return 0;
}

static int make_group(struct trial *t, const struct trial_spec *spec, const struct box_ops *ops,
		      struct tare_err *err)
{
	static unsigned int number; /* of the groups that this process has made */
	unsigned int controllers;
	struct tare_err why = {0};
	char name[64];
	int r;

	if (controllers_no_group(ops, spec->options))
		return go_without_group(t, err);
	r = choose_controllers(t, spec, ops, &controllers, err);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%s-%u", t->place->group_prefix, number++);
	r = cgroup_create(&t->place->layout, name, controllers, t->place->box.journal, &t->cgroup,
			  &why);
	/* Who may not make one can still play where nothing is to be held or looked at. */
	if ((r == -EACCES || r == -EPERM) && geteuid() != 0 && !controllers)
		return go_without_group(t, err);
	if (r < 0)
		return err_set(err, -r, "%s", why.msg);
	r = limits_apply(&t->limits, t->cgroup, err);
	if (r < 0)
		return r;
	return limits_read_back(&t->limits, t->cgroup, &t->limits_read, err);
}

/* The digest of what the kernel is executing. Hashing a megabyte takes long under emulation, so
 * it is done once for each file. */
static int digest_player(const struct player *player, char ret_hex[DIGEST_SIZE],
			 struct tare_err *err)
{
	static struct stat known;
	static char known_hex[DIGEST_SIZE];
	char path[64];
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", player->process.pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open '%s'", path);
	if (st.st_dev != known.st_dev || st.st_ino != known.st_ino ||
	    st.st_ctim.tv_sec != known.st_ctim.tv_sec ||
	    st.st_ctim.tv_nsec != known.st_ctim.tv_nsec) {
		r = digest_fd(fd, known_hex, err);
		if (r < 0)
			return r;
		known = st;
	}
	memcpy(ret_hex, known_hex, DIGEST_SIZE);
	return 0;
}

static int snapshot(struct trial *t, enum collector_moment moment, struct tare_err *err)
{
	stolen_read(&t->stolen[moment]);
	return watch_snapshot(&t->watch, moment, err);
}

static void player_born(void *context, pid_t pid)
{
	struct trial *t = context;

	watch_born(&t->watch, pid);
}

static int put_up(struct trial *t, const struct trial_spec *spec, struct tare_err *err)
{
	cleanup_json json_t *limits = limits_to_json(&spec->limits);
	const struct box_ops *ops;
	const struct box_config config = {
		.place = &t->place->box,
		.options = spec->options,
		.name = t->place->group_prefix,
		.limits = limits,
	};
	int r = box_find(spec->box, &ops, err);

	if (r < 0)
		return r;
	if (ops->limits_itself)
		t->limits = spec->safety;
	if ((r = box_check_options(ops, spec->options, err)) < 0 ||
	    (r = watch_choose(&t->watch, t->collector_names, err)) < 0 ||
	    (r = make_group(t, spec, ops, err)) < 0)
		return r;
	r = box_check_limits(ops, limits, err);
	if (r < 0)
		return r;
	r = ops->open(&config, &t->box, err);
	if (r < 0)
		return r;
	struct collector_target target = {.cgroup = t->cgroup, .cpus = spec->cpus};
	const struct player_birth birth = {.born = player_born, .context = t};
	if ((r = watch_attach(&t->watch, &target, err)) < 0 ||
	    (r = player_start(&t->player, t->box, t->place, spec, t->cgroup, &birth, err)) < 0)
		return r;
	t->at.ready = clock_now_ns();
	if (!ops->limits_itself)
		r = limits_read_ulimits(&t->limits, t->player.process.pid, t->limits_read, err);
	if (r < 0)
		return r;
	r = digest_player(&t->player, t->sha256, err);
	if (r < 0)
		return r;
	return snapshot(t, COLLECTOR_BEGIN, err);
}

int trial_start(const struct trial_place *place, const struct trial_spec *spec, struct trial **ret,
		struct tare_err *err)
{
	struct trial *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(err, ENOMEM, "out of memory");
	t->place = place;
	t->at.asked = clock_now_ns();
	t->player = (struct player){.process.pidfd = -1, .request_fd = -1, .reply_fd = -1};
	t->limits = merge_limits(&spec->limits, &spec->safety);
	t->limits.work_dir = place->box.work_dir;
	t->sample_ns = spec->sample_ns;
	t->collector_names = json_incref(spec->collectors);
	r = put_up(t, spec, err);
	if (r < 0) {
		(void)trial_abort(t, NULL);
		return r;
	}
	*ret = t;
	return 0;
}

static int sample(void *context, struct tare_err *err)
{
	struct trial *t = context;

	return watch_sample(&t->watch, clock_now_ns(), err);
}

int trial_slice(struct trial *trial, const struct play_request *request, struct trial_slice *ret,
		struct tare_err *err)
{
	const struct player_tick tick = {
		.interval_ns = request->kind == PLAY_SOLO ? trial->sample_ns : 0,
		.tick = sample,
		.context = trial,
	};
	struct play_reply reply;
	int r;

	if (trial->player.ended) {
		*ret = (struct trial_slice){.ended = true};
		return 0;
	}
	if (!trial->at.first_slice)
		trial->at.first_slice = clock_now_ns();
	r = player_turn(&trial->player, request, &tick, &reply, NULL, err);
	if (r < 0)
		return r;
	trial->at.last_slice = clock_now_ns();
	*ret = (struct trial_slice){reply.ops, reply.ns, trial->player.ended};
	if (trial->player.ended)
		return 0;
	trial->turns++;
	trial->ops += reply.ops;
	trial->lead_in += reply.lead_in;
	return 0;
}

/* What was taken down, in reverse order of putting up; the first failure is told. */
static int take_down(struct trial *t, struct tare_err *err)
{
	int r = player_end(&t->player, 0, err), q;

	watch_detach(&t->watch);
	if (t->cgroup && (q = cgroup_kill(t->cgroup, KILL_TIMEOUT_MS, err)) < 0)
		r = q;
	if (t->box && (q = t->box->ops->close(t->box, err)) < 0)
		r = q;
	if ((q = cgroup_destroy(t->cgroup, err)) < 0)
		r = q;
	t->box = NULL;
	t->cgroup = NULL;
	t->at.down = clock_now_ns();
	return r;
}

static void trial_free(struct trial *t)
{
	json_decref(t->limits_read);
	json_decref(t->collector_names);
	free(t);
}

int trial_abort(struct trial *trial, struct tare_err *err)
{
	int r;

	if (!trial)
		return 0;
	r = take_down(trial, err);
	trial_free(trial);
	return r;
}

/* Kills for lack of memory in the group, as its kernel counts them. */
static uint64_t oom_kills(const struct trial *t)
{
	int version = 0;
	int fd = t->cgroup ? cgroup_controller_fd(t->cgroup, CGROUP_MEMORY, &version) : -1;
	const char *file = version == 2 ? "memory.events" : "memory.oom_control";
	uint64_t n = 0;

	if (fd >= 0)
		(void)cgfile_read_key(fd, file, "oom_kill", &n, NULL);
	return n;
}

static json_t *exit_to_json(const struct player *player, uint64_t oom)
{
	if (WIFSIGNALED(player->wait_status))
		return json_pack("{s:i, s:b}", "signal", WTERMSIG(player->wait_status), "oom",
				 oom > 0);
	return json_pack("{s:i}", "status", WEXITSTATUS(player->wait_status));
}

static json_t *load_to_json(const struct trial *t, const struct play_result *result, uint64_t oom)
{
	json_t *load = json_pack("{s:o, s:o, s:o, s:o}", "ops", json_u64(t->ops), "lead_in",
				 json_u64(t->lead_in), "turns", json_u64(t->turns), "exit",
				 exit_to_json(&t->player, oom));

	if (!result)
		return load;
	result_put(result, load);
	return load;
}

static json_t *span_to_json(const struct trial *t)
{
	const struct {
		const char *name;
		uint64_t ns;
	} spans[] = {
		{"box_up", t->player.process.up_ns},
		{"exec", t->player.process.exec_ns},
		{"ready", t->at.ready},
		{"first_slice", t->at.first_slice},
		{"last_slice", t->at.last_slice},
		{"exit", t->at.exit},
		{"down", t->at.down},
	};
	json_t *span = json_object();

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		if (spans[i].ns >= t->at.asked)
			(void)json_object_set_new(span, spans[i].name,
						  json_u64(spans[i].ns - t->at.asked));
	}
	return span;
}

/* Why the trial is no good, in words; NULL when it is. Gives back new memory or NULL. */
static json_t *why_failed(const struct player *player, uint64_t oom)
{
	if (player->why[0])
		return json_string(player->why);
	if (WIFSIGNALED(player->wait_status) && oom)
		return json_sprintf("killed for lack of memory (oom_kill %llu)",
				    (unsigned long long)oom);
	if (WIFSIGNALED(player->wait_status))
		return json_sprintf("the load was killed by signal %d",
				    WTERMSIG(player->wait_status));
	if (WEXITSTATUS(player->wait_status))
		return json_sprintf("the load ended with status %d",
				    WEXITSTATUS(player->wait_status));
	return NULL;
}

/* Second snapshot, then the player's own account and its end. */
static int finish_player(struct trial *t, struct play_result *result, bool *ret_result,
			 struct tare_err *err)
{
	const struct play_request request = {.kind = PLAY_FINISH};
	char payload[PLAY_PAYLOAD_MAX];
	struct play_reply reply;
	int r = snapshot(t, COLLECTOR_END, err);

	if (r < 0)
		return r;
	*ret_result = false;
	if (!t->player.ended) {
		r = player_turn(&t->player, &request, NULL, &reply, payload, err);
		if (r < 0)
			return r;
		if (!t->player.ended && reply.payload != sizeof(*result))
			return err_set(err, EBADMSG, "the player's result has a wrong size");
		*ret_result = !t->player.ended;
		memcpy(result, payload, *ret_result ? sizeof(*result) : 0);
	}
	r = player_end(&t->player, END_TIMEOUT_MS, err);
	t->at.exit = clock_now_ns();
	return r;
}

static int trial_read(struct trial *t, json_t **ret, struct tare_err *err)
{
	struct play_result result;
	bool has_result;
	json_t *seen = NULL, *why, *record;
	uint64_t oom;
	int r = finish_player(t, &result, &has_result, err);

	if (r < 0)
		return r;
	oom = oom_kills(t);
	r = watch_read(&t->watch, &seen, err);
	if (r < 0)
		return r;
	why = why_failed(&t->player, oom);
	record = json_pack("{s:s, s:o*, s:s, s:o, s:o, s:O, s:o*}", "status", why ? "failed" : "ok",
			   "why", why, "sha256", t->sha256, "load",
			   load_to_json(t, has_result ? &result : NULL, oom), "collectors", seen,
			   "limits", t->limits_read, "stolen",
			   stolen_between(&t->stolen[COLLECTOR_BEGIN], &t->stolen[COLLECTOR_END]));
	if (!record)
		return err_set(err, ENOMEM, "out of memory");
	*ret = record;
	return 0;
}

int trial_finish(struct trial *trial, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *record = NULL;
	int r = trial_read(trial, &record, err);
	int q = take_down(trial, err);

	if (r == 0 && q == 0) {
		(void)json_object_set_new(record, "span", span_to_json(trial));
		(void)json_object_set_new(record, "asked_ns", json_u64(trial->at.asked));
		*ret = json_incref(record);
	}
	trial_free(trial);
	return r < 0 ? r : q;
}
