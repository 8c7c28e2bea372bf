/* SPDX-License-Identifier: MIT */
/* places: names of processes, files, users, hosts and groups of control. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "probes/probe.h"

extern const struct probe_set probe_set_places;

/* The name of process pid; "" when it cannot be read. */
static void name_of(const char *pid, char *buf, int size)
{
	char path[300];
	FILE *f;

	buf[0] = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (fgets(buf, size, f))
			buf[strcspn(buf, "\n")] = '\0';
		(void)fclose(f);
	}
}

static void see_processes(struct probe_result *ret)
{
	const char *bait = probe_bait("name");
	DIR *proc = opendir("/proc");
	unsigned int n = 0;
	char name[64];

	probe_item_namespace(ret, "pid");
	/* readdir: no other thread has this stream. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	for (const struct dirent *e; proc && (e = readdir(proc));) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		n++;
		name_of(e->d_name, name, sizeof(name));
		if (bait && strcmp(name, bait) == 0)
			probe_item(ret, "process %s", bait);
	}
	if (proc)
		(void)closedir(proc);
	probe_say(ret, PROBE_SEEN, "%u processes, we are number %d", n, getpid());
}

static void see_files(struct probe_result *ret)
{
	const char *marker = probe_bait("file");
	struct stat st;

	if (stat("/", &st) == 0)
		probe_item(ret, "%.8s root %u:%u %llu", probe_boot(), major(st.st_dev),
			   minor(st.st_dev), (unsigned long long)st.st_ino);
	if (marker && access(marker, F_OK) == 0)
		probe_item(ret, "marker file");
	probe_say(ret, PROBE_SEEN, "root is inode %llu", (unsigned long long)st.st_ino);
}

static void see_mounts(struct probe_result *ret)
{
	char line[1024];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned int n = 0;

	probe_item_namespace(ret, "mnt");
	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		(void)fclose(f);
	probe_say(ret, PROBE_SEEN, "%u lines of mountinfo", n);
}

static void see_users(struct probe_result *ret)
{
	unsigned int inside = 0, outside = 0, count = 0;
	FILE *f = fopen("/proc/self/uid_map", "re");

	probe_item_namespace(ret, "user");
	/* What does not fit is no user id. NOLINTNEXTLINE(cert-err34-c) */
	if (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3)
		probe_item(ret, "%.8s user %u is %u outside", probe_boot(), inside, outside);
	if (f)
		(void)fclose(f);
	probe_say(ret, PROBE_SEEN, "user %u here is %u outside, %u of them", inside, outside,
		  count);
}

static void see_host_name(struct probe_result *ret)
{
	struct utsname names;

	probe_item_namespace(ret, "uts");
	(void)uname(&names);
	probe_item(ret, "host %s", names.nodename);
	probe_say(ret, PROBE_SEEN, "%s", names.nodename);
}

static void see_domain_name(struct probe_result *ret)
{
	struct utsname names;

	probe_item_namespace(ret, "uts");
	(void)uname(&names);
	if (names.domainname[0] && names.domainname[0] != '(')
		probe_item(ret, "domain %s", names.domainname);
	probe_say(ret, PROBE_SEEN, "%s", names.domainname);
}

static void see_cgroups(struct probe_result *ret)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[512], *path;

	probe_item_namespace(ret, "cgroup");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		path = strrchr(line, ':');
		if (path && strcmp(path, ":/") != 0) {
			probe_item(ret, "group %.80s", line);
			probe_say(ret, PROBE_SEEN, "%.120s", line);
		}
	}
	if (f)
		(void)fclose(f);
	if (ret->n_items < 2)
		probe_say(ret, PROBE_SEEN, "every path is /");
}

static void see_kernel(struct probe_result *ret)
{
	struct utsname names;

	(void)uname(&names);
	probe_item(ret, "boot %s", probe_boot());
	probe_say(ret, PROBE_SEEN, "Linux %s", names.release);
}

static const struct probe probes[] = {
	{"processes", "process ids and names", PROBE_NAME, false, see_processes},
	{"files", "the root folder and a marker file of outside", PROBE_NAME, false, see_files},
	{"mounts", "the table of mounts", PROBE_NAME, false, see_mounts},
	{"users", "user ids: who root inside is outside", PROBE_NAME, false, see_users},
	{"host-name", "the name of the host", PROBE_NAME, false, see_host_name},
	{"domain-name", "the NIS domain", PROBE_NAME, false, see_domain_name},
	{"cgroups", "the paths of the control groups", PROBE_NAME, false, see_cgroups},
	{"kernel", "the kernel that answers: its boot id", PROBE_NAME, false, see_kernel},
	{0},
};

const struct probe_set probe_set_places = {probes};
