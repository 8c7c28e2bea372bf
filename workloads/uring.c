/* SPDX-License-Identifier: MIT */
/* Requests through a ring that is shared with the kernel: so many at a time by one call. */

#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "param.h"
#include "refusal.h"
#include "requests.h"
#include "workload.h"

enum uring_what { URING_NOP, URING_READ };

struct uring {
	int what, fd; /* fd: of the ring, 0 while there is none */
	struct requests all;
	char *rings; /* both, in one mapping */
	size_t rings_size, sqes_size;
	struct io_uring_sqe *sqes;
	_Atomic uint32_t *sq_tail, *cq_head, *cq_tail;
	uint32_t cq_mask;
	const struct io_uring_cqe *cqes;
	int result; /* of each request */
};

static int map_rings(struct uring *s, const struct io_uring_params *p, struct tare_err *err)
{
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	void *at;

	if (!(p->features & IORING_FEAT_SINGLE_MMAP))
		return err_set(err, ENOTSUP, "io_uring: this kernel's rings are apart");
	s->rings_size = sq > cq ? sq : cq;
	at = mmap(NULL, s->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd,
		  IORING_OFF_SQ_RING);
	if (at == MAP_FAILED)
		return err_errno(err, "map the rings");
	s->rings = at;
	s->sqes_size = p->sq_entries * sizeof(struct io_uring_sqe);
	at = mmap(NULL, s->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, s->fd,
		  IORING_OFF_SQES);
	if (at == MAP_FAILED)
		return err_errno(err, "map the requests");
	s->sqes = at;
	return 0;
}

/* The offsets are multiples of four (io_uring_setup(2)). */
static void *ring_at(const struct uring *s, uint32_t offset)
{
	return s->rings + offset;
}

/* All requests are the same, so they are written once; a turn moves the tail. */
static void fill_rings(struct uring *s, const struct io_uring_params *p)
{
	uint32_t *array = ring_at(s, p->sq_off.array);

	s->sq_tail = ring_at(s, p->sq_off.tail);
	s->cq_head = ring_at(s, p->cq_off.head);
	s->cq_tail = ring_at(s, p->cq_off.tail);
	s->cq_mask = *(const uint32_t *)ring_at(s, p->cq_off.ring_mask);
	s->cqes = ring_at(s, p->cq_off.cqes);
	for (uint32_t i = 0; i < p->sq_entries; i++) {
		struct io_uring_sqe *sqe = &s->sqes[i];

		array[i] = i;
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_NOP;
		if (s->what != URING_READ)
			continue;
		sqe->opcode = IORING_OP_READ;
		sqe->fd = s->all.file.fd;
		sqe->addr = (uintptr_t)s->all.block;
		sqe->len = REQUESTS_BLOCK;
	}
	s->result = s->what == URING_READ ? REQUESTS_BLOCK : 0;
}

static int uring_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct uring *s = state;
	uint32_t depth = (uint32_t)s->all.depth;

	for (uint64_t i = 0; i < iters; i++) {
		uint32_t head = atomic_load_explicit(s->cq_head, memory_order_relaxed);

		atomic_store_explicit(
			s->sq_tail, atomic_load_explicit(s->sq_tail, memory_order_relaxed) + depth,
			memory_order_release);
		if (syscall(SYS_io_uring_enter, s->fd, depth, depth, IORING_ENTER_GETEVENTS, NULL,
			    0) != (long)depth)
			return err_errno(err, "io_uring_enter");
		if (atomic_load_explicit(s->cq_tail, memory_order_acquire) - head != depth)
			return err_set(err, EIO, "io_uring_enter: not all requests are done");
		for (uint32_t n = 0; n < depth; n++) {
			int result = s->cqes[(head + n) & s->cq_mask].res;

			if (result != s->result)
				return err_set(err, result < 0 ? -result : EIO,
					       "io_uring: a request gave %d", result);
		}
		atomic_store_explicit(s->cq_head, head + depth, memory_order_release);
	}
	return 0;
}

static int uring_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct io_uring_params p = {0};
	struct uring *s = state;
	int direct, r;

	s->what = param_choice("what", params[0], "nop|read", err);
	if (s->what < 0)
		return s->what;
	direct = param_choice("direct", params[2], "off|on", err);
	if (direct < 0)
		return direct;
	r = requests_read_depth(&s->all, params[1], err);
	if (r == 0 && s->what == URING_READ)
		r = requests_make_file(&s->all, direct ? O_DIRECT : 0, err);
	if (r < 0)
		return r;
	r = (int)syscall(SYS_io_uring_setup, s->all.depth, &p);
	if (r < 0)
		return refusal_errno(err, "io_uring_setup");
	s->fd = r;
	r = map_rings(s, &p, err);
	if (r < 0)
		return r;
	fill_rings(s, &p);
	return uring_run(s, 1, err);
}

static void uring_teardown(void *state)
{
	struct uring *s = state;

	if (s->sqes)
		(void)munmap(s->sqes, s->sqes_size);
	if (s->rings)
		(void)munmap(s->rings, s->rings_size);
	if (s->fd > 0)
		(void)close(s->fd);
	requests_remove(&s->all);
}

const struct workload workload_uring = {
	.name = "uring",
	.summary = "requests through io_uring: nothing, or 4 KiB of a file",
	.op = "io_uring_enter(2) for all requests at a time",
	.groups = "io",
	.params = (const struct workload_param[]){{"what", "is asked for: nop|read", "nop"},
						  REQUESTS_DEPTH,
						  {"direct", "O_DIRECT of what is read: off|on",
						   "off"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"io_uring_enter", 1, NULL}, {NULL, 0, NULL}},
	.state_size = sizeof(struct uring),
	.setup = uring_setup,
	.run = uring_run,
	.teardown = uring_teardown,
};
