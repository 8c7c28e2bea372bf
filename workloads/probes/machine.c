/* SPDX-License-Identifier: MIT */
/* machine: attacks whose success changes the machine, or its table of mounts. */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <unistd.h>

#include "probes/probe.h"

extern const struct probe_set probe_set_machine;

static void attack_core_pattern(struct probe_result *ret)
{
	probe_write(ret, "/proc/sys/kernel/core_pattern", "|/tare-probe");
}

static void attack_sysrq(struct probe_result *ret)
{
	probe_write(ret, "/proc/sysrq-trigger", "h");
}

static void attack_proc_sys(struct probe_result *ret)
{
	probe_write(ret, "/proc/sys/vm/swappiness", "61");
}

static void attack_sysfs(struct probe_result *ret)
{
	probe_write(ret, "/sys/module/printk/parameters/time", "N");
}

static void attack_dev_mem(struct probe_result *ret)
{
	probe_open_for_writing(ret, "/dev/mem");
}

static void attack_kcore(struct probe_result *ret)
{
	char magic[4] = "";
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, magic, sizeof(magic));

	if (n == 4 && memcmp(magic, "\177ELF", 4) == 0)
		probe_say(ret, PROBE_SUCCEEDED, "/proc/kcore shows the kernel's memory");
	else
		probe_say(ret, PROBE_CONTAINED, "/proc/kcore: %s",
			  n < 0 ? strerrorname_np(errno) : "empty");
	if (fd >= 0)
		(void)close(fd);
}

/* In the mount namespace of outside a mount would be the host's. */
static bool mounts_are_the_hosts(struct probe_result *ret)
{
	const char *hosts = probe_bait("mounts");
	char link[64] = "";

	if (probe_may_damage())
		return false;
	if (hosts && readlink("/proc/self/ns/mnt", link, sizeof(link) - 1) > 0 &&
	    strcmp(hosts, link) != 0)
		return false;
	probe_say(ret, PROBE_NOT_APPLICABLE, "these are the host's own mounts: not touched");
	return true;
}

static void attack_mount(struct probe_result *ret)
{
	char folder[] = "/tmp/tare-mount-XXXXXX";

	if (mounts_are_the_hosts(ret))
		return;
	if (!mkdtemp(folder)) {
		probe_say(ret, PROBE_CONTAINED, "make a folder: %s", strerrorname_np(errno));
		return;
	}
	probe_say_call(ret, mount("tare", folder, "tmpfs", 0, NULL), "mount a tmpfs");
	(void)umount2(folder, MNT_DETACH);
	(void)rmdir(folder);
}

static void attack_unmask(struct probe_result *ret)
{
	static const char *const masks[] = {"/proc/kcore", "/proc/keys", "/proc/sysrq-trigger",
					    "/sys/firmware"};
	int r;

	if (mounts_are_the_hosts(ret))
		return;
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		if (umount2(masks[i], MNT_DETACH) == 0) {
			probe_say(ret, PROBE_SUCCEEDED, "took the cover off %s", masks[i]);
			return;
		}
	}
	r = mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
	probe_say_call(ret, r, "make /proc/sys writable");
}

/* CVE-2022-0492: a hierarchy of version 1 names a program that the kernel runs as root. */
static void attack_release_agent(struct probe_result *ret)
{
	static const char *const agents[] = {"/sys/fs/cgroup/memory/release_agent",
					     "/sys/fs/cgroup/pids/release_agent",
					     "/sys/fs/cgroup/systemd/release_agent"};
	char folder[] = "/tmp/tare-agent-XXXXXX", path[64];

	for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
		if (access(agents[i], F_OK) == 0) {
			probe_open_for_writing(ret, agents[i]);
			return;
		}
	}
	if (mounts_are_the_hosts(ret) || !mkdtemp(folder))
		return;
	if (mount("tare", folder, "cgroup", 0, "none,name=tare-probe") < 0) {
		probe_say(ret, PROBE_CONTAINED, "mount a cgroup hierarchy: %s",
			  strerrorname_np(errno));
	} else {
		(void)snprintf(path, sizeof(path), "%s/release_agent", folder);
		probe_write(ret, path, "/tare-probe");
	}
	(void)umount2(folder, MNT_DETACH);
	(void)rmdir(folder);
}

