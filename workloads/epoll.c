/* SPDX-License-Identifier: MIT */
/* Asking which of many descriptors is ready; one always is, the last. What is asked anew for
 * each of them (poll, select) shows as their number grows. */

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"
#include "param.h"
#include "refusal.h"
#include "workload.h"

#define FDS_MAX 1000 /* with a few more, within 1024: FD_SETSIZE, and the usual RLIMIT_NOFILE */

enum epoll_via { EPOLL_EPOLL, EPOLL_POLL, EPOLL_SELECT };

struct epoll_load {
	int via, made, epoll_fd; /* epoll_fd: 0 while there is none */
	uint64_t n;
	struct pollfd fds[FDS_MAX];
	fd_set set;
	int last;
};

static int make_fds(struct epoll_load *s, struct tare_err *err)
{
	for (; (uint64_t)s->made < s->n; s->made++) {
		bool is_ready = (uint64_t)s->made + 1 == s->n;
		int fd = eventfd(is_ready, EFD_CLOEXEC);

		if (fd < 0)
			return refusal_errno(err, "eventfd2");
		s->fds[s->made] = (struct pollfd){.fd = fd, .events = POLLIN};
		s->last = fd;
		if (fd >= FD_SETSIZE)
			return err_set(err, EMFILE, "descriptor %d is too large for select", fd);
		FD_SET(fd, &s->set);
	}
	return 0;
}

static int watch_fds(struct epoll_load *s, struct tare_err *err)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return refusal_errno(err, "epoll_create1");
	s->epoll_fd = fd;
	for (int i = 0; i < s->made; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data = {.fd = s->fds[i].fd}};

		if (epoll_ctl(fd, EPOLL_CTL_ADD, s->fds[i].fd, &event) < 0)
			return err_errno(err, "epoll_ctl");
	}
	return 0;
}

static int epoll_load_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct epoll_load *s = state;
	int r;

	s->via = param_choice("via", params[0], "epoll|poll|select", err);
	if (s->via < 0)
		return s->via;
	r = units_parse_count("fds", params[1], 1, FDS_MAX, &s->n, err);
	if (r < 0)
		return r;
	r = make_fds(s, err);
	return r < 0 || s->via != EPOLL_EPOLL ? r : watch_fds(s, err);
}

static int not_ready(long n, const char *call, struct tare_err *err)
{
	return n < 0 ? err_errno(err, "%s", call)
		     : err_set(err, EIO, "%s: %ld descriptors are ready, not 1", call, n);
}

static int run_epoll(const struct epoll_load *s, uint64_t iters, struct tare_err *err)
{
	struct epoll_event event;

	for (uint64_t i = 0; i < iters; i++) {
		long n = syscall(SYS_epoll_wait, s->epoll_fd, &event, 1, 0);

		if (n != 1)
			return not_ready(n, "epoll_wait", err);
	}
	return 0;
}

static int run_poll(struct epoll_load *s, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		long n = syscall(SYS_poll, s->fds, s->n, 0);

		if (n != 1)
			return not_ready(n, "poll", err);
	}
	return 0;
}

/* The set is an answer as well, so it is made anew each time, as everybody must. */
static int run_select(const struct epoll_load *s, uint64_t iters, struct tare_err *err)
{
	for (uint64_t i = 0; i < iters; i++) {
		struct timeval none = {0};
		fd_set set = s->set;
		long n = syscall(SYS_select, s->last + 1, &set, NULL, NULL, &none);

		if (n != 1)
			return not_ready(n, "select", err);
	}
	return 0;
}

static int epoll_load_run(void *state, uint64_t iters, struct tare_err *err)
{
	struct epoll_load *s = state;

	if (s->via == EPOLL_EPOLL)
		return run_epoll(s, iters, err);
	return s->via == EPOLL_POLL ? run_poll(s, iters, err) : run_select(s, iters, err);
}

static void epoll_load_teardown(void *state)
{
	struct epoll_load *s = state;

	if (s->epoll_fd > 0)
		(void)close(s->epoll_fd);
	while (s->made > 0)
		(void)close(s->fds[--s->made].fd);
}

const struct workload workload_epoll = {
	.name = "epoll",
	.summary = "ask which of some descriptors is ready",
	.op = "epoll_wait(2), poll(2) or select(2), without waiting",
	.groups = "syscall",
	.params = (const struct workload_param[]){{"via", "the call: epoll|poll|select", "epoll"},
						  {"fds", "descriptors: 1 to 1000", "10"},
						  {NULL, NULL, NULL}},
	.syscalls = (const struct workload_syscall[]){{"epoll_wait", 1, "via=epoll"},
						      {"poll", 1, "via=poll"},
						      {"select", 1, "via=select"},
						      {NULL, 0, NULL}},
	.state_size = sizeof(struct epoll_load),
	.setup = epoll_load_setup,
	.run = epoll_load_run,
	.teardown = epoll_load_teardown,
};
