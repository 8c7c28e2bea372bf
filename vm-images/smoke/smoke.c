/* SPDX-License-Identifier: MIT */
/* smoke: the smallest guest that speaks with tare: hello, ping, shutdown, and the trial calls of
 * one load, vmexit, on the first serial port instead of virtio. No kernel, no libc, ring 0, flat
 * 32-bit segments, no paging, no interrupts.
 *
 * It is there for KVMs that interpret ring 0 at a microsecond an instruction, where Linux does not
 * boot: so each byte costs as few instructions and exits as it can. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEBUG_PORT 0xe9  /* isa-debugcon: a byte is a moment for the host */
#define EXIT_PORT  0x501 /* isa-debug-exit: QEMU ends with (value << 1) | 1 */
#define EXIT_CLEAN 0x10
#define DEBUG_BYTE 'k' /* the kernel has begun */

/* 16550: https://www.ti.com/lit/ds/symlink/pc16550d.pdf, table of registers */
#define UART         0x3f8
#define UART_FIFO    (UART + 2)
#define UART_STATUS  (UART + 5)
#define UART_FIFO_ON 1
#define UART_READY   0x01 /* a byte has come */
#define UART_EMPTY   0x20 /* room for a FIFO of bytes */
#define UART_DONE    0x40 /* the last byte has left */
#define FIFO_SIZE    16

#define LINE_MAX       512
#define XEN_ELFNOTE    18 /* XEN_ELFNOTE_PHYS32_ENTRY, include/xen/interface/elfnote.h of Linux */
#define KHZ_DEFAULT    1000000
#define KHZ_OPTION     "tsc_khz="
#define NS_PER_MS      1000000U
#define ERRNO_UNKNOWN  "95" /* EOPNOTSUPP */
#define ERRNO_BUSY     "16" /* EBUSY */
#define WORK_PORT      0x80 /* as in workloads/vmexit.c */
#define SOLO_OPS       16   /* between looks at the clock */
#define STRING(x)      #x
#define NUMBER_TEXT(x) STRING(x)

/* include/xen/interface/hvm/start_info.h of Linux; all of it below 4 GiB. */
struct start_info {
	uint32_t magic, version, flags, n_modules;
	uint64_t modules, command_line;
};

_Noreturn void smoke_main(const struct start_info *info);

/* ebx: struct start_info */
__asm__(".section .text.entry, \"ax\"\n"
	".globl smoke_entry\n"
	"smoke_entry:\n"
	"	mov $smoke_stack_end, %esp\n"
	"	push %ebx\n"
	"	call smoke_main\n"
	".section .note.Xen, \"a\", @note\n"
	"	.align 4\n"
	"	.long 4, 4, " NUMBER_TEXT(XEN_ELFNOTE) "\n"
						       "	.asciz \"Xen\"\n"
						       "	.long smoke_entry\n"
						       ".section .bss\n"
						       "	.align 16\n"
						       "	.skip 4096\n"
						       "smoke_stack_end:\n"
						       ".text\n");

/* The one player there may be. */
static struct {
	bool here, by_port;
	uint32_t ops, lead_in, turns;
} player;

static uint32_t tsc_khz = KHZ_DEFAULT;
static uint64_t tsc_begin;
static char line[LINE_MAX + 1];

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static uint64_t read_tsc(void)
{
	uint64_t value;

	__asm__ volatile("rdtsc" : "=A"(value));
	return value;
}

/* 64 bits by 32: without libgcc there is no other division of them. */
static uint64_t divide(uint64_t value, uint32_t by, uint32_t *ret_rest)
{
	uint32_t high = (uint32_t)(value >> 32), low = (uint32_t)value;
	uint32_t quotient_high = high / by, quotient_low, rest = high % by;

	__asm__("divl %4" : "=a"(quotient_low), "=d"(rest) : "0"(low), "1"(rest), "r"(by));
	*ret_rest = rest;
	return (uint64_t)quotient_high << 32 | quotient_low;
}

static void wait_for(uint8_t status)
{
	while (!(inb(UART_STATUS) & status))
		;
}

static void put(const char *text)
{
	static size_t room;

	for (; *text; text++) {
		if (room == 0) {
			wait_for(UART_EMPTY);
			room = FIFO_SIZE;
		}
		outb(UART, (uint8_t)*text);
		room--;
	}
}

static void put_number(uint64_t value)
{
	char digits[21], *at = digits + sizeof(digits) - 1;
	uint32_t digit;

	*at = '\0';
	do {
		value = divide(value, 10, &digit);
		*--at = (char)('0' + digit);
	} while (value);
	put(at);
}

static const char *find(const char *in, const char *what)
{
	for (; *in; in++) {
		size_t i = 0;

		while (what[i] && in[i] == what[i])
			i++;
		if (!what[i])
			return in + i;
	}
	return NULL;
}

static uint64_t read_number(const char *at)
{
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint32_t)(*at - '0');
	return value;
}

/* A line without its end; what is longer than we keep is cut. */
static void get_line(void)
{
	size_t n = 0;
	char c;

	for (;;) {
		wait_for(UART_READY);
		c = (char)inb(UART);
		if (c == '\n')
			break;
		if (n < LINE_MAX)
			line[n++] = c;
	}
	line[n] = '\0';
}

