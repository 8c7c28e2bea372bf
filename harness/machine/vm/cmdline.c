/* SPDX-License-Identifier: MIT */
#include "machine/vm/cmdline.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

/* How tare tells how a guest ended, what it says, and what it runs. */
static const char *const own[] = {"console", "panic", "reboot", "init", "rdinit", "initrd", "--"};

/* Documentation/admin-guide/kernel-parameters.txt of Linux. A '*' stands for any end. */
static const char *const costly[] = {
	/* mitigations of the CPU's faults */
	"mitigations",
	"nopti",
	"pti",
	"nospec*",
	"spec_*",
	"spectre_*",
	"retbleed",
	"mds",
	"l1tf",
	"tsx*",
	"srbds",
	"mmio_stale_data",
	"gather_data_sampling",
	"reg_file_data_sampling",
	"ssbd",
	"no_stf_barrier",
	"its",
	"indirect_target_selection",
	"vmscape",
	"tsa",
	"kvm.*",
	/* what the kernel does besides, on entry and on each allocation and copy */
	"init_on_alloc",
	"init_on_free",
	"randomize_kstack_offset",
	"hardened_usercopy",
	"slub_debug",
	"slab_debug",
	"slab_nomerge",
	"page_poison",
	"page_owner",
	"debug_pagealloc",
	"kasan*",
	"kfence*",
	"kmemleak",
	"rodata",
	"vsyscall",
	"vdso",
	"nosmap",
	"nosmep",
	/* who is asked and who listens */
	"audit",
	"apparmor",
	"selinux",
	"security",
	"lsm",
	"ftrace*",
	"trace_*",
	"kprobe_event",
	/* how it waits, ticks and schedules */
	"idle",
	"nohz*",
	"preempt",
	"threadirqs",
	"rcupdate.*",
	"rcutree.*",
	"clocksource",
	"tsc",
	"noreplace-smp",
	"transparent_hugepage",
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static char same_dash(char c)
{
	return (char)(c == '-' ? '_' : c);
}

/* The name of the option at text; dashes and underscores are one to the kernel. */
static bool has_name(const char *text, size_t size, const char *name)
{
	size_t i = 0;

	for (; i < size && text[i] != '='; i++) {
		if (name[i] == '*')
			return true;
		if (same_dash(name[i]) != same_dash(text[i]))
			return false;
	}
	return name[i] == '\0' || name[i] == '*';
}

static bool is_one_of(const char *text, size_t size, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_name(text, size, names[i]))
			return true;
	return false;
}

int cmdline_check(const char *text, struct tare_err *err)
{
	if (strlen(text) > CMDLINE_MAX)
		return err_set(err, EINVAL, "machine vm: option cmdline+ is longer than %d bytes",
			       CMDLINE_MAX);
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			return err_set(err, EINVAL,
				       "machine vm: option cmdline+ holds what is no printable "
				       "ASCII");
	/* The kernel takes quotes away, and blanks between them for no end of an option. */
	if (strchr(text, '"'))
		return err_set(err, EINVAL,
			       "machine vm: option cmdline+ holds a '\"', by which the kernel sees "
			       "other options than tare does: leave it out");
	for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		size_t size = strcspn(at, " ");

		if (is_one_of(at, size, own, N(own)) || strncmp(at, "tare.", 5) == 0)
			return err_set(err, EINVAL,
				       "machine vm: option cmdline+: '%.*s' is tare's own to set: "
				       "leave it out",
				       (int)(size < 60 ? size : 60), at);
		at += size;
	}
	return 0;
}

json_t *cmdline_marks(const char *text)
{
	json_t *marks = json_array();

	for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		size_t size = strcspn(at, " ");

		if (is_one_of(at, size, costly, N(costly)))
			(void)json_array_append_new(marks, json_stringn(at, size));
		at += size;
	}
	return marks;
}
