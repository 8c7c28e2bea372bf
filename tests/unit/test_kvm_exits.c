/* SPDX-License-Identifier: MIT */
/* What the collector `kvm` sees of small guests that leave a known number of times, held against
 * what the kernel's own tracepoint counters say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "collector.h"
#include "kvm/cells.h"
#include "kvm/reasons.h"

#define ADDRESS       0x1000U
#define MEMORY        0x4000U
#define PORT_EACH     0x10
#define PORT_LAST     0x11
#define CPUID_ENTRIES 256
#define CPUIDS        70
#define OUTS          50
#define HALTS         30
#define TSS_ADDRESS   0xfffbd000UL

extern const struct collector_ops collector_ops_kvm;

static const uint8_t code[] = {
	0xbe, CPUIDS,    0,    0,    0, /* mov esi, n */
	0x31, 0xc0,                     /* xor eax, eax */
	0x0f, 0xa2,                     /* cpuid */
	0x4e,                           /* dec esi */
	0x75, 0xf9,                     /* jnz to the xor */
	0xb9, OUTS,      0,    0,    0, /* mov ecx, n */
	0xe6, PORT_EACH,                /* out */
	0x49,                           /* dec ecx */
	0x75, 0xfb,                     /* jnz to the out */
	0xb9, HALTS,     0,    0,    0, /* mov ecx, n */
	0xf4,                           /* hlt */
	0x49,                           /* dec ecx */
	0x75, 0xfc,                     /* jnz to the hlt */
	0xe6, PORT_LAST, 0xeb, 0xfe,    /* out, and nothing more */
};

struct guest {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *memory;
	size_t run_size;
	uint64_t outs, halts;
};

/* Flat 32-bit segments, ring 0. */
static void set_registers(const struct guest *g)
{
	struct kvm_segment segment = {.limit = 0xffffffff,
				      .selector = 8,
				      .type = 0xb,
				      .present = 1,
				      .db = 1,
				      .s = 1,
				      .g = 1};
	const struct kvm_regs regs = {.rip = ADDRESS, .rflags = 2};
	struct kvm_sregs sregs;

	assert_int_equal(ioctl(g->vcpu, KVM_GET_SREGS, &sregs), 0);
	sregs.cs = segment;
	segment.type = 3;
	segment.selector = 16;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment;
	sregs.cr0 |= 1;
	assert_int_equal(ioctl(g->vcpu, KVM_SET_SREGS, &sregs), 0);
	assert_int_equal(ioctl(g->vcpu, KVM_SET_REGS, &regs), 0);
}

static void set_cpuid(const struct guest *g)
{
	cleanup_free struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));

	assert_non_null(cpuid);
	cpuid->nent = CPUID_ENTRIES;
	assert_int_equal(ioctl(g->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), 0);
	assert_int_equal(ioctl(g->vcpu, KVM_SET_CPUID2, cpuid), 0);
}

static void guest_open(struct guest *g)
{
	struct kvm_userspace_memory_region region = {.memory_size = MEMORY};

	*g = (struct guest){.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC)};
	assert_true(g->kvm >= 0);
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	assert_true(g->vm >= 0);
	(void)ioctl(g->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	g->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(g->memory, MAP_FAILED);
	memcpy(g->memory + ADDRESS, code, sizeof(code));
	region.userspace_addr = (uintptr_t)g->memory;
	assert_int_equal(ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region), 0);
	g->vcpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	assert_true(g->vcpu >= 0);
	g->run_size = (size_t)ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	assert_ptr_not_equal(g->run, MAP_FAILED);
	set_cpuid(g);
}

static void guest_close(struct guest *g)
{
	(void)munmap(g->run, g->run_size);
	(void)munmap(g->memory, MEMORY);
	(void)close(g->vcpu);
	(void)close(g->vm);
	(void)close(g->kvm);
}

/* From the beginning to its last OUT. */
static void guest_play(struct guest *g)
{
	set_registers(g);
	for (;;) {
		assert_int_equal(ioctl(g->vcpu, KVM_RUN, 0), 0);
		if (g->run->exit_reason == KVM_EXIT_HLT) {
			g->halts++;
			continue;
		}
		assert_int_equal(g->run->exit_reason, KVM_EXIT_IO);
		if (g->run->io.port == PORT_LAST)
			return;
		g->outs++;
	}
}

static void *play_once(void *unused)
{
	struct guest g;

	(void)unused;
	guest_open(&g);
	guest_play(&g);
	guest_close(&g);
	return NULL;
}

static void play_in_threads(size_t n)
{
	pthread_t threads[4];

	assert_in_range(n, 1, 4);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, play_once, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* A counter of the event in this thread and those it makes from here on. */
static int count_event(const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .inherit = 1};
	char path[80], text[32];
	long fd;

	(void)snprintf(path, sizeof(path), "/sys/kernel/tracing/events/kvm/%s/id", name);
	assert_true(fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) > 0);
	attr.config = strtoull(text, NULL, 10);
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	assert_true(fd >= 0);
	return (int)fd;
}

