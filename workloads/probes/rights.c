/* SPDX-License-Identifier: MIT */
/* rights: devices, settings, keys, and what we may do; what leaked in. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probes/probe.h"

#define SYSLOG_READ_ALL 3

extern const struct probe_set probe_set_rights;

/* Those which every box has: null zero full random urandom, and terminals of our own. */
static bool is_usual(const struct stat *st)
{
	unsigned int a = major(st->st_rdev), b = minor(st->st_rdev);

	return S_ISCHR(st->st_mode) &&
	       ((a == 1 && (b == 3 || b == 5 || b == 7 || b == 8 || b == 9)) ||
		(a == 5 && (b == 0 || b == 2)) || a == 136);
}

static void see_devices(struct probe_result *ret)
{
	DIR *dev = opendir("/dev");
	unsigned int n = 0;
	struct stat st;

	/* readdir: no other thread has this stream. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	for (const struct dirent *e; dev && (e = readdir(dev));) {
		if (fstatat(dirfd(dev), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !(S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)) || is_usual(&st))
			continue;
		n++;
		probe_item(ret, "%.8s %c %u:%u", probe_boot(), S_ISBLK(st.st_mode) ? 'b' : 'c',
			   major(st.st_rdev), minor(st.st_rdev));
	}
	if (dev)
		(void)closedir(dev);
	probe_say(ret, PROBE_SEEN, "%u devices beside the usual", n);
}

static void see_settings(struct probe_result *ret)
{
	static const char *const settings[] = {
		"/proc/sys/kernel/core_pattern",
		"/proc/sys/kernel/panic",
		"/proc/sys/vm/swappiness",
		"/proc/sys/fs/file-max",
		"/sys/power/state",
		"/sys/module/printk/parameters/time",
		"/sys/kernel/uevent_helper",
		"/sys/kernel/mm/ksm/run",
	};
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int fd = open(settings[i], O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		(void)close(fd);
		n++;
		probe_item(ret, "%.8s writable %s", probe_boot(), settings[i]);
	}
	probe_say(ret, PROBE_SEEN, "%u of 8 settings can be opened for writing", n);
}

static void see_log(struct probe_result *ret)
{
	char buf[4096];
	int n = klogctl(SYSLOG_READ_ALL, buf, sizeof(buf));

	if (n >= 0)
		probe_item(ret, "%.8s log", probe_boot());
	if (n >= 0)
		probe_say(ret, PROBE_SEEN, "%d bytes of the kernel's log", n);
	else
		probe_say(ret, PROBE_SEEN, "syslog(2): %m");
}

static long find_key(void)
{
	const char *bait = probe_bait("name");

	return bait ? syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", bait, 0)
		    : -1;
}

static void see_keys(struct probe_result *ret)
{
	bool seen = find_key() >= 0;

	if (seen)
		probe_item(ret, "key of outside");
	probe_say(ret, PROBE_SEEN, "the key of outside %s", seen ? "is found" : "is not here");
}

static void attack_keys(struct probe_result *ret)
{
	char buf[64];
	long key = find_key();

	if (key >= 0)
		key = syscall(SYS_keyctl, KEYCTL_READ, key, buf, sizeof(buf), 0);
	probe_say_call(ret, key, "read a key of outside's session");
}

/* A number of /proc/self/status. */
static unsigned long long status_of(const char *key, int base)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long value = 0;
	size_t length = strlen(key);
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, length) == 0 && line[length] == ':')
			value = strtoull(line + length + 1, NULL, base);
	if (f)
		(void)fclose(f);
	return value;
}

static void see_capabilities(struct probe_result *ret)
{
	unsigned long long bounding = status_of("CapBnd", 16);

	for (unsigned int i = 0; i < 64; i++)
		if (bounding & (1ULL << i))
			probe_item(ret, "capability %u", i);
	probe_say(ret, PROBE_SEEN, "effective %llx, bounding %llx", status_of("CapEff", 16),
		  bounding);
}

static void see_seccomp(struct probe_result *ret)
{
	unsigned long long mode = status_of("Seccomp", 10);

	probe_item(ret, "mode %llu", mode);
	probe_say(ret, PROBE_SEEN, "mode %llu%s", mode, mode == 2 ? ", a filter" : "");
}

static void see_no_new_privs(struct probe_result *ret)
{
	unsigned long long on = status_of("NoNewPrivs", 10);

	probe_item(ret, "no_new_privs %llu", on);
	probe_say(ret, PROBE_SEEN, "no_new_privs is %llu", on);
}

/* Open descriptors that are none of ours, as items. */
static void list_descriptors(struct probe_result *ret)
{
	char path[32], target[PROBE_ITEM_SIZE];

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		probe_item(ret, "%d %.80s", fd, target);
	}
}

static void see_descriptors(struct probe_result *ret)
{
	list_descriptors(ret);
	probe_say(ret, PROBE_SEEN, "%zu beside stdin, stdout and stderr", ret->n_items);
}

static void attack_descriptors(struct probe_result *ret)
{
	list_descriptors(ret);
	if (ret->n_items)
		probe_say(ret, PROBE_SUCCEEDED, "descriptor %.100s leaked in", ret->items[0]);
	else
		probe_say(ret, PROBE_CONTAINED, "descriptors 3 to 255 are closed");
	ret->n_items = 0;
}

static void see_environment(struct probe_result *ret)
{
	size_t n = 0;

	for (char **e = environ; *e; e++, n++)
		if (strncmp(*e, "PATH=", 5) != 0 && strncmp(*e, "HOME=", 5) != 0 &&
		    strncmp(*e, "TERM=", 5) != 0)
			probe_item(ret, "%.*s", (int)strcspn(*e, "="), *e);
	probe_say(ret, PROBE_SEEN, "%zu variables", n);
}

static const struct probe probes[] = {
	{"devices", "device nodes in /dev", PROBE_NAME, false, see_devices},
	{"settings", "kernel settings that can be written", PROBE_NAME, false, see_settings},
	{"kernel-log", "the kernel's log", PROBE_NAME, false, see_log},
	{"keyrings", "keys of outside", PROBE_NAME, false, see_keys},
	{"capabilities", "the rights that root can have", PROBE_NAME, false, see_capabilities},
	{"seccomp", "whether system calls are filtered", PROBE_NAME, false, see_seccomp},
	{"no-new-privs", "whether a setuid program gives rights", PROBE_NAME, false,
	 see_no_new_privs},
	{"descriptors", "open files of outside", PROBE_NAME, false, see_descriptors},
	{"environment", "variables of outside", PROBE_NAME, false, see_environment},
	{"leaked-descriptor", "use a descriptor that was left open", PROBE_ATTACK, false,
	 attack_descriptors},
	{"keyctl", "read a key of the host's session", PROBE_ATTACK, false, attack_keys},
	{0},
};

const struct probe_set probe_set_rights = {probes};
