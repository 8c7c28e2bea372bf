/* SPDX-License-Identifier: MIT */
#include "lab/run/work.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "check/check.h"
#include "isolation/isolation.h"
#include "kernel/journal.h"
#include "lab/run/data.h"
#include "machine/machine.h"
#include "machine/vm/kvm_verdict.h"
#include "machine/vm/qemu.h"

#define SLICE_NS (500 * 1000ULL)
#define CLIMB_NS (60 * NS_PER_S)

static bool is_missing(const struct lab_work *work, const char *what)
{
	const json_t *one;
	size_t i;

	json_array_foreach(work->missing, i, one)
	{
		if (strcmp(json_string_or(one, "what", ""), what) == 0)
			return true;
	}
	return false;
}

void lab_note_missing(struct lab_work *work, const char *what, const char *why)
{
	if (!is_missing(work, what))
		(void)json_array_append_new(work->missing,
					    json_pack("{s:s, s:s}", "what", what, "why", why));
}

static char *data_path(const struct lab_work *work, const char *name, struct tare_err *err)
{
	cleanup_free char *dir = text_format("%s/" LAB_DATA_DIR, work->dir);
	char *path = dir ? text_format("%s/%s", dir, name) : NULL;

	if (!path)
		(void)err_set(err, ENOMEM, "out of memory");
	else if (fd_make_dirs(dir, err) < 0) {
		free(path);
		path = NULL;
	}
	return path;
}

static int keep(const struct lab_work *work, const char *name, const json_t *document,
		struct tare_err *err)
{
	cleanup_free char *path = data_path(work, name, err);

	return path ? newfile_write_json(path, document, JSON_INDENT(1), err) : -EIO;
}

/* -ENOTSUP where it is a guest under KVM, and KVM does not run code at a CPU's speed. */
static int check_kvm(const struct lab_work *work, const struct env_choice *env,
		     struct tare_err *err)
{
	char qemu[PATH_MAX];
	const struct kvm_verdict_key key = {.cache_dir = work->site.cache_dir, .qemu_path = qemu};
	struct kvm_verdict verdict;
	int r;

	if (strcmp(json_string_or(env->machine_options, "accel", ""), "kvm") != 0)
		return 0;
	r = qemu_find(qemu, sizeof(qemu), err);
	if (r < 0)
		return r;
	kvm_verdict_get(&key, &verdict);
	return verdict.kind == KVM_VERDICT_REAL ? 0 : err_set(err, ENOTSUP, "%s", verdict.why);
}

/* Of a guest nobody knows before one was up: its kernel may have to be fetched first, by a network
 * that a classroom does not have. */
static int try_guest(const struct lab_work *work, const struct env_choice *env,
		     struct tare_err *err)
{
	const struct site_machine wanted = {.env = env};
	struct machine *machine;
	int r = check_kvm(work, env, err);

	if (r < 0)
		return r;
	work->say("trying whether a guest comes up");
	r = site_open(&work->site, &wanted, &machine, err);
	return r < 0 ? r : machine->ops->close(machine, err);
}

/* Whether it can be had; why not is noted. */
static bool can_be_had(struct lab_work *work, const struct env_choice *env)
{
	const struct machine_ops *machine;
	const struct box_ops *box;
	struct tare_err why = {0};

	if (is_missing(work, env->label))
		return false;
	if (machine_find(env->machine, &machine, &why) < 0 || box_find(env->box, &box, &why) < 0 ||
	    machine_probe(machine, box, &why) < 0) {
		lab_note_missing(work, env->label, why.msg);
		return false;
	}
	if (machine->is_guest && work->quick) {
		lab_note_missing(work, env->label, "a quick run boots no guests");
		return false;
	}
	if (machine->is_guest && try_guest(work, env, &why) < 0) {
		lab_note_missing(work, env->label, why.msg);
		return false;
	}
	return true;
}

