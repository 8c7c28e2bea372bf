/* SPDX-License-Identifier: MIT */
#include "kernel/net_service.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kernel/net.h"

#define CONNECTIONS 4
#define BLOCK       65536

enum { STOP, DISCARD, CHARGEN, ECHO, FIRST, SLOTS = FIRST + CONNECTIONS };

struct net_service {
	pthread_t thread;
	struct pollfd slots[SLOTS]; /* fd -1: free */
	bool echoes[SLOTS];         /* the connection's bytes go back */
	char block[BLOCK];
};

static int listen_at(unsigned short port, struct tare_err *err)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, CONNECTIONS) < 0)
		return err_errno(err, "step 'listen at port %d'", port);
	return take_fd(&fd);
}

/* Whoever comes when all slots are taken is turned away. */
static void take_connection(struct net_service *s, int at, short events)
{
	cleanup_close int fd = -1;

	if (!s->slots[at].revents)
		return;
	fd = accept4(s->slots[at].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	for (int i = FIRST; fd >= 0 && i < SLOTS; i++) {
		if (s->slots[i].fd >= 0)
			continue;
		s->slots[i] = (struct pollfd){.fd = take_fd(&fd), .events = events};
		s->echoes[i] = at == ECHO;
	}
}

static void serve_connection(struct net_service *s, int i)
{
	struct pollfd *slot = &s->slots[i];
	ssize_t n = slot->events & POLLIN
			    ? recv(slot->fd, s->block, BLOCK, MSG_DONTWAIT)
			    : send(slot->fd, s->block, BLOCK, MSG_DONTWAIT | MSG_NOSIGNAL);

	/* Who does not take what comes back is turned away: nothing is kept for anybody. */
	if (n > 0 && s->echoes[i])
		n = send(slot->fd, s->block, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n ? n : 0;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	(void)close(slot->fd);
	slot->fd = -1;
}

static void *serve(void *context)
{
	struct net_service *s = context;

	for (;;) {
		if (poll(s->slots, SLOTS, -1) < 0)
			continue; /* EINTR: signals are blocked; ENOMEM passes */
		if (s->slots[STOP].revents)
			return NULL;
		take_connection(s, DISCARD, POLLIN);
		take_connection(s, CHARGEN, POLLOUT);
		take_connection(s, ECHO, POLLIN);
		for (int i = FIRST; i < SLOTS; i++)
			if (s->slots[i].fd >= 0 && s->slots[i].revents)
				serve_connection(s, i);
	}
}

static void release(struct net_service *s)
{
	for (int i = 0; i < SLOTS; i++)
		cleanup_closep(&s->slots[i].fd);
	free(s);
}

static int start_thread(struct net_service *s, struct tare_err *err)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&s->thread, NULL, serve, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r ? err_set(err, r, "step 'start a thread': error %d", r) : 0;
}

int net_service_start(struct net_service **ret, struct tare_err *err)
{
	struct net_service *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	for (int i = 0; i < SLOTS; i++)
		s->slots[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	s->slots[STOP].fd = eventfd(0, EFD_CLOEXEC);
	s->slots[DISCARD].fd = listen_at(NET_DISCARD, err);
	s->slots[CHARGEN].fd = listen_at(NET_CHARGEN, err);
	s->slots[ECHO].fd = listen_at(NET_ECHO, err);
	if (s->slots[STOP].fd < 0)
		r = err_errno(err, "step 'make an eventfd'");
	if (s->slots[DISCARD].fd < 0 || s->slots[CHARGEN].fd < 0 || s->slots[ECHO].fd < 0)
		r = -EADDRNOTAVAIL;
	if (r == 0)
		r = start_thread(s, err);
	if (r < 0)
		release(s);
	else
		*ret = s;
	return r;
}

void net_service_stop(struct net_service *service)
{
	const uint64_t one = 1;

	if (!service)
		return;
	/* It cannot fail: the counter is 0. */
	if (write(service->slots[STOP].fd, &one, sizeof(one)) == sizeof(one))
		(void)pthread_join(service->thread, NULL);
	release(service);
}
