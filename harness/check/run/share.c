/* SPDX-License-Identifier: MIT */
#include "check/run/share.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "check/run/run.h"
#include "limit/limit.h"

/* A model of a disk far slower than any real one, at a fixed speed: so it is what io.cost gives
 * out that both groups wait for, and not the disk, nor the CPU (cgroup-v2.rst, io.cost.model).
 * More operations than pages a second: then it is the pages alone that cost (calc_lcoefs,
 * block/blk-iocost.c). */
#define BPS 8388608
#define MODEL                                                                                      \
	"ctrl=user model=linear rbps=%d rseqiops=9000 rrandiops=9000 wbps=%d wseqiops=9000 "       \
	"wrandiops=9000"
/* Twice the latency is how often it reckons anew (ioc_refresh_period_us): several reads long, or a
 * group whose only read waits is taken for idle. The speed stays at what the model says. */
#define QOS "enable=1 ctrl=user rpct=0.00 rlat=25000 wpct=0.00 wlat=25000 min=100.00 max=100.00"

struct check_share {
	char number[32]; /* "254:0" */
	int root_fd;     /* of the v2 hierarchy; -1: the disk has what it needs by itself */
};

/* "none [mq-deadline] bfq" */
static bool has_bfq(const char *number, char *ret_scheduler, size_t size)
{
	char path[96], text[128], *begin;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%s/queue/scheduler", number);
	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		text[0] = '\0';
	begin = strchr(text, '[');
	(void)snprintf(ret_scheduler, size, "%.*s", begin ? (int)strcspn(begin + 1, "]") : 0,
		       begin ? begin + 1 : "");
	return strcmp(ret_scheduler, "bfq") == 0;
}

bool check_share_has_cost(int root_fd, const char *number)
{
	size_t len = strlen(number);
	char text[4096];

	if (fd_read_file_quiet(root_fd, "io.cost.qos", text, sizeof(text)) < 0)
		return false;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, number, len) == 0 && line[len] == ' ')
			return memmem(line, strcspn(line, "\n"), "enable=1", strlen("enable=1"));
	return false;
}

/* 0: weights hold, as the disk is; 1: they would with io.cost turned on, which is ours to do. */
static int look(const struct check_run *run, char number[32], int *ret_root_fd,
		struct tare_err *err)
{
	const struct cgroup_hierarchy *io = &check_layout(run)->controllers[CGROUP_IO];
	char scheduler[32];
	int r = limit_device_number(check_work_dir(run), number, 32, err);

	if (r < 0)
		return r;
	/* On version 2 bfq has a file of its own, which tare's weight is not written to. */
	if (has_bfq(number, scheduler, sizeof(scheduler)) && io->version == 1)
		return 0;
	if (io->version == 1)
		return err_set(err, ENOTSUP,
			       "nothing shares the disk %s by weight: its scheduler is '%s', "
			       "cgroup v1 needs bfq, and the disk is not ours to set",
			       number, scheduler);
	cleanup_close int fd = open(io->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, "io.cost.qos", F_OK, 0) < 0)
		return err_set(err, ENOTSUP,
			       "this kernel has no io.cost, which cgroup v2's "
			       "io.weight needs");
	if (check_share_has_cost(fd, number))
		return 0;
	if (!check_kernel_is_ours(run))
		return err_set(err, ENOTSUP,
			       "nothing shares the disk %s by weight: io.cost is off for it, and "
			       "is not ours to turn on",
			       number);
	*ret_root_fd = take_fd(&fd);
	return 1;
}

int check_share_probe(struct check_run *run, struct tare_err *err)
{
	cleanup_close int fd = -1;
	char number[32];
	int r = check_needs(run, CGROUP_IO, err);

	if (r == 0)
		r = look(run, number, &fd, err);
	return r < 0 ? r : 0;
}

static int turn_on(const struct check_share *share, struct tare_err *err)
{
	char text[256];
	int r;

	(void)snprintf(text, sizeof(text), "%s " MODEL, share->number, BPS, BPS);
	r = fd_write_file(share->root_fd, "io.cost.model", text, err);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%s " QOS, share->number);
	return fd_write_file(share->root_fd, "io.cost.qos", text, err);
}

int check_share_open(const struct check_run *run, struct check_share **ret, struct tare_err *err)
{
	struct check_share *share = calloc(1, sizeof(*share));
	int r;

	if (!share)
		return err_set(err, ENOMEM, "out of memory");
	share->root_fd = -1;
	r = look(run, share->number, &share->root_fd, err);
	if (r > 0)
		r = turn_on(share, err);
	if (r < 0)
		(void)check_share_close(share, NULL);
	else
		*ret = share;
	return r;
}

double check_share_reads(const struct check_share *share, double bytes)
{
	return share->root_fd >= 0 ? BPS / bytes : 0;
}

int check_share_close(struct check_share *share, struct tare_err *err)
{
	char text[64];
	int r = 0;

	if (!share)
		return 0;
	(void)snprintf(text, sizeof(text), "%s enable=0 ctrl=auto", share->number);
	if (share->root_fd >= 0)
		r = fd_write_file(share->root_fd, "io.cost.qos", text, err);
	cleanup_closep(&share->root_fd);
	free(share);
	return r;
}
