/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/loglin.h"
#include "delay.h"

struct player {
	const struct workload *load;
	enum args_mode mode;
	void *state;
	/* The load's run and its state, or, with a delay, run_delayed and this. */
	int (*run)(void *subject, uint64_t iters, struct tare_err *err);
	void *subject;
	struct delay delay;
	uint64_t timed_ns, timed_ops; /* of all turns */
	struct play_result result;
};

/* Solo, a load of short operations reads the clock about this often. */
#define SOLO_BATCH_NS (100 * NS_PER_US)

#define COST_BATCHES 5
#define COST_STEPS   500

/* The reply and its payload in one writev; a pipe or a stream socket takes it whole, since it
 * blocks and no signal handler is ever set. */
static int say(struct play_reply *reply, void *payload)
{
	struct iovec parts[2] = {
		{.iov_base = reply, .iov_len = sizeof(*reply)},
		{.iov_base = payload, .iov_len = reply->payload},
	};
	ssize_t n = writev(STDOUT_FILENO, parts, 2);

	return n == (ssize_t)(sizeof(*reply) + reply->payload) ? 0 : -EPIPE;
}

static int say_failure(uint32_t kind, int r, struct tare_err *err)
{
	struct play_reply reply = {.magic = PLAY_MAGIC, .kind = kind, .status = err_negative(r)};

	(void)err_set(err, -reply.status, "failed without a reason");
	reply.payload = (uint32_t)strnlen(err->msg, sizeof(err->msg));
	(void)say(&reply, err->msg);
	return EXIT_FAILURE;
}

/* 1: a request; 0: the other side closed. */
static int hear(struct play_request *request, struct tare_err *err)
{
	struct iovec whole = {.iov_base = request, .iov_len = sizeof(*request)};
	ssize_t n = readv(STDIN_FILENO, &whole, 1);

	if (n == 0)
		return 0;
	if (n < 0)
		return err_errno(err, "read a request");
	if (n != sizeof(*request) || request->magic != PLAY_MAGIC)
		return err_set(err, EBADMSG, "%zd bytes on stdin are no request", n);
	return 1;
}

static int run_delayed(void *subject, uint64_t iters, struct tare_err *err)
{
	struct player *p = subject;
	int r = p->load->run(p->state, iters, err);

	if (r == 0)
		delay_spend(&p->delay, iters);
	return r;
}

static int play_batch(struct player *p, uint64_t iters, struct play_reply *reply,
		      struct tare_err *err)
{
	uint64_t begin = clock_now_ns();
	int r = p->run(p->subject, iters, err);

	reply->ns = clock_now_ns() - begin;
	reply->ops = iters;
	return r;
}

static void note_latency(struct play_result *result, uint64_t ns)
{
	result->latency[loglin_bucket(ns)]++;
	if (ns > result->latency_max_ns)
		result->latency_max_ns = ns;
}

static int play_latency(struct player *p, uint64_t iters, struct play_reply *reply,
			struct tare_err *err)
{
	int (*const run)(void *, uint64_t, struct tare_err *) = p->run;
	void *const subject = p->subject;

	for (; reply->ops < iters; reply->ops++) {
		uint64_t begin = clock_now_ns();
		int r = run(subject, 1, err);
		uint64_t ns = clock_now_ns() - begin;

		if (r < 0)
			return r;
		note_latency(&p->result, ns);
		reply->ns += ns;
	}
	return 0;
}

/* Of all threads. A system call, so only where no slice is timed by it. */
static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* A burner does one operation at a time, others so many that the clock does not weigh. For their
 * latency all do one, which begins where the one before it ended: what holds the player up between
 * two is waited for by the second. */
static int play_solo(struct player *p, uint64_t duration_ns, struct play_reply *reply,
		     struct tare_err *err)
{
	uint64_t cpu_begin = own_cpu_ns();
	uint64_t begin = clock_now_ns(), now = begin, iters = 1;

	do {
		uint64_t before = now;
		int r = p->run(p->subject, iters, err);

		if (r < 0)
			return r;
		reply->ops += iters;
		now = clock_now_ns();
		if (p->mode == ARGS_LATENCY)
			note_latency(&p->result, now - before);
		else if (!p->load->solo && now - before < SOLO_BATCH_NS)
			iters *= 2;
	} while (now - begin < duration_ns);
	reply->ns = now - begin;
	reply->cpu_ns = own_cpu_ns() - cpu_begin;
	return 0;
}

static int play_turn(struct player *p, const struct play_request *request, struct play_reply *reply,
		     struct tare_err *err)
{
	bool solo = request->kind == PLAY_SOLO;
	int r;

