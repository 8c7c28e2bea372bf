/* SPDX-License-Identifier: MIT */
/* Whole programs: the environment's own redis-server, and its redis-benchmark as the client, over
 * TCP on the loopback of the environment's network. */

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "folder.h"
#include "param.h"
#include "tool.h"
#include "workload.h"

/* Emulated, and with a cold disk, a server takes seconds. */
#define START_NS     (30 * NS_PER_S)
#define START_TRIES  3 /* another process may take the port that was free a moment ago */
#define REQUESTS_MAX 1000000

struct redis {
	struct folder folder; /* where it runs */
	struct tool server, client;
	uint64_t requests, clients, n_told;
	double told; /* sum of the n_told finite rates that the client told */
	char port[8], n[16], c[8];
	const char *what;
};

static int loopback(uint16_t port, struct sockaddr_in *ret, struct tare_err *err)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	return fd < 0 ? err_errno(err, "socket") : fd;
}

static int free_port(uint16_t *ret, struct tare_err *err)
{
	struct sockaddr_in address;
	socklen_t n = sizeof(address);
	cleanup_close int fd = loopback(0, &address, err);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, n) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &n) < 0)
		return err_errno(err, "bind to 127.0.0.1 (is loopback up?)");
	*ret = ntohs(address.sin_port);
	return 0;
}

/* Does a redis answer there? */
static bool answers(uint16_t port)
{
	static const char ping[] = "PING\r\n", pong[] = "+PONG\r\n";
	struct sockaddr_in address;
	struct timeval patience = {.tv_sec = 1};
	char answer[sizeof(pong)] = "";
	cleanup_close int fd = loopback(port, &address, NULL);

	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	       send(fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL) == sizeof(ping) - 1 &&
	       recv(fd, answer, sizeof(pong) - 1, MSG_WAITALL) == sizeof(pong) - 1 &&
	       strcmp(answer, pong) == 0;
}

static int await_server(struct redis *s, uint16_t port, struct tare_err *err)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	uint64_t deadline = clock_now_ns() + START_NS;
	bool up = false;

	while (!up) {
		int r;

		if (clock_now_ns() > deadline)
			return err_set(err, ETIMEDOUT, "redis-server does not answer on port %u",
				       port);
		(void)nanosleep(&pause, NULL);
		up = answers(port);
		/* One that found its port taken has ended, and who answers is a stranger. */
		r = tool_check(&s->server, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Nothing is saved: it is about requests, not about the disk. */
static int start_server(struct redis *s, struct tare_err *err)
{
	const char *const argv[] = {"redis-server", "--port",       s->port, "--bind",
				    "127.0.0.1",    "--save",       "",      "--dir",
				    s->folder.path, "--appendonly", "no",    "--loglevel",
				    "warning",      "--daemonize",  "no",    NULL};
	uint16_t port = 0;
	int r = free_port(&port, err);

	if (r < 0)
		return r;
	(void)snprintf(s->port, sizeof(s->port), "%u", port);
	r = tool_start(&s->server, argv, err);
	if (r == 0)
		r = await_server(s, port, err);
	if (r < 0)
		tool_end(&s->server);
	return r;
}

/* "test","rps",... and "SET","66666.66",...: the second field of the last line. The client counts
 * milliseconds: where all took less than one, it tells "inf". */
static int read_rate(const char *said, double *ret, struct tare_err *err)
{
	const char *line = strrchr(said, '\n');
	const char *at;

	while (line && line > said && line[1] == '\0')
		line = memrchr(said, '\n', (size_t)(line - said));
	at = strstr(line ? line : said, "\",\"");
	*ret = at ? strtod(at + 3, NULL) : 0;
	return *ret > 0 ? 0
			: err_set(err, EBADMSG, "redis-benchmark tells no rate: '%.100s'", said);
}

static int run_client(struct redis *s, struct tare_err *err)
{
	const char *const argv[] = {"redis-benchmark",
				    "-h",
				    "127.0.0.1",
				    "-p",
				    s->port,
				    "-t",
				    s->what,
				    "-n",
				    s->n,
				    "-c",
				    s->c,
				    "--csv",
				    NULL};
	char said[1024];
	double rate = 0;
	int r = tool_run(&s->client, argv, said, sizeof(said), err);

	if (r == 0)
		r = read_rate(said, &rate, err);
	if (r < 0)
		return r;
	if (isfinite(rate)) {
		s->told += rate;
		s->n_told++;
	}
	return 0;
}

static int redis_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct redis *s = state;
	int what = param_choice("what", params[0], "set|get", err), r = what;

	if (r < 0 ||
	    (r = units_parse_count("requests", params[1], 1, REQUESTS_MAX, &s->requests, err)) <
		    0 ||
	    (r = units_parse_count("clients", params[2], 1, 500, &s->clients, err)) < 0 ||
	    (r = tool_find(&s->server, "redis-server", "redis-server", err)) < 0 ||
	    (r = tool_find(&s->client, "redis-benchmark", "redis-tools", err)) < 0 ||
	    (r = folder_make(&s->folder, 1, err)) < 0)
		return r;
	s->what = what == 0 ? "set" : "get";
	(void)snprintf(s->n, sizeof(s->n), "%llu", (unsigned long long)s->requests);
	(void)snprintf(s->c, sizeof(s->c), "%llu", (unsigned long long)s->clients);
	for (int i = 0; i < START_TRIES; i++) {
		struct tare_err why = {0};

		r = start_server(s, &why);
		if (r == 0)
			return 0;
		if (i == START_TRIES - 1)
			return err_set(err, -r, "%s", why.msg);
	}
	return r;
}

static int redis_run(void *state, uint64_t iters, struct tare_err *err)
{
	int r = 0;

	for (uint64_t i = 0; i < iters && r == 0; i++)
		r = run_client(state, err);
	return r;
}

static double redis_per_op(const void *state)
{
	return (double)((const struct redis *)state)->requests;
}

static size_t redis_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct redis *s = state;

	(void)ns;
	if (s->n_told == 0)
		return 0;
	figures[0] = (struct play_figure){
		.name = "client_told_per_s", .unit = "1/s", .value = s->told / (double)s->n_told};
	return 1;
}

static size_t redis_programs(const void *state, struct play_program *programs)
{
	const struct redis *s = state;

	programs[0] = s->server.file;
	programs[1] = s->client.file;
	return 2;
}

static void redis_teardown(void *state)
{
	struct redis *s = state;

	tool_end(&s->client);
	tool_end(&s->server);
	folder_remove(&s->folder);
}

const struct workload workload_redis = {
	.name = "redis",
	.summary = "whole programs: redis-benchmark against redis-server, on the box's loopback",
	.op = "a run of redis-benchmark: its start, `requests` requests, its end",
	.groups = "program",
	.rate = "requests_per_s",
	.per_op = redis_per_op,
	.params =
		(const struct workload_param[]){{"what", "what is asked for: set|get", "set"},
						{"requests", "requests of a run", "1000"},
						{"clients", "connections at once: 1 to 500", "10"},
						{NULL, NULL, NULL}},
	.state_size = sizeof(struct redis),
	.setup = redis_setup,
	.run = redis_run,
	.figures = redis_figures,
	.programs = redis_programs,
	.teardown = redis_teardown,
};
