/* SPDX-License-Identifier: MIT */
/* cpuset: a group runs on its CPUs and on no other, as sched_switch saw it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "check/check.h"
#include "check/run/run.h"
#include "common/residency.h"

#define WINDOW_NS (3 * NS_PER_S)
#define LEAST_NS  (500 * NS_PER_MS)

extern const struct check_ops check_ops_cpuset;

static int cpuset_probe(struct check_run *run, struct tare_err *err)
{
	if (__builtin_popcountll(check_all_cpus(run)) < 2)
		return err_set(err, ENOTSUP,
			       "there is one CPU only, and nowhere to be kept away from");
	return check_needs(run, CGROUP_CPUSET, err);
}

static int start(struct check_run *run, bool limited, struct check_player **ret,
		 struct tare_err *err)
{
	char limits[128], mask[96];
	/* Two threads on one CPU's worth of quota: unless held, they use both CPUs. */
	const struct check_load load = {.load = "cpu-burn",
					.params = "threads=2 ahead=64",
					.limits = limits,
					.safety = "cpus=1 memory=512M pids-limit=256"};

	(void)snprintf(limits, sizeof(limits), "cpuset-cpus=%s",
		       units_print_cpus(check_one_cpu(run), mask, sizeof(mask)));
	return check_start(run, &load, limited, ret, err);
}

/* ns on the mask's CPUs, and on all others. */
static void split(const uint64_t before[RESIDENCY_CPUS], const uint64_t after[RESIDENCY_CPUS],
		  uint64_t mask, uint64_t *ret_inside, uint64_t *ret_outside)
{
	*ret_inside = *ret_outside = 0;
	for (unsigned int i = 0; i < RESIDENCY_CPUS; i++)
		*(mask >> i & 1 ? ret_inside : ret_outside) += after[i] - before[i];
}

/* Who has the other CPUs to themselves leaves nobody a reason to go there: then nothing is shown,
 * neither with the limit nor without, for any of the time might have been spent elsewhere. */
static void excuse(const struct check_machine *before, const struct check_machine *after,
		   uint64_t inside_ns, struct check_figure *figure)
{
	check_disturbed(before, after, inside_ns, figure);
	if (figure->disturbed[0])
		figure->high = (double)inside_ns;
}

static int watch(struct check_run *run, struct check_player *player, struct residency *residency,
		 struct check_figure *ret, struct tare_err *err)
{
	uint64_t before[RESIDENCY_CPUS], after[RESIDENCY_CPUS], inside, outside;
	struct check_machine machine, machine_after;
	struct check_turn turn;
	int r;

	check_machine_read(&machine);
	if ((r = residency_read(residency, before, err)) < 0 ||
	    (r = check_play(player, check_time(run, WINDOW_NS, LEAST_NS), &turn, err)) < 0 ||
	    (r = residency_read(residency, after, err)) < 0)
		return r;
	check_machine_read(&machine_after);
	split(before, after, check_one_cpu(run), &inside, &outside);
	if (turn.ended || inside + outside == 0)
		return err_set(err, EIO, "the burner did not run");
	ret->value = (double)outside;
	if (outside == 0)
		excuse(&machine, &machine_after, inside, ret);
	ret->n = 1;
	ret->details = json_pack("{s:o, s:o, s:o, s:o}", "inside_ns", json_u64(inside),
				 "outside_ns", json_u64(outside), "payload_cpu_ns",
				 json_u64(turn.cpu_ns), "mask", json_u64(check_one_cpu(run)));
	return 0;
}

static int cpuset_measure(struct check_run *run, bool limited, struct check_figure *ret,
			  struct tare_err *err)
{
	struct residency *residency = NULL;
	struct check_player *player;
	int r = start(run, limited, &player, err);

	if (r == 0)
		r = residency_open(check_cgroup(player), &residency, err);
	if (r == 0)
		r = watch(run, player, residency, ret, err);
	residency_close(residency);
	return r;
}

const struct check_ops check_ops_cpuset = {
	.name = "cpuset",
	.summary = "time on CPUs outside the mask, as sched_switch saw it",
	.claim = "the tasks of a group run on the CPUs of its mask and never on another",
	.limits = "cpuset-cpus",
	.of_machines = true,
	.unit = "ns",
	.low = 0,
	.high = 0,
	.tolerance = "0 ns outside: the mask is a promise, not a preference (cpuset(7))",
	.probe = cpuset_probe,
	.measure = cpuset_measure,
};