	/* Operations are timed one by one in turns and alone. */
	if (solo ? p->mode == ARGS_BATCH : p->mode == ARGS_SOLO || p->load->solo)
		return err_set(err, EPROTO, "a turn of another mode was asked for");
	if (request->lead_in) {
		r = p->run(p->subject, request->lead_in, err);
		if (r < 0)
			return r;
		reply->lead_in = request->lead_in;
	}
	if (solo)
		r = play_solo(p, request->duration_ns, reply, err);
	else if (p->mode == ARGS_LATENCY)
		r = play_latency(p, request->iters, reply, err);
	else
		r = play_batch(p, request->iters, reply, err);
	p->timed_ns += reply->ns;
	p->timed_ops += reply->ops;
	return r;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void read_clock(uint64_t steps)
{
	for (uint64_t i = 0; i < steps; i++)
		(void)clock_now_ns();
}

static void turn_loop(uint64_t steps)
{
	for (uint64_t i = 0; i < steps; i++)
		__asm__ volatile("");
}

/* Thousandths of a ns that one step costs here: median of a few batches. */
static uint64_t cost_of(void (*steps)(uint64_t n))
{
	uint64_t ns[COST_BATCHES];

	for (int i = 0; i < COST_BATCHES; i++) {
		uint64_t begin = clock_now_ns();

		steps(COST_STEPS);
		ns[i] = clock_now_ns() - begin;
	}
	qsort(ns, COST_BATCHES, sizeof(ns[0]), by_value);
	return ns[COST_BATCHES / 2] * 1000 / COST_STEPS;
}

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void tear_down(struct player *p)
{
	if (!p->state)
		return;
	if (p->load->teardown)
		p->load->teardown(p->state);
	free(p->state);
	p->state = NULL;
}

static void put_figures(struct player *p)
{
	const struct workload *load = p->load;
	struct play_result *result = &p->result;

	if (load->figures)
		result->n_figures = (uint32_t)load->figures(p->state, p->timed_ns, result->figures);
	if (load->rate && p->timed_ns) {
		struct play_figure *figure = &result->figures[result->n_figures++];
		double n = (double)p->timed_ops * (load->per_op ? load->per_op(p->state) : 1);

		figure->value = n * (double)NS_PER_S / (double)p->timed_ns;
		(void)snprintf(figure->name, sizeof(figure->name), "%s", load->rate);
		(void)snprintf(figure->unit, sizeof(figure->unit), "1/s");
	}
}

/* Figures need the state; children's CPU time is known once teardown has reaped them. */
static int finish(struct player *p)
{
	struct play_reply reply = {.magic = PLAY_MAGIC, .kind = PLAY_FINISH};
	struct play_result *result = &p->result;
	struct rusage self, children;

	put_figures(p);
	if (p->load->programs)
		result->n_programs = p->load->programs(p->state, result->programs);
	tear_down(p);
	(void)getrusage(RUSAGE_SELF, &self);
	(void)getrusage(RUSAGE_CHILDREN, &children);
	result->user_us = microseconds(self.ru_utime) + microseconds(children.ru_utime);
	result->system_us = microseconds(self.ru_stime) + microseconds(children.ru_stime);
	result->has_latency = p->mode == ARGS_LATENCY;
	result->clock_ns_x1000 = cost_of(read_clock);
	result->loop_ns_x1000 = cost_of(turn_loop);
	reply.payload = sizeof(*result);
	return say(&reply, result) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int take_turns(struct player *p)
{
	for (;;) {
		struct play_request request;
		struct play_reply reply = {.magic = PLAY_MAGIC};
		struct tare_err err = {0};
		int r = hear(&request, &err);

		if (r == 0)
			return EXIT_SUCCESS;
		if (r < 0)
			return say_failure(PLAY_READY, r, &err);
		reply.kind = request.kind;
		switch (request.kind) {
		case PLAY_FINISH:
			return finish(p);
		case PLAY_SLICE:
		case PLAY_SOLO:
			r = play_turn(p, &request, &reply, &err);
			if (r < 0)
				return say_failure(request.kind, r, &err);
			break;
		default:
			(void)err_set(&err, EPROTO, "no request has kind %u", request.kind);
			return say_failure(request.kind, -EPROTO, &err);
		}
		if (say(&reply, NULL) < 0)
			return EXIT_FAILURE;
	}
}

static int set_up(struct player *p, const char *const *values, struct tare_err *err)
{
	const struct workload *load = p->load;
	int r = delay_read(values[ARGS_DELAY], &p->delay, err);

	if (r < 0)
		return r;
	p->state = calloc(1, load->state_size ? load->state_size : 1);
	if (!p->state)
		return err_set(err, ENOMEM, "out of memory");
	p->run = p->delay.steps_per_op > 0 ? run_delayed : load->run;
	p->subject = p->delay.steps_per_op > 0 ? p : p->state;
	return load->setup ? load->setup(p->state, values, err) : 0;
}

int play_load(const struct workload *load, enum args_mode mode, const char *const *values)
{
	static struct player p; /* its histogram is large */
	struct play_reply ready = {.magic = PLAY_MAGIC, .kind = PLAY_READY};
	struct tare_err err = {0};
	int r, status;

	/* One who left is noticed by the failing writev, so that teardown still comes. */
	(void)signal(SIGPIPE, SIG_IGN);
	p.load = load;
	p.mode = mode;
	r = set_up(&p, values, &err);
	if (r < 0) {
		tear_down(&p);
		return say_failure(PLAY_READY, r, &err);
	}
	status = say(&ready, NULL) < 0 ? EXIT_FAILURE : take_turns(&p);
	tear_down(&p);
	return status;
}
