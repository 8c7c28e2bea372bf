/* SPDX-License-Identifier: MIT */
/* A campaign as YAML: what `tare run --dry-run` prints can be run again. */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/campaign.h"

/* Whether the stream took it is asked once, at the end. */
static void put(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(FILE *to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(to, fmt, ap);
	va_end(ap);
}

/* Plain where no reader of YAML could take it for anything else, else in single quotes. */
static void put_text(FILE *to, const char *text)
{
	if (text_is_label(text) && !strchr(text, ':')) {
		put(to, "%s", text);
		return;
	}
	put(to, "'");
	for (; *text; text++)
		put(to, *text == '\'' ? "'%c" : "%c", *text);
	put(to, "'");
}

static void put_time(FILE *to, const char *key, uint64_t ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"s", NS_PER_S}, {"ms", NS_PER_MS}, {"us", NS_PER_US}, {"ns", 1}};
	size_t i = 0;

	if (ns == 0)
		return;
	while (ns % units[i].ns)
		i++;
	put(to, "%s: %llu%s\n", key, (unsigned long long)(ns / units[i].ns), units[i].name);
}

static void put_percent(FILE *to, const char *key, double value)
{
	if (value > 0)
		put(to, "%s: %.10g\n", key, value);
}

static int put_envs(FILE *to, const struct env_list *envs, struct tare_err *err)
{
	put(to, "    envs:\n");
	for (size_t i = 0; i < envs->n; i++) {
		char *text;

		if (envs->items[i].twin_of[0])
			continue; /* 'self-test' puts it there again */
		text = env_choice_text(&envs->items[i]);

		if (!text)
			return err_set(err, ENOMEM, "out of memory");
		put(to, "      - ");
		put_text(to, text);
		put(to, "\n");
		free(text);
	}
	return 0;
}

static int put_loads(FILE *to, const struct load_list *loads, struct tare_err *err)
{
	put(to, "    loads:\n");
	for (size_t i = 0; i < loads->n; i++) {
		char *text = load_choice_text(&loads->items[i]);

		if (!text)
			return err_set(err, ENOMEM, "out of memory");
		put(to, "      - ");
		put_text(to, text);
		put(to, "\n");
		free(text);
	}
	return 0;
}

static void put_collectors(FILE *to, const json_t *collectors)
{
	const json_t *item;
	size_t i;

	if (json_array_size(collectors) == 0)
		return;
	put(to, "    collectors:\n");
	json_array_foreach(collectors, i, item)
	{
		put(to, "      - ");
		put_text(to, json_string_value(item));
		put(to, "\n");
	}
}

static void put_devices(FILE *to, const struct limits *limits)
{
	static const char *const flags[LIMIT_RATES] = {
		[LIMIT_READ_BPS] = "device-read-bps",
		[LIMIT_WRITE_BPS] = "device-write-bps",
		[LIMIT_READ_IOPS] = "device-read-iops",
		[LIMIT_WRITE_IOPS] = "device-write-iops",
	};

	for (int kind = 0; kind < LIMIT_RATES; kind++) {
		bool begun = false;

		for (size_t i = 0; i < limits->n_devices; i++) {
			const struct limit_device *device = &limits->devices[i];
			bool bytes = kind == LIMIT_READ_BPS || kind == LIMIT_WRITE_BPS;
			char text[192];

			if (!device->rate[kind])
				continue;
			if (!begun)
				put(to, "      %s:\n", flags[kind]);
			begun = true;
			(void)snprintf(text, sizeof(text), "%s:%llu%s", device->path,
				       (unsigned long long)device->rate[kind], bytes ? "B" : "");
			put(to, "        - ");
			put_text(to, text);
			put(to, "\n");
		}
	}
}

static void put_limit(const char *flag, const char *text, void *context)
{
	put(context, "      %s: '%s'\n", flag, text);
}

static void put_listed(const char *flag, const char *text, void *context)
{
	(void)flag;
	put(context, "        - '%s'\n", text);
}

static void put_limits(FILE *to, const struct limits *limits)
{
	if (!limits_given(limits))
		return;
	put(to, "    limits:\n");
	limits_each(limits, put_limit, to);
	put_devices(to, limits);
	if (limits->ulimits.n)
		put(to, "      ulimit:\n");
	limits_each_ulimit(limits, put_listed, to);
}

static int put_group(FILE *to, const struct campaign_group *group, struct tare_err *err)
{
	int r;

	put(to, "  - name: ");
	put_text(to, group->name);
	put(to, "\n");
	if ((r = put_envs(to, &group->envs, err)) < 0 ||
	    (r = put_loads(to, &group->loads, err)) < 0)
		return r;
	put_limits(to, &group->limits);
	put_collectors(to, group->collectors);
	if (group->mode != CAMPAIGN_MODE_BY_LOAD)
		put(to, "    mode: %s\n", trial_mode_name((enum trial_mode)group->mode));
	put(to, "    rounds: %llu\n", (unsigned long long)group->rounds);
	put_time(to, "    duration", group->solo_ns);
	put_time(to, "    sample", group->sample_ns);
	return 0;
}

int campaign_to_yaml(const struct campaign *campaign, FILE *to, struct tare_err *err)
{
	put_time(to, "slice", campaign->slice_ns);
	put(to, "passes: %llu\n", (unsigned long long)campaign->passes);
	if (campaign->rounds_per_instance > 1)
		put(to, "rounds-per-instance: %llu\n",
		    (unsigned long long)campaign->rounds_per_instance);
	if (campaign->has_seed)
		put(to, "seed: %llu\n", (unsigned long long)campaign->seed);
	put_percent(to, "precision", campaign->precision_pct);
	put_time(to, "time-budget", campaign->time_budget_ns);
	put_percent(to, "effect", campaign->effect_pct);
	if (campaign->ladder)
		put(to, "ladder: yes\n");
	if (campaign->self_test)
		put(to, "self-test: yes\n");
	if (campaign->same_rootfs)
		put(to, "rootfs-mode: same\n");
	put(to, "baseline: ");
	put_text(to, campaign->baseline);
	put(to, "\ngroups:\n");
	for (size_t i = 0; i < campaign->n_groups; i++) {
		int r = put_group(to, &campaign->groups[i], err);

		if (r < 0)
			return r;
	}
	if (fflush(to) != 0 || ferror(to))
		return err_errno(err, "print the campaign");
	return 0;
}
