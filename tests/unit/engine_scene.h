/* SPDX-License-Identifier: MIT */
#pragma once
/* engine_scene: a campaign of one load on two machines, which only write down what they are asked
 * for. What a test wants of both stands in the variables here; each test has a folder of its own
 * and finds them as fresh_folder() leaves them. */

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/engine.h"

static char folder[] = "/tmp/tare-unit-XXXXXX";
static char run_dir[64];
/* What was asked, a letter each: o(pen) s(tart) p(lay) f(inish) a(bort) c(lose); capital: vm. */
static char asked[4096];
/* The first call of this letter fails with this. */
static char fails;
static int fails_with;
static volatile sig_atomic_t interrupted;
static unsigned int wrong_clocks; /* so many trials in the guest find its clock wrong */
#define DRIFT "the guest's clock drifts by 200 ppm from the host's"
static int interrupt_after;   /* so many slices; 0: never */
static unsigned int slice_ms; /* that each takes */
static unsigned int boots;
/* Of the campaign. */
static uint64_t live, budget_ns;
static double precision_pct;
static char delays[256]; /* that players were started with, "-" for none */

static int note(const struct machine_ops *ops, char letter, struct tare_err *err)
{
	char said = ops->is_guest ? (char)(letter - 'a' + 'A') : letter;
	size_t n = strlen(asked);

	assert_true(n + 1 < sizeof(asked));
	asked[n] = said;
	asked[n + 1] = '\0';
	if (letter == 'p' && interrupt_after && --interrupt_after == 0)
		interrupted = 2;
	if (said != fails)
		return 0;
	fails = 0;
	return err_set(err, -fails_with, "as the test wants it");
}

static int fake_start(struct machine *m, const struct trial_spec *spec, machine_player *ret,
		      struct tare_err *err)
{
	(void)snprintf(delays + strlen(delays), sizeof(delays) - strlen(delays), "%s ",
		       json_string_or(spec->params, "delay", "-"));
	*ret = 0;
	return note(m->ops, 's', err);
}

static int fake_slice(struct machine *m, machine_player player, const struct play_request *request,
		      struct trial_slice *ret, struct tare_err *err)
{
	(void)player;
	(void)usleep(slice_ms * 1000);
	*ret = (struct trial_slice){.ops = request->iters, .ns = request->iters * 1000};
	return note(m->ops, 'p', err);
}

static int fake_finish(struct machine *m, machine_player player, json_t **ret, struct tare_err *err)
{
	int r = note(m->ops, 'f', err);

	(void)player;
	if (r == 0)
		*ret = json_pack("{s:s, s:{}, s:b}", "status", "ok", "load", "superseded", 1);
	if (r == 0 && m->ops->is_guest && wrong_clocks && wrong_clocks--)
		(void)json_object_set_new(*ret, "validity",
					  json_pack("{s:{}, s:[s], s:s}", "clock", "disturbed",
						    DRIFT, "void", DRIFT));
	return r;
}

static int fake_abort(struct machine *m, machine_player player, struct tare_err *err)
{
	(void)player;
	return note(m->ops, 'a', err);
}

static json_t *fake_describe(struct machine *m)
{
	return json_pack("{s:s, s:o}", "machine", m->ops->name, "id",
			 json_sprintf("%s-%u", m->ops->name, boots));
}

static int fake_close(struct machine *m, struct tare_err *err)
{
	int r = note(m->ops, 'c', err);

	free(m);
	return r;
}

static int fake_open(const struct machine_ops *ops, struct machine **ret, struct tare_err *err)
{
	int r = note(ops, 'o', err);

	if (r < 0)
		return r;
	*ret = calloc(1, sizeof(**ret));
	(*ret)->ops = ops;
	return 0;
}

static int open_host(const struct machine_config *config, struct machine **ret,
		     struct tare_err *err);
static int open_vm(const struct machine_config *config, struct machine **ret, struct tare_err *err);

