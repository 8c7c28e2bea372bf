/* SPDX-License-Identifier: MIT */
#include "isolation/protection.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define BARE_RIGHTS "container,user=host,caps=keep,seccomp=off"
#define HOST_PIDS   "container,pid=host,user=host,caps=keep,seccomp=off"

const struct protection protections[] = {
	{"processes", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,pid=host"},
	{"files", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,rootfs=host"},
	{"mounts", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,mount=host,rootfs=host"},
	{"users", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,user=host"},
	{"host-name", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,uts=host"},
	{"domain-name", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,uts=host"},
	{"cgroups", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,cgroup=host"},
	{"kernel", CLAIM_NOTHING, SHOWN_NOWHERE, NULL},
	{"interfaces", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,net=host"},
	{"abstract-sockets", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,net=host"},
	{"sysv-ipc", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,ipc=host,user=host"},
	{"posix-mqueue", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,ipc=host,user=host"},
	{"posix-shm", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,rootfs=host"},
	{"boot-time", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,time=host"},
	{"monotonic-time", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,time=host"},
	{"devices", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,rootfs=host"},
	/* A guest has settings of its own: the native column shows it. */
	{"settings", CLAIM_PRIVATE, SHOWN_NOWHERE, "container,user=host,rootfs=host,caps=keep"},
	{"kernel-log", CLAIM_PRIVATE, SHOWN_ON_HOST, BARE_RIGHTS},
	{"keyrings", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,seccomp=off"},
	{"capabilities", CLAIM_NOT_SHARED, SHOWN_ON_HOST, "container,caps=keep"},
	{"seccomp", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,seccomp=off"},
	{"no-new-privs", CLAIM_PRIVATE, SHOWN_ON_HOST, "container,caps=keep,seccomp=off"},
	{"descriptors", CLAIM_PRIVATE, SHOWN_WITHOUT_BOX, NULL},
	{"environment", CLAIM_PRIVATE, SHOWN_WITHOUT_BOX, NULL},

	{"chroot-escape", CLAIM_CONTAINED, SHOWN_ON_HOST, "chroot"},
	{"proc-root", CLAIM_CONTAINED, SHOWN_ON_HOST, HOST_PIDS},
	{"runtime-exe", CLAIM_CONTAINED, SHOWN_ON_HOST, HOST_PIDS},
	{"self-exe", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,rootfs=host,user=host"},
	{"leaked-cwd", CLAIM_CONTAINED, SHOWN_WITHOUT_BOX, NULL},
	{"leaked-descriptor", CLAIM_CONTAINED, SHOWN_WITHOUT_BOX, NULL},
	{"open-by-handle", CLAIM_CONTAINED, SHOWN_ON_HOST, BARE_RIGHTS},
	{"ptrace", CLAIM_CONTAINED, SHOWN_ON_HOST, HOST_PIDS},
	{"memory-read", CLAIM_CONTAINED, SHOWN_ON_HOST, HOST_PIDS},
	{"kill", CLAIM_CONTAINED, SHOWN_ON_HOST, HOST_PIDS},
	{"tiocsti", CLAIM_CONTAINED, SHOWN_ON_HOST, BARE_RIGHTS},
	{"i386-calls", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,seccomp=off"},
	{"x32-calls", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,seccomp=off"},
	{"setgroups", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,user=host"},
	{"user-namespace", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,seccomp=off"},
	{"bpf", CLAIM_CONTAINED, SHOWN_ON_HOST, BARE_RIGHTS},
	{"perf-events", CLAIM_CONTAINED, SHOWN_ON_HOST, BARE_RIGHTS},
	{"keyctl", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,seccomp=off"},
	{"setuid-file", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,caps=keep,seccomp=off"},
	{"abstract-socket", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,net=host"},
	{"mount", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,caps=keep,seccomp=off"},
	{"unmask", CLAIM_CONTAINED, SHOWN_ON_HOST, "container,caps=keep,seccomp=off"},
	{"release-agent", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"core-pattern", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"sysrq", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"proc-sys", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"sysfs", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"mknod", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"dev-mem", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"kcore", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"init-module", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"kexec", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"reboot", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{"set-time", CLAIM_CONTAINED, SHOWN_IN_GUEST, "vm"},
	{NULL, CLAIM_NOTHING, SHOWN_NOWHERE, NULL},
};

const struct protection *protection_of(const char *probe)
{
	const struct protection *p = protections;

	while (p->probe && strcmp(p->probe, probe) != 0)
		p++;
	return p->probe ? p : NULL;
}

static bool switches_off(const char *list, const json_t *options)
{
	const char *key;
	json_t *value;
	char pair[128];

	/* The macro takes no const; nothing is changed. */
	json_object_foreach((json_t *)(uintptr_t)options, key, value) /* NOLINT */
	{
		(void)snprintf(pair, sizeof(pair), "%s=%s", key, json_string_value(value));
		if (text_has_word(list, ",", pair))
			return true;
	}
	return false;
}

bool protection_is_off(const struct protection *protection, const json_t *options)
{
	return protection->off && switches_off(protection->off, options);
}

bool protection_is_whole(const json_t *options)
{
	return !switches_off("user=host,pid=host,mount=host,rootfs=host,caps=keep,seccomp=off",
			     options) &&
	       !json_object_get(options, "cap-add") && !json_object_get(options, "security-opt");
}
