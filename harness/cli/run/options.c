/* SPDX-License-Identifier: MIT */
#include "cli/run/options.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "base/units.h"

static int list_add(struct run_list *list, const char *what, const char *text, struct tare_err *err)
{
	if (list->n == RUN_LIST_MAX)
		return err_set(err, EINVAL, "-%s may be given %d times", what, RUN_LIST_MAX);
	/* It is in argv, which is ours to keep. */
	list->items[list->n++] = (char *)(uintptr_t)text; /* NOLINT(performance-no-int-to-ptr) */
	return 0;
}

static int take_env(void *options, const char *text, struct tare_err *err)
{
	return list_add(&((struct run_options *)options)->envs, "e", text, err);
}

static int take_load(void *options, const char *text, struct tare_err *err)
{
	return list_add(&((struct run_options *)options)->loads, "w", text, err);
}

static int take_collectors(void *options, const char *text, struct tare_err *err)
{
	return list_add(&((struct run_options *)options)->collectors, "c", text, err);
}

static int take_mode(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	f->has_mode = true;
	return trial_mode_parse(text, &f->mode, err);
}

static int take_rounds(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_count("--rounds", text, 1, 100000, &f->rounds, err);
}

static int take_rounds_per_instance(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_count("--rounds-per-instance", text, 1, 100000, &f->rounds_per_instance,
				 err);
}

static int take_passes(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_count("--passes", text, 1, 2000, &f->passes, err);
}

static int take_slice(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_time("--slice", text, &f->slice_ns, err);
}

static int take_duration(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_time("--duration", text, &f->solo_ns, err);
}

static int take_sample(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_time("--sample", text, &f->sample_ns, err);
}

static int take_budget(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_time("--time-budget", text, &f->time_budget_ns, err);
}

static int take_precision(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_number("--precision", text, 0.01, 100, &f->precision_pct, err);
}

static int take_effect(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	return units_parse_number("--effect", text, 0.01, 100, &f->effect_pct, err);
}

static int take_seed(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	f->has_seed = true;
	return units_parse_count("--seed", text, 0, INT64_MAX, &f->seed, err);
}

static int take_baseline(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct run_options *)options)->flags.baseline = text;
	return 0;
}

static int take_rootfs(void *options, const char *text, struct tare_err *err)
{
	struct campaign_flags *f = &((struct run_options *)options)->flags;

	f->has_rootfs = true;
	return campaign_parse_rootfs("--rootfs-mode", text, &f->same_rootfs, err);
}

static int take_out(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct run_options *)options)->out_dir = text;
	return 0;
}

static int take_resume(void *options, const char *text, struct tare_err *err)
{
	(void)err;
	((struct run_options *)options)->resume_dir = text;
	return 0;
}

static int take_conductor(void *options, const char *text, struct tare_err *err)
{
	static const char *const values[] = {"same", "other", "any", NULL};
	char hint[TEXT_HINT_SIZE];

	for (int i = 0; values[i]; i++) {
		if (strcmp(text, values[i]) == 0) {
			((struct run_options *)options)->conductor = text;
			return 0;
		}
	}
	return err_set(err, EINVAL, "--conductor: '%.40s' is none of same, other, any%s", text,
		       text_hint(text, values, hint, sizeof(hint)));
}

static int take_observer(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct run_options *)options)->flags.observer = true;
	return 0;
}

static int take_self_test(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct run_options *)options)->flags.self_test = true;
	return 0;
}

static int take_dry_run(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct run_options *)options)->dry_run = true;
	return 0;
}

static int take_no_turns(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct run_options *)options)->one_after_the_other = true;
	return 0;
}

static int take_hold_still(void *options, const char *text, struct tare_err *err)
{
	(void)text;
	(void)err;
	((struct run_options *)options)->hold_still = true;
	return 0;
}