static uint64_t counted(int *fd)
{
	uint64_t n = 0;

	assert_int_equal(read(*fd, &n, sizeof(n)), sizeof(n));
	(void)close(*fd);
	return n;
}

static bool works(void)
{
	struct tare_err why = {0};

	if (access("/dev/kvm", R_OK | W_OK) == 0 && collector_ops_kvm.probe(&why) == 0)
		return true;
	print_message("no KVM to watch: %s\n", why.msg[0] ? why.msg : "/dev/kvm cannot be opened");
	return false;
}

/* What is seen while it plays; before() is not. */
static json_t *watch(void (*before)(void), void (*play)(void))
{
	const struct collector_target target = {.guest = getpid()};
	struct collector *collector = NULL;
	struct tare_err err = {0};
	json_t *seen = NULL;
	int r = collector_ops_kvm.attach(&target, &collector, &err);

	if (r == 0 && before)
		before();
	if (r == 0)
		r = collector_ops_kvm.snapshot(collector, COLLECTOR_BEGIN, &err);
	if (r == 0) {
		play();
		r = collector_ops_kvm.snapshot(collector, COLLECTOR_END, &err);
	}
	if (r == 0)
		r = collector_ops_kvm.read(collector, &seen, &err);
	collector_ops_kvm.detach(collector);
	if (r < 0)
		fail_msg("%s", err.msg);
	return seen;
}

static uint64_t figure(const json_t *seen, const char *of, const char *name, const char *key)
{
	return json_u64_or(json_object_get(json_object_get(seen, of), name), key, 0);
}

static uint64_t top(const json_t *seen, const char *key)
{
	return json_u64_or(seen, key, UINT64_MAX);
}

static void assert_nothing_lost(const json_t *seen)
{
	const json_t *lost = json_object_get(seen, "lost");

	assert_int_equal(json_object_size(lost), 4);
	assert_int_equal(top(lost, "no_room"), 0);
	assert_int_equal(top(lost, "unpaired"), 0);
}

/* The buckets hold what has ended, and no time is longer than the whole. */
static void assert_adds_up(json_t *reasons, uint64_t wall_ns)
{
	const char *name;
	json_t *reason, *pair;
	size_t i;

	json_object_foreach(reasons, name, reason)
	{
		uint64_t sum = 0;

		json_array_foreach(json_object_get(reason, "buckets"), i, pair) sum +=
			(uint64_t)json_integer_value(json_array_get(pair, 1));
		assert_int_equal(sum, top(reason, "ended"));
		assert_true(top(reason, "n") >= sum);
		assert_true(top(reason, "sum_ns") <= wall_ns);
		/* Told by its bucket, which is an eighth wide at most, when a longer one came
		 * before. */
		assert_true(top(reason, "max_ns") <= top(reason, "sum_ns") / 8 * 9 + 9);
	}
}

static struct guest watched;

static void play_watched(void)
{
	guest_play(&watched);
}

/* Only of processors whose KVM tells of exits; the others' have no reasons to hold it against. */
static void check_reasons(const json_t *seen, uint64_t times)
{
	const char *isa = json_string_or(seen, "isa", "");
	bool svm = strcmp(isa, "svm") == 0;

	if (top(seen, "n_exits") == 0) {
		assert_string_not_equal(json_string_or(seen, "untold", ""), "");
		assert_true(top(seen, "emulated") >= times * (CPUIDS + OUTS + HALTS));
		return;
	}
	assert_null(json_object_get(seen, "untold"));
	assert_true(top(seen, "in_ns") > 0);
	assert_true(top(seen, "out_ns") > 0);
	if (!svm && strcmp(isa, "vmx") != 0)
		return;
	assert_int_equal(figure(seen, "exits", svm ? "cpuid" : "CPUID", "n"), times * CPUIDS);
	assert_int_equal(figure(seen, "exits", svm ? "io" : "IO_INSTRUCTION", "n"),
			 times * (OUTS + 1));
	assert_int_equal(figure(seen, "exits", svm ? "hlt" : "HLT", "n"), times * HALTS);
}

static void each_out_and_each_halt_is_seen_once(void **state)
{
	json_t *seen;

	(void)state;
	if (!works())
		skip();
	guest_open(&watched);
	seen = watch(play_watched, play_watched);
	assert_int_equal(watched.outs, 2 * OUTS);
	assert_int_equal(watched.halts, 2 * HALTS);
	assert_int_equal(figure(seen, "user", "IO", "n"), OUTS + 1);
	assert_int_equal(figure(seen, "user", "HLT", "n"), HALTS);
	assert_int_equal(top(seen, "n_user"), OUTS + 1 + HALTS);
	assert_int_equal(json_object_size(json_object_get(seen, "user")), 2);
	/* The one that was going on at the first snapshot, not the one at the second. */
	assert_int_equal(figure(seen, "user", "IO", "ended"), OUTS + 1);
	assert_int_equal(figure(seen, "user", "HLT", "ended"), HALTS);
	assert_true(top(seen, "user_ns") > 0);
	assert_adds_up(json_object_get(seen, "user"), top(seen, "wall_ns"));
	assert_adds_up(json_object_get(seen, "exits"), top(seen, "wall_ns"));
	assert_int_equal(json_array_size(json_object_get(seen, "vcpus")), 1);
	check_reasons(seen, 1);
	assert_nothing_lost(seen);
	json_decref(seen);
	guest_close(&watched);
}

