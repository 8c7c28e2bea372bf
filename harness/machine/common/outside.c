/* SPDX-License-Identifier: MIT */
#include "machine/common/outside.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "check/run/stage.h"
#include "kernel/program.h"

struct scene {
	const struct machine_ops *ops;
	const struct machine_config *config;
	unsigned int number; /* of machines so far */
	json_t *described;
};

/* Turns of several machines go on at once, and a machine's call waits for its end: each turn has a
 * thread, which alone talks with its machine meanwhile. */
struct check_staged {
	const struct machine_ops *ops;
	struct machine *machine;
	struct machine_outside outside;
	machine_player player;
	bool has_player, playing;
	pthread_t thread;
	struct play_request request;
	struct check_turn turn;
	struct tare_err why;
	int r;
};

static int set_option(json_t *options, const char *name, const char *value)
{
	return json_object_get(options, name) ? 0 : json_put(options, name, json_string(value));
}

/* As many virtual CPUs as the load has threads; where it may run anywhere, so may they. */
static json_t *options_for(const struct scene *scene, const struct trial_spec *spec)
{
	const char *threads = json_string_or(spec->params, "threads", "1");
	json_t *options =
		scene->config->options ? json_deep_copy(scene->config->options) : json_object();

	(void)set_option(options, "vcpus", threads);
	(void)set_option(options, "pin", spec->cpus ? "on" : "off");
	return options;
}

static int open_machine(struct scene *scene, const struct trial_spec *spec,
			const struct limits *early, struct check_staged *s, struct tare_err *err)
{
	cleanup_json json_t *options = options_for(scene, spec);
	struct machine_config config = *scene->config;
	char name[96];
	int r;

	(void)snprintf(name, sizeof(name), "%.80s-o%u", scene->config->name, scene->number++);
	config.name = name;
	config.options = options;
	config.limits = *early;
	config.cpus = spec->cpus;
	/* Nothing of its boot is measured. */
	config.saved_will_do = true;
	r = s->ops->open(&config, &s->machine, err);
	if (r < 0)
		return r;
	if (!scene->described)
		scene->described = s->ops->describe(s->machine);
	return s->ops->outside(s->machine, &s->outside, err);
}

static int stop(struct check_staged *s, struct tare_err *err)
{
	int r;

	/* It ends by its machine's own deadline. */
	if (s->playing)
		(void)pthread_join(s->thread, NULL);
	r = s->machine ? s->ops->close(s->machine, err) : 0;
	free(s);
	return r;
}

static int start(void *context, const struct trial_spec *asked, const struct limits *early,
		 const struct limits *limits, struct check_staged **ret, struct tare_err *err)
{
	struct scene *scene = context;
	struct trial_spec spec = *asked; /* its JSON stays the caller's */
	struct check_staged *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->ops = scene->ops;
	r = open_machine(scene, asked, early, s, err);
	(void)snprintf(spec.env, sizeof(spec.env), "check");
	(void)snprintf(spec.machine, sizeof(spec.machine), "%s", scene->ops->name);
	(void)snprintf(spec.box, sizeof(spec.box), "bare");
	spec.cpus = 0; /* of the host's */
	if (r == 0)
		r = s->ops->start(s->machine, &spec, &s->player, err);
	s->has_player = r == 0;
	if (r == 0)
		r = limits_apply(limits, s->outside.cgroup, err);
	if (r < 0)
		(void)stop(s, NULL);
	else
		*ret = s;
	return r;
}

static const struct cgroup *cgroup_of(const struct check_staged *s)
{
	return s->outside.cgroup;
}

/* The CPU time is that of all of the machine's threads, by their own clock. */
static void *play(void *staged)
{
	struct check_staged *s = staged;
	uint64_t before = 0, after = 0, begun = clock_now_ns();
	struct trial_slice slice = {0};

	(void)program_cpu_ns(s->outside.pid, &before);
	s->r = s->ops->slice(s->machine, s->player, &s->request, &slice, &s->why);
	(void)program_cpu_ns(s->outside.pid, &after);
	s->turn = (struct check_turn){slice.ops, clock_now_ns() - begun,
				      after > before ? after - before : 0, slice.ended};
	return NULL;
}

static int begin(struct check_staged *s, uint64_t duration_ns, struct tare_err *err)
{
	s->request = (struct play_request){
		.magic = PLAY_MAGIC, .kind = PLAY_SOLO, .duration_ns = duration_ns};
	s->why = (struct tare_err){0};
	errno = pthread_create(&s->thread, NULL, play, s);
	if (errno)
		return err_errno(err, "start a thread");
	s->playing = true;
	return 0;
}

static int end(struct check_staged *s, int timeout_ms, struct check_turn *ret, struct tare_err *err)
{
	uint64_t until = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	const struct timespec at = {.tv_sec = (time_t)(until / NS_PER_S),
				    .tv_nsec = (long)(until % NS_PER_S)};

	if (pthread_clockjoin_np(s->thread, NULL, CLOCK_MONOTONIC, &at) != 0)
		return 0;
	s->playing = false;
	if (s->r < 0)
		return err_set(err, -s->r, "%s", s->why.msg);
	*ret = s->turn;
	return 1;
}

static int finish(struct check_staged *s, struct tare_err *err)
{
	json_t *record = NULL;
	int r = s->has_player ? s->ops->finish(s->machine, s->player, &record, err) : 0;

	s->has_player = false;
	json_decref(record);
	return r;
}

int machine_check_outside(const struct machine_ops *ops, const struct machine_config *config,
			  const struct check_request *request, json_t **ret_account,
			  json_t **ret_described, struct tare_err *err)
{
	struct scene scene = {.ops = ops, .config = config};
	const struct check_stage stage = {.context = &scene,
					  .start = start,
					  .cgroup = cgroup_of,
					  .begin = begin,
					  .end = end,
					  .finish = finish,
					  .stop = stop};
	int r = check_carry_out_on(&stage, config->place, request, ret_account, err);

	*ret_described = scene.described;
	return r;
}
