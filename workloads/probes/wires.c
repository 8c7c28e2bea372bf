/* SPDX-License-Identifier: MIT */
/* wires: names of what processes talk through, and their clocks. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "probes/probe.h"

/* Clocks that are read one after the other, by two processes, differ by less. */
#define CLOCK_SLACK_S 30

extern const struct probe_set probe_set_wires;

static void see_interfaces(struct probe_result *ret)
{
	struct if_nameindex *all = if_nameindex();
	unsigned int n = 0;

	probe_item_namespace(ret, "net");
	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		n++;
		if (strcmp(i->if_name, "lo") != 0)
			probe_item(ret, "%.8s interface %u %s", probe_boot(), i->if_index,
				   i->if_name);
	}
	if (all)
		if_freenameindex(all);
	probe_say(ret, PROBE_SEEN, "%u interfaces", n);
}

/* Connected to the bait, or -1. */
static int connect_bait(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *name = probe_bait("name");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length;

	if (fd < 0 || !name)
		return -1;
	length = strlen(name);
	if (length > sizeof(to.sun_path) - 1)
		length = sizeof(to.sun_path) - 1;
	memcpy(to.sun_path + 1, name, length);
	if (connect(fd, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void see_abstract_sockets(struct probe_result *ret)
{
	int fd = connect_bait();

	probe_item_namespace(ret, "net");
	if (fd >= 0) {
		probe_item(ret, "socket of outside");
		(void)close(fd);
	}
	probe_say(ret, PROBE_SEEN, "the socket of outside %s", fd >= 0 ? "answers" : "is not here");
}

static void attack_abstract_socket(struct probe_result *ret)
{
	int fd = connect_bait();

	if (fd < 0)
		probe_say(ret, PROBE_CONTAINED, "connect: %s", strerrorname_np(errno));
	else
		probe_say(ret, PROBE_SUCCEEDED, "connected to an abstract socket of the host");
	if (fd >= 0)
		(void)close(fd);
}

static void see_sysv(struct probe_result *ret)
{
	int id = (int)probe_bait_number("segment", -1);
	const char *bait = probe_bait("name");
	/* As shmat(2) says it. NOLINTBEGIN(performance-no-int-to-ptr) */
	void *at = id < 0 ? (void *)-1 : shmat(id, NULL, SHM_RDONLY);
	bool seen = at != (void *)-1 && bait && strncmp(at, bait, strlen(bait)) == 0;
	/* NOLINTEND(performance-no-int-to-ptr) */

	probe_item_namespace(ret, "ipc");
	if (seen)
		probe_item(ret, "segment of outside");
	probe_say(ret, PROBE_SEEN, "the segment of outside is %s", seen ? "read" : "not here");
}

static void see_mqueue(struct probe_result *ret)
{
	const char *bait = probe_bait("queue");
	mqd_t queue = bait ? mq_open(bait, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : (mqd_t)-1;

	probe_item_namespace(ret, "ipc");
	if (queue != (mqd_t)-1) {
		probe_item(ret, "queue of outside");
		(void)mq_close(queue);
	}
	probe_say(ret, PROBE_SEEN, "the queue of outside is %s",
		  queue != (mqd_t)-1 ? "open" : "not here");
}

static void see_shm(struct probe_result *ret)
{
	const char *bait = probe_bait("shm");
	bool seen = bait && access(bait, F_OK) == 0;

	if (seen)
		probe_item(ret, "shared memory of outside");
	probe_say(ret, PROBE_SEEN, "the shared memory of outside is %s",
		  seen ? "seen" : "not here");
}

static void see_clock(struct probe_result *ret, clockid_t clock, const char *bait)
{
	long outside = probe_bait_number(bait, 0);
	struct timespec now;

	probe_item_namespace(ret, "time");
	(void)clock_gettime(clock, &now);
	if (labs(now.tv_sec - outside) < CLOCK_SLACK_S)
		probe_item(ret, "reads as outside");
	probe_say(ret, PROBE_SEEN, "it reads %ld s", (long)now.tv_sec);
}

static void see_boot_time(struct probe_result *ret)
{
	see_clock(ret, CLOCK_BOOTTIME, "boottime");
}

static void see_monotonic_time(struct probe_result *ret)
{
	see_clock(ret, CLOCK_MONOTONIC, "monotonic");
}

static const struct probe probes[] = {
	{"interfaces", "network interfaces", PROBE_NAME, false, see_interfaces},
	{"abstract-sockets", "abstract unix sockets", PROBE_NAME, false, see_abstract_sockets},
	{"sysv-ipc", "System V shared memory", PROBE_NAME, false, see_sysv},
	{"posix-mqueue", "POSIX message queues", PROBE_NAME, false, see_mqueue},
	{"posix-shm", "POSIX shared memory, /dev/shm", PROBE_NAME, false, see_shm},
	{"boot-time", "the clock since boot", PROBE_NAME, false, see_boot_time},
	{"monotonic-time", "the monotonic clock", PROBE_NAME, false, see_monotonic_time},
	{"abstract-socket", "connect to an abstract socket of the host", PROBE_ATTACK, false,
	 attack_abstract_socket},
	{0},
};

const struct probe_set probe_set_wires = {probes};