static const char *const events[] = {"kvm_userspace_exit", "kvm_exit", "kvm_emulate_insn"};
static const char *const keys[] = {"n_user", "n_exits", "emulated"};
static uint64_t by_perf[3];

static void play_counted(void)
{
	int fds[3];

	for (size_t i = 0; i < 3; i++)
		fds[i] = count_event(events[i]);
	play_in_threads(3);
	for (size_t i = 0; i < 3; i++)
		by_perf[i] = counted(&fds[i]);
}

static void counts_are_those_of_perf_in_each_thread(void **state)
{
	const json_t *vcpu;
	json_t *seen;
	size_t n;

	(void)state;
	if (!works())
		skip();
	guest_open(&watched);
	seen = watch(NULL, play_counted);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(top(seen, keys[i]), by_perf[i]);
	assert_int_equal(by_perf[0], 3 * (OUTS + 1 + HALTS));
	assert_true(by_perf[1] + by_perf[2] > 3 * CPUIDS);
	assert_int_equal(json_array_size(json_object_get(seen, "vcpus")), 3);
	json_array_foreach(json_object_get(seen, "vcpus"), n, vcpu)
		assert_int_equal(top(vcpu, "user_exits"), OUTS + 1 + HALTS);
	check_reasons(seen, 3);
	assert_nothing_lost(seen);
	json_decref(seen);
	guest_close(&watched);
}

static void play_in_a_child(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		(void)play_once(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void another_process_s_guest_is_not_counted(void **state)
{
	json_t *seen;

	(void)state;
	if (!works())
		skip();
	guest_open(&watched);
	seen = watch(NULL, play_in_a_child);
	assert_int_equal(top(seen, "n_user"), 0);
	assert_int_equal(top(seen, "n_exits"), 0);
	assert_int_equal(top(seen, "emulated"), 0);
	assert_int_equal(json_object_size(json_object_get(seen, "user")), 0);
	json_decref(seen);
	guest_close(&watched);
}

/* Two players in one guest: both are told of all of it, and the first one's end is not the other's.
 */
static void two_may_watch_one_guest(void **state)
{
	const struct collector_target target = {.guest = getpid()};
	struct collector *both[2] = {NULL, NULL};
	struct tare_err err = {0};
	json_t *seen;

	(void)state;
	if (!works())
		skip();
	guest_open(&watched);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(collector_ops_kvm.attach(&target, &both[i], &err), 0);
		assert_int_equal(collector_ops_kvm.snapshot(both[i], COLLECTOR_BEGIN, &err), 0);
		guest_play(&watched);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(collector_ops_kvm.snapshot(both[i], COLLECTOR_END, &err), 0);
		assert_int_equal(collector_ops_kvm.read(both[i], &seen, &err), 0);
		assert_int_equal(top(seen, "n_user"), (2 - i) * (OUTS + 1 + HALTS));
		json_decref(seen);
		collector_ops_kvm.detach(both[i]);
	}
	guest_close(&watched);
}

static void without_a_virtual_cpu_it_says_why_not(void **state)
{
	const struct collector_target none = {.guest = 0}, emulated = {.guest = getpid()};
	struct collector *collector = NULL;
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(collector_ops_kvm.attach(&none, &collector, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "no guest"));
	err = (struct tare_err){0};
	assert_int_equal(collector_ops_kvm.attach(&emulated, &collector, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "emulated"));
	assert_null(collector);
}

static void reasons_have_the_names_of_their_processor(void **state)
{
	static const struct {
		uint32_t kind, reason;
		const char *name;
	} cases[] = {
		{EXITS_VMX, 12, "HLT"},
		{EXITS_VMX, 30, "IO_INSTRUCTION"},
		{EXITS_VMX, 0x80000021, "INVALID_STATE, failed entry"},
		{EXITS_VMX, 0x3f0, "vmx 0x3f0"},
		{EXITS_SVM, 0x78, "hlt"},
		{EXITS_SVM, 0x7b, "io"},
		{EXITS_SVM, 0x400, "npf"},
		{EXITS_SVM, 0x7000, "svm 0x7000"},
		{3, 14, "isa 3 0xe"},
		{EXITS_USER, KVM_EXIT_IO, "IO"},
		{EXITS_USER, KVM_EXIT_MMIO, "MMIO"},
		{EXITS_USER, 999, "999"},
		{EXITS_RETURN, EINTR, "EINTR"},
	};
	char name[REASON_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(reason_name(cases[i].kind, cases[i].reason, name),
				    cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_have_the_names_of_their_processor),
		cmocka_unit_test(without_a_virtual_cpu_it_says_why_not),
		cmocka_unit_test(each_out_and_each_halt_is_seen_once),
		cmocka_unit_test(counts_are_those_of_perf_in_each_thread),
		cmocka_unit_test(another_process_s_guest_is_not_counted),
		cmocka_unit_test(two_may_watch_one_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