/* The first disk of the kernel, or /dev/mem's number. */
static dev_t first_disk(void)
{
	FILE *f = fopen("/proc/partitions", "re");
	unsigned int a = 0, b = 0;
	char line[256];

	while (f && a == 0 && fgets(line, sizeof(line), f))
		/* The kernel's own lines. NOLINTNEXTLINE(cert-err34-c) */
		if (sscanf(line, " %u %u", &a, &b) != 2)
			a = 0;
	if (f)
		(void)fclose(f);
	return a ? makedev(a, b) : makedev(7, 0);
}

static void attack_mknod(struct probe_result *ret)
{
	dev_t disk = first_disk();
	static const char path[] = "/tmp/tare-disk";
	int fd;

	if (mknod(path, S_IFBLK | 0600, disk) < 0) {
		probe_say(ret, PROBE_CONTAINED, "mknod of a disk: %s", strerrorname_np(errno));
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)unlink(path);
	if (fd < 0)
		probe_say(ret, PROBE_CONTAINED, "open a disk by a node of our own: %s",
			  strerrorname_np(errno));
	else
		probe_say(ret, PROBE_SUCCEEDED, "disk %u:%u is open by a node of our own",
			  major(disk), minor(disk));
	if (fd >= 0)
		(void)close(fd);
}

static void attack_module(struct probe_result *ret)
{
	static const char none[] = "this is no module";

	probe_say_right(ret, syscall(SYS_init_module, none, sizeof(none), ""), "init_module");
}

static void attack_kexec(struct probe_result *ret)
{
	/* Flags that do not exist: refused after the rights are looked at, before anything is
	 * done. */
	probe_say_right(ret, syscall(SYS_kexec_load, 0, 0, NULL, 0xfff0UL), "kexec_load");
}

static void attack_reboot(struct probe_result *ret)
{
	/* No such command: EINVAL comes after the check of the right. */
	probe_say_right(ret,
			syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, 0x7a7e, NULL),
			"reboot");
}

static void attack_time(struct probe_result *ret)
{
	/* No tick is 0 long: EINVAL comes after the check of the right. */
	struct timex change = {.modes = ADJ_TICK, .tick = 0};

	probe_say_right(ret, adjtimex(&change), "adjtimex");
}

static const struct probe probes[] = {
	{"release-agent", "a program for the kernel to run, by cgroup v1", PROBE_ATTACK, true,
	 attack_release_agent},
	{"core-pattern", "a program for the kernel to run, by core_pattern", PROBE_ATTACK, true,
	 attack_core_pattern},
	{"sysrq", "/proc/sysrq-trigger", PROBE_ATTACK, true, attack_sysrq},
	{"proc-sys", "change a kernel setting in /proc/sys", PROBE_ATTACK, true, attack_proc_sys},
	{"sysfs", "change a kernel setting in /sys", PROBE_ATTACK, true, attack_sysfs},
	{"mknod", "make a node of a disk and open it", PROBE_ATTACK, true, attack_mknod},
	{"dev-mem", "open /dev/mem for writing", PROBE_ATTACK, true, attack_dev_mem},
	{"kcore", "read the kernel's memory by /proc/kcore", PROBE_ATTACK, false, attack_kcore},
	{"init-module", "load a kernel module", PROBE_ATTACK, true, attack_module},
	{"kexec", "load another kernel", PROBE_ATTACK, true, attack_kexec},
	{"reboot", "restart the machine", PROBE_ATTACK, true, attack_reboot},
	{"set-time", "set the wall clock, which is the machine's", PROBE_ATTACK, true, attack_time},
	{"mount", "mount a filesystem", PROBE_ATTACK, false, attack_mount},
	{"unmask", "take the covers off /proc", PROBE_ATTACK, false, attack_unmask},
	{0},
};

const struct probe_set probe_set_machine = {probes};
