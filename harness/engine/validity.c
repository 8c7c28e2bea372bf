/* SPDX-License-Identifier: MIT */
#include "engine/validity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/cpu_times.h"

/* Steps of the wall clock below this are the adjustment of a clock, not a jump. */
#define CLOCK_STEP_NS (100 * NS_PER_MS)

static uint64_t realtime_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The number after a key at the start of a line, or 0. */
static uint64_t number_after(const char *path, const char *key)
{
	char text[16384];
	const char *at;

	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void say(json_t *result, const char *key, json_t *taken_sentence)
{
	(void)json_array_append(json_object_get(result, "disturbed"), taken_sentence);
	if (key)
		(void)json_object_set(result, key, taken_sentence);
	json_decref(taken_sentence);
}

static void read_speed(int cpu, struct cpu_speed *ret)
{
	cleanup_free char *path = text_format("/sys/devices/system/cpu/cpu%d", cpu);
	cleanup_close int cpu_fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	cpu_speed_read(cpu_fd, ret);
}

/* Absent where the kernel does not know. */
static void put_speed(json_t *result, const struct cpu_speed *before, const struct cpu_speed *now)
{
	json_t *checks = json_object_get(result, "checks");
	uint64_t throttled = now->throttled - before->throttled;

	if (now->knows_khz)
		(void)json_object_set_new(checks, "khz", json_u64(now->khz));
	if (!now->knows_throttled || !before->knows_throttled)
		return;
	(void)json_object_set_new(checks, "heat_throttled", json_u64(throttled));
	if (throttled > 0)
		say(result, NULL,
		    json_sprintf("heat slowed the players' CPU down %llu times",
				 (unsigned long long)throttled));
}

static void validity_read(struct validity *v, int cpu)
{
	struct cpu_times times;
	char *end;

	*v = (struct validity){.cpu = cpu};
	v->monotonic_ns = clock_now_ns();
	v->realtime_ns = realtime_ns();
	if (cpu_times_read(cpu, &times)) {
		v->steal = times.steal_us;
		v->all = times.all_us;
	}
	read_speed(cpu, &v->speed);
	v->swaps = number_after("/proc/vmstat", "\npswpin ") +
		   number_after("/proc/vmstat", "\npswpout ");
	v->pressure_us = number_after("/proc/pressure/cpu", "total=");
	(void)fd_read_file_quiet(AT_FDCWD,
				 "/sys/devices/system/clocksource/clocksource0/current_clocksource",
				 v->clocksource, sizeof(v->clocksource));
	end = strchr(v->clocksource, '\n');
	if (end)
		*end = '\0';
}

void validity_begin(struct validity *before, int cpu)
{
	validity_read(before, cpu);
}

json_t *validity_end(const struct validity *before)
{
	struct validity now;
	json_t *result;
	double steal, wall;
	int64_t step;

	validity_read(&now, before->cpu);
	wall = (double)(now.monotonic_ns - before->monotonic_ns);
	step = (int64_t)(now.realtime_ns - before->realtime_ns) -
	       (int64_t)(now.monotonic_ns - before->monotonic_ns);
	steal = now.all > before->all
			? (double)(now.steal - before->steal) / (double)(now.all - before->all)
			: 0;
	result = json_pack(
		"{s:{s:f, s:I, s:f, s:I, s:s}, s:[]}", "checks", "steal_share", steal,
		"swapped_pages", (json_int_t)(now.swaps - before->swaps), "cpu_pressure_share",
		(double)(now.pressure_us - before->pressure_us) * NS_PER_US / wall, "clock_step_ns",
		(json_int_t)step, "clocksource", now.clocksource, "disturbed");
	if (steal > VALIDITY_STEAL_TELL)
		say(result, steal > VALIDITY_STEAL_VOID ? "void" : NULL,
		    json_sprintf("the hypervisor took %.1f %% of the players' CPU", steal * 100));
	put_speed(result, &before->speed, &now.speed);
	if (now.swaps != before->swaps)
		say(result, NULL, json_string("the machine swapped"));
	if (llabs(step) > (long long)CLOCK_STEP_NS)
		say(result, NULL,
		    json_sprintf("the wall clock was set by %.3f s", (double)step / 1e9));
	if (strcmp(now.clocksource, before->clocksource) != 0)
		say(result, "void",
		    json_sprintf("the clock source changed from %s to %s", before->clocksource,
				 now.clocksource));
	return result;
}

void validity_add_stolen(json_t *validity, const json_t *stolen)
{
	double wall_us = json_double_or(stolen, "wall_ns", 0) / 1000;
	double share = wall_us > 0 ? json_double_or(stolen, "steal_us", 0) / wall_us : 0;

	if (share > VALIDITY_STEAL_TELL)
		say(validity, NULL,
		    json_sprintf("the guest's kernel was told of %.1f %% steal", 100 * share));
}

/* What a collector followed: each switch, call or exit of a guest. 0: it follows nothing by itself,
 * and what it lost are points of a series. */
static double count_followed(json_t *seen)
{
	json_t *call, *calls = json_object_get(seen, "calls");
	double n = json_double_or(seen, "switches", 0) + json_double_or(seen, "n_exits", 0) +
		   json_double_or(seen, "n_user", 0) + json_double_or(seen, "emulated", 0);
	const char *name;

	json_object_foreach(calls, name, call) n += json_double_or(call, "count", 0);
	return n;
}

void validity_add_losses(json_t *validity, const json_t *collectors)
{
	json_t *seen, *value, *all = json_object_get(validity, "disturbed");
	const char *name, *kind;

	/* jansson's iteration takes no const object, and changes none. */
	json_object_foreach((json_t *)(uintptr_t)collectors, name, seen) /* NOLINT */
	{
		double lost = 0, followed = count_followed(seen);

		json_object_foreach(json_object_get(seen, "lost"), kind, value)
		{
			/* It has not ended: that is no loss. */
			if (strcmp(kind, "in_flight") != 0)
				lost += json_number_value(value);
		}
		if (!all || followed <= 0 || lost <= VALIDITY_LOST_VOID * (lost + followed))
			continue;
		say(validity, "void",
		    json_sprintf("collector %.40s may have lost %.1f %% of what it follows", name,
				 100 * lost / (lost + followed)));
	}
}