static int choose_envs(struct lab_work *work, const char *const *texts,
		       const char *ret[LAB_LIST_MAX], struct tare_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < LAB_LIST_MAX && texts[i]; i++) {
		struct env_list one = {0};
		int r = args_parse_envs(texts[i], &one, err);

		if (r == 0 && can_be_had(work, &one.items[0]))
			ret[n++] = texts[i];
		env_list_free(&one);
		if (r < 0)
			return r;
	}
	ret[n] = NULL;
	return n ? 0 : err_set(err, ENOTSUP, "none of the lab's environments can be had here");
}

static int play(struct lab_work *work, const struct campaign *campaign, const json_t *described,
		struct tare_err *err)
{
	cleanup_free char *dir = data_path(work, "run", err);
	/* Players and conductor share it, as in `tare run`. */
	int cpu = engine_last_cpu();
	const struct engine_config config = {
		.campaign = campaign,
		.described = described,
		.place = work->site.place,
		.journal = work->site.journal,
		.cache_dir = work->site.cache_dir,
		.libexec_dir = work->site.libexec_dir,
		.run_dir = dir,
		.conductor_cpu = cpu,
		.players_cpu = cpu,
		.interrupted = work->interrupted,
		.progress = work->progress,
	};
	struct engine_result result;
	int r = dir ? engine_run(&config, &result, err) : -EIO;

	if (r == 0 && strcmp(result.end, "interrupted") == 0)
		return err_set(err, EINTR, "the experiment was interrupted: begin it anew");
	return r;
}

int lab_campaign(struct lab_work *work, const struct lab_campaign *wanted, struct tare_err *err)
{
	/* The flags take texts as of a command line, which they do not change. */
	const char *envs[LAB_LIST_MAX + 1] = {NULL}, *loads[LAB_LIST_MAX + 1] = {NULL};
	cleanup_json json_t *described = NULL;
	struct campaign campaign = {0};
	struct campaign_flags flags = {
		.envs = (char **)(uintptr_t)envs,   /* NOLINT(performance-no-int-to-ptr) */
		.loads = (char **)(uintptr_t)loads, /* NOLINT(performance-no-int-to-ptr) */
		.rounds = work->quick ? wanted->quick_rounds : wanted->rounds,
		.passes = wanted->passes,
		.slice_ns = SLICE_NS,
		.seed = work->seed,
		.has_seed = true,
	};
	int r = choose_envs(work, wanted->envs, envs, err);

	memcpy(loads, wanted->loads, sizeof(wanted->loads));
	if (r == 0)
		r = trial_describe_loads(work->site.place->box.load_path, &described, err);
	if (r == 0)
		r = campaign_from_flags(&flags, described, &campaign, err);
	if (r == 0)
		r = play(work, &campaign, described, err);
	campaign_clear(&campaign);
	return r;
}

static int put_up(struct lab_work *work, const struct lab_density *wanted,
		  const struct env_list *envs, struct tare_err *err)
{
	const struct density_plan plan = {
		.site = work->site,
		.envs = envs,
		.asked = {.rounds = wanted->rounds,
			  .warmup = 1,
			  .seed = work->seed,
			  .effect = 0.01},
		.max = wanted->max,
		.share = wanted->share,
		.climb_ns = CLIMB_NS,
		.interrupted = work->interrupted,
		.progress = work->density_progress,
	};
	cleanup_json json_t *document = NULL;
	struct density_result result;
	struct tare_err why = {0};
	int r = density_play(&plan, &result, &why);

	if (r == 0 && rounds_n_that_count(&result.rounds) > 0)
		r = density_document(&plan, &result, &document, &why);
	if (*work->interrupted)
		r = err_set(err, EINTR, "the experiment was interrupted: begin it anew");
	else if (document)
		r = keep(work, "density.json", document, err);
	else
		lab_note_missing(work, "density",
				 r < 0 ? why.msg
				       : "whoever runs this virtual machine took its CPU away in "
					 "every round");
	density_result_clear(&result);
	return *work->interrupted || document ? r : 0;
}