const struct command_option run_options[] = {
	{"environment", 'e', "ENV",
	 "an environment: native, container, vm, a=native, container,seccomp=off", take_env},
	{"workload", 'w', "LOAD", "a load: getppid, pread,size=64K, 'p*', @syscall", take_load},
	{"collectors", 'c', "COLLECTORS",
	 "collectors of observed rounds: syscalls,counters={cycles,instructions}+page-faults",
	 take_collectors},
	{"observer", 0, NULL, "weigh the scale: each group without collectors, with each, with all",
	 take_observer},
	{"self-test", 0, NULL,
	 "try it on what is known: each environment once more, the baseline slowed down",
	 take_self_test},
	{"mode", 0, "MODE", "batch (the central figure), latency (a distribution) or solo",
	 take_mode},
	{"rounds", 0, "N", "rounds at the most (default 10; 200 with --precision)", take_rounds},
	{"rounds-per-instance", 0, "N",
	 "rounds that a guest lives, before the next boot (default 1)", take_rounds_per_instance},
	{"precision", 0, "PCT", "stop when every ratio's interval is within +-PCT percent",
	 take_precision},
	{"time-budget", 0, "TIME", "be done by then, whatever is left undone: 5m", take_budget},
	{"slice", 0, "TIME", "length of a turn (default 500us)", take_slice},
	{"passes", 0, "N", "turns of each player in a round", take_passes},
	{"duration", 0, "TIME", "how long a load runs that takes no turns (default 5s)",
	 take_duration},
	{"sample", 0, "TIME", "interval of time series (default 50ms in solo runs)", take_sample},
	{"effect", 0, "PCT", "smallest effect of interest (default 1)", take_effect},
	{"baseline", 0, "LABEL", "what the others are compared with (default: the first)",
	 take_baseline},
	{"rootfs-mode", 0, "MODE", "same: /work on the host is a disk as a guest's (default own)",
	 take_rootfs},
	{"seed", 0, "N", "of all that is random (default: drawn, and recorded)", take_seed},
	{"output", 'o', "DIR", "the run's folder, new or empty (default: results/TIME)", take_out},
	{"resume", 0, "RUN", "carry out what a run that was stopped still lacks", take_resume},
	{"dry-run", 0, NULL, "print the campaign as YAML and stop", take_dry_run},
	{"conductor", 0, "WHERE", "CPU that passes the turn: same as the players', other, any",
	 take_conductor},
	{"hold-still", 0, NULL,
	 "set the performance governor and no turbo; put back what was there, also after a crash",
	 take_hold_still},
	{"one-after-the-other", 0, NULL, "no turns: each player plays alone, as other tools do",
	 take_no_turns},
	{NULL, 0, NULL, NULL, NULL},
};

const struct command_option run_ladder_options[] = {
	{"environment", 'e', "ENV", "what comes after the container: vm, vm+container, container",
	 take_env},
	{"workload", 'w', "LOAD", "a load (default: getppid,openclose,forkexec,fault)", take_load},
	{"rounds", 0, "N", "rounds at the most (default 12)", take_rounds},
	{"precision", 0, "PCT", "stop when every ratio's interval is within +-PCT percent",
	 take_precision},
	{"time-budget", 0, "TIME", "be done by then, whatever is left undone (default 170s)",
	 take_budget},
	{"slice", 0, "TIME", "length of a turn (default 250us)", take_slice},
	{"passes", 0, "N", "turns of each player in a round (default 100)", take_passes},
	{"effect", 0, "PCT", "smallest effect of interest (default 1)", take_effect},
	{"seed", 0, "N", "of all that is random (default: drawn, and recorded)", take_seed},
	{"output", 'o', "DIR", "the run's folder, new or empty (default: results/TIME)", take_out},
	{"resume", 0, "RUN", "carry out what a run that was stopped still lacks", take_resume},
	{"dry-run", 0, NULL, "print the campaign as YAML and stop", take_dry_run},
	{NULL, 0, NULL, NULL, NULL},
};
