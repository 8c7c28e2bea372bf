/* SPDX-License-Identifier: MIT */
#include "box/common/pool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/common/spawn.h"
#include "kernel/cgroup.h"

#define NAME_SIZE       64
#define KILL_TIMEOUT_MS 2000

enum place_state { PLACE_EMPTY, PLACE_WAITING, PLACE_USED };

struct box_pooled {
	enum place_state state;
	char name[NAME_SIZE];
	struct box *box;
	struct cgroup *cgroup;
	struct box_process process;
	int order_fd;
	int mounts_fd; /* its mount namespace, held so that it is taken down by the next fill */
	uint64_t cpu_ns_before;
};

struct box_pool {
	struct box_pool_config config;
	struct box_pooled places[BOX_POOL_MAX];
};

int box_pool_open(const struct box_pool_config *config, struct box_pool **ret, struct tare_err *err)
{
	struct box_pool *pool;

	if (!config->ops->prepare)
		return err_set(err, ENOTSUP, "box '%s' cannot be made beforehand: it has no pool",
			       config->ops->name);
	if (config->size < 1 || config->size > BOX_POOL_MAX)
		return err_set(err, EINVAL, "a pool has 1 to %d containers", BOX_POOL_MAX);
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return err_set(err, ENOMEM, "out of memory");
	pool->config = *config;
	for (size_t i = 0; i < config->size; i++) {
		struct box_pooled *p = &pool->places[i];

		p->order_fd = p->mounts_fd = p->process.pidfd = -1;
		(void)snprintf(p->name, sizeof(p->name), "%.48s-p%u", config->box.name,
			       (unsigned int)i & 255U);
	}
	*ret = pool;
	return 0;
}

/* What the last container left in its place. */
static int clear(struct box_pooled *p, struct tare_err *err)
{
	int r = p->box ? p->box->ops->close(p->box, err) : 0;

	p->box = NULL;
	cleanup_closep(&p->order_fd);
	cleanup_closep(&p->mounts_fd);
	p->order_fd = p->mounts_fd = p->process.pidfd = -1;
	p->state = PLACE_EMPTY;
	return r;
}

/* Somebody may be left in there, who can only be killed, and a killed group is spent. */
static int empty_cgroup(struct box_pooled *p, struct tare_err *err)
{
	uint64_t populated = 1;
	int fd = p->cgroup ? cgroup_v2_fd(p->cgroup) : -1, r;

	if (!p->cgroup ||
	    (fd >= 0 && cgfile_read_key(fd, "cgroup.events", "populated", &populated, NULL) == 0 &&
	     populated == 0))
		return 0;
	r = cgroup_kill(p->cgroup, KILL_TIMEOUT_MS, err);
	if (r == 0)
		r = cgroup_destroy(take_pointer(p->cgroup), err);
	return r;
}

static int hold_mounts(struct box_pooled *p)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", p->process.pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int read_cpu_ns(const struct box_pooled *p, uint64_t *ret, struct tare_err *err)
{
	uint64_t us = 0;
	int version = 0, r;
	int fd = p->cgroup ? cgroup_controller_fd(p->cgroup, CGROUP_CPUACCT, &version) : -1;

	if (fd < 0)
		return err_set(err, ENOENT, "the pool's groups have no cpuacct controller");
	if (version == 1)
		return cgfile_read_u64(fd, "cpuacct.usage", ret, err);
	r = cgfile_read_key(fd, "cpu.stat", "usage_usec", &us, err);
	if (r == 0)
		*ret = us * 1000;
	return r;
}

static int make_waiting(const struct box_pool *pool, struct box_pooled *p, struct tare_err *err)
{
	struct box_config config = pool->config.box;
	struct box_exec exec = {0};
	int r = 0;

	config.name = p->name;
	if (pool->config.layout && !p->cgroup)
		r = cgroup_create(pool->config.layout, p->name, pool->config.controllers,
				  config.place->journal, &p->cgroup, err);
	if (r == 0)
		r = pool->config.ops->open(&config, &p->box, err);
	exec.cgroup = p->cgroup;
	if (r == 0)
		r = p->box->ops->prepare(p->box, &exec, &p->process, &p->order_fd, err);
	if (r < 0)
		return r;
	p->mounts_fd = hold_mounts(p);
	p->state = PLACE_WAITING;
	return 0;
}

int box_pool_fill(struct box_pool *pool, struct tare_err *err)
{
	for (size_t i = 0; i < pool->config.size; i++) {
		struct box_pooled *p = &pool->places[i];
		int r = 0;

		if (p->state != PLACE_EMPTY)
			continue;
		r = clear(p, err);
		if (r == 0)
			r = empty_cgroup(p, err);
		if (r == 0)
			r = make_waiting(pool, p, err);
		if (r < 0)
			return err_wrap(err, r, "pool");
		if (read_cpu_ns(p, &p->cpu_ns_before, NULL) < 0)
			p->cpu_ns_before = 0;
	}
	return 0;
}

/* Its setting up is not the program's: the groups were joined when it was done. */
int box_pool_start(struct box_pool *pool, const struct box_exec *exec, struct box_process *ret,
		   struct box_pooled **ret_used, struct tare_err *err)
{
	for (size_t i = 0; i < pool->config.size; i++) {
		struct box_pooled *p = &pool->places[i];
		int r;

		if (p->state != PLACE_WAITING)
			continue;
		p->state = PLACE_USED;
		r = spawn_order(p->order_fd, exec, &p->process, err);
		if (r < 0) {
			r = err_wrap(err, r, "%s", pool->config.ops->name);
			box_pool_give_back(p);
			return r;
		}
		*ret = p->process;
		p->process.pidfd = -1;
		*ret_used = p;
		return 0;
	}
	return err_set(err, EAGAIN, "the pool is empty");
}

const struct cgroup *box_pooled_cgroup(const struct box_pooled *used)
{
	return used->cgroup;
}

int box_pooled_cpu_ns(const struct box_pooled *used, uint64_t *ret, struct tare_err *err)
{
	uint64_t now = 0;
	int r = read_cpu_ns(used, &now, err);

	if (r == 0)
		*ret = now - used->cpu_ns_before;
	return r;
}

/* A process that was never the caller's. */
static void end_process(struct box_pooled *p)
{
	siginfo_t info;

	if (p->process.pidfd < 0)
		return;
	(void)syscall(SYS_pidfd_send_signal, p->process.pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)p->process.pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	cleanup_closep(&p->process.pidfd);
	p->process.pidfd = -1;
}

void box_pool_give_back(struct box_pooled *used)
{
	end_process(used);
	used->state = PLACE_EMPTY;
}

json_t *box_pool_describe(const struct box_pool *pool)
{
	return json_pack("{s:I, s:[s,s,s,s], s:s}", "size", (json_int_t)pool->config.size, "pooled",
			 "namespaces", "mounts", "rights",
			 pool->config.layout ? "cgroups" : "process", "counters", "differences");
}

int box_pool_close(struct box_pool *pool, struct tare_err *err)
{
	int first = 0;

	if (!pool)
		return 0;
	for (size_t i = 0; i < pool->config.size; i++) {
		struct box_pooled *p = &pool->places[i];
		int r;

		end_process(p);
		r = clear(p, err);
		first = first ? first : r;
		r = empty_cgroup(p, err);
		first = first ? first : r;
		r = cgroup_destroy(p->cgroup, err);
		first = first ? first : r;
	}
	free(pool);
	return first;
}
