/* SPDX-License-Identifier: MIT */
#include "machine/vm/qemu_threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "machine/vm/qemu.h"
#include "machine/vm/qmp.h"

struct vcpus {
	pid_t threads[QEMU_VCPUS_MAX];
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
		if (ret->n < QEMU_VCPUS_MAX)
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

/* The CPUs for vCPU i of n. */
static uint64_t mask_of(uint64_t cpus, size_t i, size_t n)
{
	if ((size_t)__builtin_popcountll(cpus) != n)
		return cpus;
	while (i--)
		cpus &= cpus - 1; /* without its lowest bit */
	return cpus & -cpus;
}

static int place_vcpus(const struct vcpus *vcpus, uint64_t cpus, json_t *list, struct tare_err *err)
{
	char text[256];

	for (size_t i = 0; i < vcpus->n; i++) {
		uint64_t mask = mask_of(cpus, i, vcpus->n);

		if (set_affinity(vcpus->threads[i], mask) < 0)
			return err_errno(err, "run vCPU %zu on CPUs 0x%llx", i,
					 (unsigned long long)mask);
		(void)json_array_append_new(
			list, json_string(units_print_cpus(mask, text, sizeof(text))));
	}
	return 0;
}

static int place_others(pid_t pid, const struct vcpus *vcpus, uint64_t others, struct tare_err *err)
{
	struct dirent *entry;
	char path[64];
	DIR *threads;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	threads = opendir(path);
	if (!threads)
		return err_errno(err, "open '%s'", path);
	/* A thread made later inherits from the one that makes it, which is one of these. */
	while ((entry = readdir(threads))) { /* NOLINT(concurrency-mt-unsafe): ours */
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && !is_vcpu(vcpus, thread))
			(void)set_affinity(thread, others); /* it may have just ended */
	}
	(void)closedir(threads);
	return 0;
}

static void say_why(json_t *pinning, uint64_t cpus, size_t n_vcpus, bool elsewhere)
{
	int n = __builtin_popcountll(cpus);
	json_t *why = NULL;

	if ((size_t)n != n_vcpus)
		why = json_sprintf("%zu virtual CPUs share %d of the host's%s", n_vcpus, n,
				   elsewhere ? "" : " with QEMU's other threads");
	else if (!elsewhere)
		why = json_string("QEMU's other threads run on the virtual CPUs' CPUs: there is no "
				  "other that they may use");
	if (why)
		(void)json_put(pinning, "why", why);
}

void qemu_threads_close(struct qemu *qemu)
{
	while (qemu->n_vcpus > 0)
		(void)close(qemu->vcpu_fds[--qemu->n_vcpus]);
}

/* A kernel without CONFIG_SCHED_INFO has none. All or none: some of them would look like a guest of
 * fewer CPUs. */
static void open_accounts(struct qemu *qemu, const struct vcpus *vcpus)
{
	char path[80];

	for (size_t i = 0; i < vcpus->n; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", qemu->process.pid,
			       vcpus->threads[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			qemu_threads_close(qemu);
			return;
		}
		qemu->vcpu_fds[qemu->n_vcpus++] = fd;
	}
}

static int place(struct qemu *qemu, uint64_t cpus, const struct vcpus *vcpus, struct tare_err *err)
{
	uint64_t others = allowed(qemu->process.pid) & ~cpus;
	cleanup_json json_t *list = json_array();
	char text[256];
	int r = place_vcpus(vcpus, cpus, list, err);

	if (r == 0 && others)
		r = place_others(qemu->process.pid, vcpus, others, err);
	if (r < 0)
		return r;
	qemu->pinning = json_pack("{sO ss}", "vcpus", list, "others",
				  units_print_cpus(others ? others : cpus, text, sizeof(text)));
	if (!qemu->pinning)
		return err_set(err, ENOMEM, "out of memory");
	say_why(qemu->pinning, cpus, vcpus->n, others != 0);
	return 0;
}

int qemu_threads_place(struct qemu *qemu, uint64_t cpus, uint64_t deadline_ns, struct tare_err *err)
{
	struct vcpus vcpus = {.n = 0};
	int r = ask_vcpus(qemu->qmp, deadline_ns, &vcpus, err);

	if (r < 0)
		return r;
	open_accounts(qemu, &vcpus);
	return cpus ? place(qemu, cpus, &vcpus, err) : 0;
}

/* "run wait timeslices", Documentation/scheduler/sched-stats.rst. */
static bool add_account(int fd, struct qemu_times *times)
{
	uint64_t run, wait;
	char text[96];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): a kernel file of numbers */
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &run, &wait) != 2)
		return false;
	times->vcpus_run_ns += run;
	times->vcpus_wait_ns += wait;
	return true;
}

bool qemu_threads_times(const struct qemu *qemu, struct qemu_times *ret)
{
	*ret = (struct qemu_times){.at_ns = clock_now_ns()};
	for (size_t i = 0; i < qemu->n_vcpus; i++)
		if (!add_account(qemu->vcpu_fds[i], ret))
			return false;
	return qemu->n_vcpus > 0 && program_cpu_ns(qemu->process.pid, &ret->all_ns);
}
