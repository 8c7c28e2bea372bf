/* SPDX-License-Identifier: MIT */
#include "machine/vm/qemu_threads.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "machine/vm/qemu.h"
#include "machine/vm/qmp.h"

#define VCPUS_MAX 64

struct vcpus {
	pid_t threads[VCPUS_MAX];
	size_t n;
};

static bool is_vcpu(const struct vcpus *vcpus, pid_t thread)
{
	for (size_t i = 0; i < vcpus->n; i++)
		if (vcpus->threads[i] == thread)
			return true;
	return false;
}

static int ask_vcpus(struct qmp *qmp, uint64_t deadline_ns, struct vcpus *ret, struct tare_err *err)
{
	cleanup_json json_t *list = NULL;
	int r = qmp_run(qmp, "query-cpus-fast", NULL, deadline_ns, &list, err);
	size_t i;
	json_t *cpu;

	if (r < 0)
		return r;
	json_array_foreach(list, i, cpu)
	{
		uint64_t thread;

		r = json_read_u64(cpu, "thread-id", &thread, err);
		if (r < 0)
			return err_wrap(err, r, "qmp: query-cpus-fast");
		if (ret->n < VCPUS_MAX)
			ret->threads[ret->n++] = (pid_t)thread;
	}
	return ret->n ? 0 : err_set(err, EPROTO, "qmp: QEMU says that the guest has no CPU");
}

static int set_affinity(pid_t thread, uint64_t mask)
{
	return (int)syscall(SYS_sched_setaffinity, thread, sizeof(mask), &mask);
}

/* The CPUs QEMU may run on now, as its cgroup has them. */
static uint64_t allowed(pid_t pid)
{
	uint64_t mask[16] = {0};

	if (syscall(SYS_sched_getaffinity, pid, sizeof(mask), mask) < 0)
		return 0;
	return mask[0];
}

int qemu_threads_place(struct qemu *qemu, uint64_t cpus, uint64_t deadline_ns, struct tare_err *err)
{
	uint64_t others = allowed(qemu->process.pid) & ~cpus;
	struct vcpus vcpus = {.n = 0};
	struct dirent *entry;
	char path[64];
	DIR *threads;
	int r;

	if (!cpus)
		return 0;
	r = ask_vcpus(qemu->qmp, deadline_ns, &vcpus, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < vcpus.n; i++)
		if (set_affinity(vcpus.threads[i], cpus) < 0)
			return err_errno(err, "run vCPU %zu on CPUs 0x%llx", i,
					 (unsigned long long)cpus);
	if (!others)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", qemu->process.pid);
	threads = opendir(path);
	if (!threads)
		return err_errno(err, "open '%s'", path);
	/* A thread made later inherits from the one that makes it, which is one of these. */
	while ((entry = readdir(threads))) { /* NOLINT(concurrency-mt-unsafe): ours */
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && !is_vcpu(&vcpus, thread))
			(void)set_affinity(thread, others); /* it may have just ended */
	}
	(void)closedir(threads);
	return 0;
}
