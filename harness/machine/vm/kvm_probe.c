/* SPDX-License-Identifier: MIT */
#include "machine/vm/kvm_probe.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"

#define PROBE_ITERATIONS      20000
#define PROBE_RUNS            5 /* the best one counts: the others were preempted */
#define PROBE_DEADLINE_MS     5000
/* A CPU needs 0.3 to 2 ns for an iteration; an interpreter of instructions 1000 and more. */
#define PROBE_LIMIT_NS        100.0
#define PROBE_ADDRESS         0x1000U
#define PROBE_PAGE            4096U
#define CPUID_ENTRIES         256
#define MSR_ARCH_CAPABILITIES 0x10a
/* Intel CPUs that cannot run real mode in a guest want three pages for it below 4 GiB. */
#define PROBE_TSS             0xfffbd000UL

static const uint8_t loop_code[] = {
	0xb9,
	PROBE_ITERATIONS & 0xff,
	(PROBE_ITERATIONS >> 8) & 0xff,
	0,
	0,    /* mov ecx, n */
	0x49, /* dec ecx */
	0x75,
	0xfd, /* jnz -3 */
	0xf4, /* hlt */
};

struct probe_vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
};

/* Flat 32-bit segments, ring 0. */
static int set_registers(int vcpu, struct tare_err *err)
{
	struct kvm_segment code = {.limit = 0xffffffff,
				   .selector = 8,
				   .type = 0xb,
				   .present = 1,
				   .db = 1,
				   .s = 1,
				   .g = 1};
	struct kvm_segment data = code;
	struct kvm_regs regs = {.rip = PROBE_ADDRESS, .rflags = 2};
	struct kvm_sregs sregs;

	data.type = 3;
	data.selector = 16;
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return err_errno(err, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1; /* protected mode */
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0)
		return err_errno(err, "KVM_SET_SREGS");
	if (ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return err_errno(err, "KVM_SET_REGS");
	return 0;
}

static int make_vm(int kvm, struct probe_vm *ret, struct tare_err *err)
{
	uint8_t *page =
		mmap(NULL, PROBE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {.guest_phys_addr = PROBE_ADDRESS,
						     .memory_size = PROBE_PAGE,
						     .userspace_addr = (uintptr_t)page};
	int size;

	if (page == MAP_FAILED)
		return err_errno(err, "mmap");
	memcpy(page, loop_code, sizeof(loop_code));
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return err_set(err, ENOTSUP, "KVM has another API version than %d",
			       KVM_API_VERSION);
	ret->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (ret->vm < 0)
		return err_errno(err, "KVM_CREATE_VM");
	(void)ioctl(ret->vm, KVM_SET_TSS_ADDR, PROBE_TSS); /* AMD needs none */
	if (ioctl(ret->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return err_errno(err, "KVM_SET_USER_MEMORY_REGION");
	ret->vcpu = ioctl(ret->vm, KVM_CREATE_VCPU, 0);
	if (ret->vcpu < 0)
		return err_errno(err, "KVM_CREATE_VCPU");
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(*ret->run))
		return err_set(err, ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE gives %d", size);
	ret->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, ret->vcpu, 0);
	if (ret->run == MAP_FAILED)
		return err_errno(err, "mmap the vCPU");
	return 0;
}

static int run_loop(const struct probe_vm *vm, uint64_t *ret_ns, struct tare_err *err)
{
	int r = set_registers(vm->vcpu, err);
	uint64_t begin;

	if (r < 0)
		return r;
	begin = clock_now_ns();
	while (ioctl(vm->vcpu, KVM_RUN, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "KVM_RUN");
	*ret_ns = clock_now_ns() - begin;
	if (vm->run->exit_reason != KVM_EXIT_HLT)
		return err_set(err, EIO, "the loop left KVM with exit reason %u instead of HLT",
			       vm->run->exit_reason);
	return 0;
}

/* As QEMU does: the guest's CPU has what KVM says that it can have. Before the vCPU's first run,
 * after which its CPUID is fixed. */
static bool refuses_arch_capabilities(const struct probe_vm *vm)
{
	union {
		struct kvm_msrs list;
		char room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} msr = {.list = {.nmsrs = 1}};
	union {
		struct kvm_cpuid2 list;
		char room[sizeof(struct kvm_cpuid2) +
			  CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	} cpuid = {.list = {.nent = CPUID_ENTRIES}};

	msr.list.entries[0].index = MSR_ARCH_CAPABILITIES;
	if (ioctl(vm->kvm, KVM_GET_MSRS, &msr) != 1 ||
	    ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0 ||
	    ioctl(vm->vcpu, KVM_SET_CPUID2, &cpuid) < 0)
		return false;
	return ioctl(vm->vcpu, KVM_SET_MSRS, &msr) != 1;
}

static int make_and_run(struct probe_vm *vm, struct kvm_probe *ret, struct tare_err *err)
{
	uint64_t best = UINT64_MAX;
	int r = make_vm(vm->kvm, vm, err);

	if (r < 0)
		return r;
	ret->arch_capabilities_refused = refuses_arch_capabilities(vm);
	for (int i = 0; i < PROBE_RUNS; i++) {
		uint64_t ns = 0;

		r = run_loop(vm, &ns, err);
		if (r < 0)
			return r;
		best = ns < best ? ns : best;
		if ((double)best / PROBE_ITERATIONS <= PROBE_LIMIT_NS)
			break;
	}
	ret->ns_per_iteration = (double)best / PROBE_ITERATIONS;
	return 0;
}

/* In the child: its memory, VM and descriptors go with it. */
static void probe_kvm(struct kvm_probe *ret)
{
	struct probe_vm vm = {.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC)};
	struct tare_err err = {0};

	if (vm.kvm < 0) {
		ret->state = KVM_STATE_ABSENT;
		(void)snprintf(ret->why, sizeof(ret->why), "open /dev/kvm: %m");
		return;
	}
	if (make_and_run(&vm, ret, &err) < 0) {
		ret->state = KVM_STATE_BROKEN;
		(void)snprintf(ret->why, sizeof(ret->why), "KVM is present but broken: %.120s",
			       err.msg);
		return;
	}
	ret->state = KVM_STATE_REAL;
	(void)snprintf(ret->why, sizeof(ret->why),
		       "KVM is real: a loop of two instructions in ring 0 takes %.1f ns",
		       ret->ns_per_iteration);
	if (ret->ns_per_iteration > PROBE_LIMIT_NS) {
		ret->state = KVM_STATE_EMULATING;
		(void)snprintf(ret->why, sizeof(ret->why),
			       "KVM is present but emulating: a loop of two instructions in ring "
			       "0 takes %.0f ns, a CPU needs about 1",
			       ret->ns_per_iteration);
	}
}

static _Noreturn void probe_child(int fd, pid_t parent)
{
	struct kvm_probe result = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	probe_kvm(&result);
	_exit(fd_write_all(fd, &result, sizeof(result), NULL) < 0);
}

static void say_broken(struct kvm_probe *ret, const char *why)
{
	*ret = (struct kvm_probe){.state = KVM_STATE_BROKEN};
	(void)snprintf(ret->why, sizeof(ret->why), "KVM is present but broken: %s", why);
}

void kvm_probe(struct kvm_probe *ret)
{
	pid_t parent = getpid(), child;
	struct kvm_probe result;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		say_broken(ret, "no pipe for the probe");
		return;
	}
	cleanup_close int in = fds[0];
	cleanup_close int out = fds[1];

	child = fork();
	if (child == 0)
		probe_child(out, parent);
	(void)close(take_fd(&out));
	if (child < 0) {
		say_broken(ret, "no process for the probe");
		return;
	}
	if (fd_wait_readable(in, PROBE_DEADLINE_MS, NULL) == 1 &&
	    fd_read_all(in, &result, sizeof(result), NULL) == 0)
		*ret = result;
	else
		say_broken(ret, "the loop did not end");
	(void)kill(child, SIGKILL);
	/* If the kernel cannot let go of it, it stays: waiting for it would hang us too. */
	for (int i = 0; i < 200 && waitpid(child, NULL, WNOHANG) == 0; i++)
		(void)usleep(5000);
}
