/* SPDX-License-Identifier: MIT */
#include "common/residency.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "common/skeleton.h"
#include "kernel/cgroup.h"
#include "residency.skel.h"

#define BTF "/sys/kernel/btf/vmlinux"

struct residency {
	struct residency_bpf *bpf;
	int cpus; /* possible ones */
};

static int load(struct residency *residency, int cgroup_fd, struct tare_err *err)
{
	__u32 zero = 0;
	int r;

	skeleton_quiet();
	residency->cpus = libbpf_num_possible_cpus();
	if (residency->cpus < 0)
		return skeleton_error(err, residency->cpus, "count the CPUs");
	residency->bpf = residency_bpf__open_and_load();
	if (!residency->bpf)
		return skeleton_error(err, -errno, "load the BPF program of sched_switch");
	r = bpf_map_update_elem(bpf_map__fd(residency->bpf->maps.group), &zero, &cgroup_fd,
				BPF_ANY);
	if (r < 0)
		return skeleton_error(err, r, "name the group to the BPF program");
	r = residency_bpf__attach(residency->bpf);
	return r < 0 ? skeleton_error(err, r, "attach to sched_switch") : 0;
}

int residency_open(const struct cgroup *cgroup, struct residency **ret, struct tare_err *err)
{
	struct residency *residency;
	struct stat btf;
	int r;

	if (stat(BTF, &btf) < 0 || btf.st_size == 0)
		return err_set(err, ENOTSUP, "the kernel has no BTF (" BTF ")");
	if (cgroup_v2_fd(cgroup) < 0)
		return err_set(err, ENOTSUP, "no cgroup v2 is mounted, by which tasks are told");
	residency = calloc(1, sizeof(*residency));
	if (!residency)
		return err_set(err, ENOMEM, "out of memory");
	r = load(residency, cgroup_v2_fd(cgroup), err);
	if (r < 0)
		residency_close(residency);
	else
		*ret = residency;
	return r;
}

int residency_read(struct residency *residency, uint64_t ret_on_ns[RESIDENCY_CPUS],
		   struct tare_err *err)
{
	cleanup_free struct residency_cpu *cpus = calloc((size_t)residency->cpus, sizeof(*cpus));
	__u32 zero = 0;

	if (!cpus)
		return err_set(err, ENOMEM, "out of memory");
	if (bpf_map_lookup_elem(bpf_map__fd(residency->bpf->maps.cpus), &zero, cpus) < 0)
		return err_errno(err, "read the times of the CPUs");
	for (int i = 0; i < RESIDENCY_CPUS; i++)
		ret_on_ns[i] = i < residency->cpus ? cpus[i].on_ns : 0;
	return 0;
}

void residency_close(struct residency *residency)
{
	if (!residency)
		return;
	residency_bpf__destroy(residency->bpf);
	free(residency);
}
