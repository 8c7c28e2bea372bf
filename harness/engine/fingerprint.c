/* SPDX-License-Identifier: MIT */
#include "engine/fingerprint.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "kernel/cgroup.h"
#include "kernel/mitigations.h"

/* The first line of a small kernel file, or null. */
static json_t *line_of(const char *path)
{
	char text[4096];

	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		return json_null();
	text[strcspn(text, "\n")] = '\0';
	return json_string(text);
}

/* The value after "KEY\t: " in /proc/cpuinfo, of the first CPU. */
static json_t *cpuinfo(const char *key)
{
	char text[65536], *at, *value;

	if (fd_read_file_quiet(AT_FDCWD, "/proc/cpuinfo", text, sizeof(text)) < 0)
		return json_null();
	at = strstr(text, key);
	value = at ? strchr(at, ':') : NULL;
	if (!value)
		return json_null();
	value += 1 + strspn(value + 1, " ");
	value[strcspn(value, "\n")] = '\0';
	return json_string(value);
}

/* Who runs us, as far as the firmware and the CPU tell: null on bare metal. */
static json_t *hypervisor(void)
{
	char text[65536];

	if (fd_read_file_quiet(AT_FDCWD, "/proc/cpuinfo", text, sizeof(text)) < 0 ||
	    !strstr(text, " hypervisor"))
		return json_null();
	json_t *product = line_of("/sys/class/dmi/id/product_name");

	if (json_is_string(product))
		return product;
	json_decref(product);
	return json_string("unnamed hypervisor");
}

static json_t *cgroup_mode(void)
{
	struct cgroup_layout layout;

	if (cgroup_layout_read(&layout, NULL) < 0)
		return json_null();
	return json_string(cgroup_layout_mode(&layout));
}

json_t *fingerprint_read(void)
{
	json_t *f = json_object();
	struct utsname name;
	const struct {
		const char *key;
		json_t *value;
	} entries[] = {
		{"hostname", uname(&name) == 0 ? json_string(name.nodename) : json_null()},
		{"kernel", json_sprintf("%s %s", name.release, name.version)},
		{"cmdline", line_of("/proc/cmdline")},
		{"cpu_model", cpuinfo("model name")},
		{"cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN))},
		{"memory_bytes",
		 json_integer((json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE))},
		{"clocksource",
		 line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
		{"mitigations", mitigations_read()},
		{"cgroup_mode", cgroup_mode()},
		{"virt", hypervisor()},
		{"governor", line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
		{"smt", line_of("/sys/devices/system/cpu/smt/control")},
		{"thp", line_of("/sys/kernel/mm/transparent_hugepage/enabled")},
		{"aslr", line_of("/proc/sys/kernel/randomize_va_space")},
		{"boot_id", line_of("/proc/sys/kernel/random/boot_id")},
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		(void)json_object_set_new(f, entries[i].key, entries[i].value);
	return f;
}

bool fingerprint_same_machine(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"hostname", "kernel", "cpu_model", "cpus",
					   "memory_bytes"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
			return false;
	}
	return true;
}

const char *fingerprint_other_machine(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"hostname", "cpu_model", "cpus"};
	double memory_a = json_double_or(a, "memory_bytes", 0),
	       memory_b = json_double_or(b, "memory_bytes", 0);

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);

		if ((x || y) && !json_equal(x, y))
			return keys[i];
	}
	/* Another kernel keeps another part of the same memory to itself. */
	return fabs(memory_a - memory_b) > fmax(memory_a, memory_b) / 20 ? "memory_bytes" : NULL;
}