static const struct machine_ops host = {
	.name = "host",
	.open = open_host,
	.describe = fake_describe,
	.start = fake_start,
	.slice = fake_slice,
	.finish = fake_finish,
	.abort = fake_abort,
	.close = fake_close,
};
static const struct machine_ops vm = {
	.name = "vm",
	.is_guest = true,
	.open = open_vm,
	.describe = fake_describe,
	.start = fake_start,
	.slice = fake_slice,
	.finish = fake_finish,
	.abort = fake_abort,
	.close = fake_close,
};
const struct machine_ops *const machine_ops_table[] = {&host, &vm, NULL};

static int open_host(const struct machine_config *config, struct machine **ret,
		     struct tare_err *err)
{
	(void)config;
	return fake_open(&host, ret, err);
}

static int open_vm(const struct machine_config *config, struct machine **ret, struct tare_err *err)
{
	(void)config;
	boots++;
	return fake_open(&vm, ret, err);
}

static bool self_test;       /* native is there again, and slowed down by 10 % */
static bool self_test_of_vm; /* it is the guest that is */
static enum trial_mode mode = TRIAL_BATCH;

static inline struct engine_result carry_out(uint64_t rounds, bool resume, bool one_after_the_other)
{
	static const struct trial_place place = {.box = {.load_path = TARE_BINARY_DIR "/tare-load"},
						 .group_prefix = "tare-unit"};
	cleanup_json json_t *none = json_object(), *no_collectors = json_array();
	cleanup_json json_t *described =
		json_pack("{s:[{s:s, s:b}]}", "loads", "name", "getppid", "solo", 0);
	struct env_choice envs[] = {
		{"native", "host", "bare", none, none, "", 0},
		{"vm", "vm", "bare", none, none, "", 0},
		{"again", "host", "bare", none, none, "native", 0},
		{"slow", "host", "bare", none, none, "native", 10},
	};
	struct load_choice load = {"getppid", none};
	struct campaign_group group = {
		.name = "g",
		.envs = {envs, self_test ? 4 : 2},
		.loads = {&load, 1},
		.collectors = no_collectors,
		.mode = (int)mode,
		.rounds = rounds,
	};
	struct campaign campaign = {&group,
				    1,
				    .slice_ns = 1000,
				    .passes = 3,
				    .seed = 1,
				    .rounds_per_instance = live,
				    .time_budget_ns = budget_ns,
				    .precision_pct = precision_pct};
	const struct engine_config config = {
		.campaign = &campaign,
		.described = described,
		.place = &place,
		.libexec_dir = TARE_BINARY_DIR,
		.run_dir = run_dir,
		.resume = resume,
		.solo_turns = one_after_the_other,
		.conductor_cpu = -1,
		.players_cpu = -1,
		.interrupted = &interrupted,
	};
	struct engine_result result = {0};
	struct tare_err err = {0};

	(void)strcpy(campaign.baseline, "native");
	for (size_t i = 2; i < 4 && self_test_of_vm; i++) {
		(void)strcpy(envs[i].machine, "vm");
		(void)strcpy(envs[i].twin_of, "vm");
	}
	asked[0] = '\0';
	delays[0] = '\0';
	if (engine_run(&config, &result, &err) < 0)
		fail_msg("%s", err.msg);
	return result;
}

/* The letters of s that are in set. */
static inline const char *only(const char *s, const char *set)
{
	static char kept[sizeof(asked)];
	size_t n = 0;

	for (; *s; s++) {
		if (strchr(set, *s))
			kept[n++] = *s;
	}
	kept[n] = '\0';
	return kept;
}

static inline size_t count(const char *s, char letter)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == letter;
	return n;
}

static inline int fresh_folder(void **state)
{
	(void)state;
	fails = 0;
	interrupted = 0;
	interrupt_after = 0;
	wrong_clocks = 0;
	slice_ms = 0;
	live = 1;
	budget_ns = 0;
	precision_pct = 0;
	self_test = false;
	self_test_of_vm = false;
	mode = TRIAL_BATCH;
	(void)strcpy(folder, "/tmp/tare-unit-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", folder);
	return 0;
}

static inline int remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(folder, NULL);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fresh_folder, remove_folder)