int lab_density(struct lab_work *work, const struct lab_density *wanted, struct tare_err *err)
{
	const char *texts[LAB_LIST_MAX + 1] = {NULL};
	struct env_list envs = {0};
	int r = choose_envs(work, wanted->envs, texts, err);

	for (size_t i = 0; r == 0 && texts[i]; i++)
		r = args_parse_envs(texts[i], &envs, err);
	if (r == 0)
		r = put_up(work, wanted, &envs, err);
	env_list_free(&envs);
	return r;
}

int lab_isolation(struct lab_work *work, const char *envs, const char *const *probes,
		  struct tare_err *err)
{
	static char *const all[] = {NULL};
	struct env_list list = {0};
	cleanup_json json_t *result = NULL;
	const struct isolation_plan plan = {
		.envs = &list,
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): read only */
		.probes = probes ? (char *const *)(uintptr_t)probes : all,
		.site = work->site,
		.say = work->say,
	};
	const json_t *env;
	size_t i;
	int r = args_parse_envs(envs, &list, err);

	if (r == 0)
		r = isolation_run(&plan, &result, err);
	env_list_free(&list);
	json_array_foreach(json_object_get(result, "environments"), i, env)
	{
		if (strcmp(json_string_or(env, "status", ""), "ok") != 0)
			lab_note_missing(work, json_string_or(env, "label", "?"),
					 json_string_or(env, "why", "?"));
	}
	return r < 0 ? r : keep(work, "isolation.json", result, err);
}

static int check_in(const struct lab_work *work, const struct env_choice *env,
		    const struct check_ops *ops, double scale, json_t *document,
		    struct tare_err *err)
{
	const struct check_request request = {
		.check = ops->name, .box = env->box, .options = env->options, .scale = scale};
	cleanup_json json_t *account = NULL;
	const struct site_machine wanted = {.env = env};
	struct tare_err why = {0};
	struct machine *machine;
	json_t *result;
	int r = site_open(&work->site, &wanted, &machine, err);

	if (r < 0)
		return r;
	(void)json_object_set_new(json_object_get(document, "machines"), env->label,
				  machine->ops->describe(machine));
	r = machine->ops->check(machine, &request, &account, &why);
	result = check_judge(ops, r < 0 ? NULL : account, why.msg);
	if (!result || json_object_set_new(result, "env", json_string(env->label)) < 0 ||
	    json_array_append_new(json_object_get(document, "results"), result) < 0)
		(void)err_set(err, ENOMEM, "out of memory");
	r = machine->ops->close(machine, err);
	return err->code && r == 0 ? -err->code : r;
}

int lab_checks(struct lab_work *work, const struct lab_check *checks, double scale,
	       struct tare_err *err)
{
	cleanup_json json_t *document =
		json_pack("{s:s, s:s, s:o, s:{}, s:[]}", "schema", "tare.validate/1", "tare",
			  TARE_VERSION, "scale", json_number(scale), "machines", "results");
	int r = document ? 0 : err_set(err, ENOMEM, "out of memory");

	for (; r == 0 && checks->check; checks++) {
		const struct check_ops *ops;
		struct env_list env = {0};

		work->say(checks->check);
		r = check_find(checks->check, &ops, err);
		if (r == 0)
			r = args_parse_envs(checks->env, &env, err);
		if (r == 0)
			r = check_in(work, &env.items[0], ops, scale, document, err);
		env_list_free(&env);
		if (r == 0 && *work->interrupted)
			r = err_set(err, EINTR, "the experiment was interrupted: begin it anew");
	}
	return r < 0 ? r : keep(work, "checks.json", document, err);
}

int lab_keep_seen(const struct lab_work *work, const json_t *seen, struct tare_err *err)
{
	return keep(work, "seen.json", seen, err);
}