static void begin_answer(const char *kind)
{
	const char *id = find(line, "\"id\":");

	while (id && *id == ' ')
		id++;
	put("{\"id\":");
	put_number(id ? read_number(id) : 0);
	put(kind);
}

static bool is_call(const char *name)
{
	const char *call = find(line, "\"call\":");
	size_t i = 0;

	while (call && *call == ' ')
		call++;
	if (!call || *call++ != '"')
		return false;
	while (name[i] && call[i] == name[i])
		i++;
	return !name[i] && call[i] == '"';
}

static uint64_t ns_of(uint64_t tsc)
{
	uint32_t rest;
	uint64_t ms = divide(tsc, tsc_khz, &rest);

	return ms * NS_PER_MS + divide((uint64_t)rest * NS_PER_MS, tsc_khz, &rest);
}

static void answer_ping(void)
{
	begin_answer(",\"ok\":{\"clocksource\":\"tsc\",\"monotonic_ns\":");
	put_number(ns_of(read_tsc() - tsc_begin));
	put("}}\n");
}

static void answer_error(const char *code, const char *message)
{
	begin_answer(",\"error\":{\"errno\":");
	put(code);
	put(",\"message\":\"kernel=smoke ");
	put(message);
	put("\"}}\n");
}

static void answer_start(void)
{
	if (!find(line, "\"load\":\"vmexit\"") || !find(line, "\"box\":\"bare\"") ||
	    find(line, "\"mode\":\"latency\"")) {
		answer_error(ERRNO_UNKNOWN, "plays the load vmexit alone, without a box, and does "
					    "not time each operation");
		return;
	}
	if (player.here) {
		answer_error(ERRNO_BUSY, "has room for one player");
		return;
	}
	player.here = true;
	player.by_port = find(line, "\"by\":\"port\"") != NULL;
	player.ops = player.lead_in = player.turns = 0;
	begin_answer(",\"ok\":{\"player\":0}}\n");
}

static uint64_t number_of(const char *key)
{
	const char *at = find(line, key);

	return at ? read_number(at) : 0;
}

static void operate(uint32_t n)
{
	if (player.by_port) {
		while (n--)
			outb(WORK_PORT, 0);
		return;
	}
	while (n--) {
		uint32_t a = 0, b, c = 0, d;

		__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	}
}

/* As tare-load plays a turn: operations that are not timed, then those that are; or until the time
 * is up. */
static void answer_slice(void)
{
	uint32_t lead_in = (uint32_t)number_of("\"lead_in\":");
	uint32_t ops = (uint32_t)number_of("\"iters\":");
	uint64_t solo_ns = number_of("\"duration_ns\":"), begin, ns;

	operate(lead_in);
	begin = read_tsc();
	operate(ops);
	for (ns = ns_of(read_tsc() - begin); ns < solo_ns; ns = ns_of(read_tsc() - begin)) {
		operate(SOLO_OPS);
		ops += SOLO_OPS;
	}
	player.lead_in += lead_in;
	player.ops += ops;
	player.turns++;
	begin_answer(",\"ok\":{\"ended\":false,\"ops\":");
	put_number(ops);
	put(",\"ns\":");
	put_number(ns);
	put("}}\n");
}

static void answer_finish(void)
{
	player.here = false;
	begin_answer(",\"ok\":{\"record\":{\"status\":\"ok\",\"collectors\":{},\"limits\":{},"
		     "\"span\":{},\"load\":{\"exit\":{\"status\":0},\"ops\":");
	put_number(player.ops);
	put(",\"lead_in\":");
	put_number(player.lead_in);
	put(",\"turns\":");
	put_number(player.turns);
	put("}}}}\n");
}

static void answer_abort(void)
{
	player.here = false;
	begin_answer(",\"ok\":{}}\n");
}

static void shut_down(void)
{
	begin_answer(",\"ok\":{}}\n");
	wait_for(UART_DONE);
	__asm__ volatile("outl %0, %1" : : "a"(EXIT_CLEAN), "d"((uint16_t)EXIT_PORT));
}

_Noreturn void smoke_main(const struct start_info *info)
{
	/* An address as the machine has it. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	const char *command_line = (const char *)(uintptr_t)info->command_line;
	const char *khz = find(command_line, KHZ_OPTION);

	outb(DEBUG_PORT, DEBUG_BYTE);
	tsc_begin = read_tsc();
	if (khz && read_number(khz))
		tsc_khz = (uint32_t)read_number(khz);
	outb(UART_FIFO, UART_FIFO_ON);
	put("{\"hello\":{\"kernel\":\"tare-smoke\",\"clocksource\":\"tsc\",\"cpus\":1,"
	    "\"memory_bytes\":0,\"btf\":false,\"cgroup_mode\":\"none\",\"agent\":\"smoke\"}}\n");
	for (;;) {
		get_line();
		if (is_call("ping"))
			answer_ping();
		else if (is_call("shutdown"))
			shut_down();
		else if (is_call("start"))
			answer_start();
		else if (is_call("slice"))
			answer_slice();
		else if (is_call("finish"))
			answer_finish();
		else if (is_call("abort"))
			answer_abort();
		else
			answer_error(ERRNO_UNKNOWN,
				     "knows no more than ping, shutdown and trials of vmexit");
	}
}
