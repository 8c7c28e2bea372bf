/* SPDX-License-Identifier: MIT */
#include "lab/run/inside.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/args.h"
#include "lab/run/work.h"
#include "machine/machine.h"
#include "stats/location.h"

#define DEADLINE_NS (60 * NS_PER_S)

/* Reads what the script writes, on a thread of its own, while the main one starts it and waits. */
struct listener {
	struct lab_inside *inside;
	int from_fd, to_fd;
	uint64_t deadline_ns;
	size_t n;
	bool looked;
};

static void look_once(struct listener *l)
{
	if (l->looked || !strstr(l->inside->text, "\n" LAB_READY "\n"))
		return;
	l->looked = true;
	if (l->inside->look)
		l->inside->look(l->inside->context);
	(void)close(take_fd(&l->to_fd));
}

static void *listen_to(void *context)
{
	struct listener *l = context;
	char piece[1024];

	for (;;) {
		int left = clock_left_ms(clock_now_ns(), l->deadline_ns);
		size_t room = sizeof(l->inside->text) - 1 - l->n;
		ssize_t n = fd_wait_readable(l->from_fd, left, NULL) == 1
				    ? read(l->from_fd, piece, sizeof(piece))
				    : 0;

		if (n <= 0)
			break;
		room = (size_t)n < room ? (size_t)n : room;
		memcpy(l->inside->text + l->n, piece, room);
		l->n += room;
		l->inside->text[l->n] = '\0';
		look_once(l);
	}
	if (l->to_fd >= 0)
		(void)close(take_fd(&l->to_fd));
	return NULL;
}

static int run_script(struct machine *machine, const struct env_choice *env, const char *script,
		      const struct machine_stdio *stdio, int *ret_status, struct tare_err *err)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char shell[] = "/bin/sh", flag[] = "-c";
	cleanup_free char *text = strdup(script);
	char *argv[] = {shell, flag, text, NULL}, *envp[] = {path, NULL};
	struct trial_spec spec = {0};
	int r = text ? site_spec(env, &spec, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = machine->ops->exec(machine, &spec, argv, envp, "/", stdio, ret_status, err);

	trial_spec_clear(&spec);
	return r;
}

/* Both ways by pipes; ours are the listener's. */
static int exec_heard(struct machine *machine, const struct env_choice *env,
		      struct lab_inside *inside, int *ret_status, struct tare_err *err)
{
	struct listener l = {.inside = inside, .deadline_ns = clock_now_ns() + DEADLINE_NS};
	struct machine_stdio stdio = {.deadline_ns = l.deadline_ns};
	int out[2], in[2], r;
	pthread_t thread;

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(err, "make a pipe");
	if (pipe2(in, O_CLOEXEC) < 0) {
		(void)close(out[0]);
		(void)close(out[1]);
		return err_errno(err, "make a pipe");
	}
	l.from_fd = out[0];
	l.to_fd = in[1];
	stdio.fds[0] = in[0];
	stdio.fds[1] = out[1];
	stdio.fds[2] = STDERR_FILENO;
	r = pthread_create(&thread, NULL, listen_to, &l);
	if (r == 0) {
		r = run_script(machine, env, inside->script, &stdio, ret_status, err);
		(void)close(take_fd(&out[1]));
		(void)pthread_join(thread, NULL);
	} else {
		(void)close(in[1]);
		r = err_set(err, r, "make a thread");
	}
	cleanup_closep(&out[1]);
	(void)close(in[0]);
	(void)close(out[0]);
	return r;
}

static int exec_in(const struct lab_work *work, const struct env_choice *env,
		   struct lab_inside *inside, int *ret_status, struct tare_err *err)
{
	const struct site_machine wanted = {.env = env};
	struct machine *machine;
	int r = site_open(&work->site, &wanted, &machine, err), closed;

	if (r < 0)
		return r;
	inside->text[0] = '\0';
	inside->ns = clock_now_ns();
	r = exec_heard(machine, env, inside, ret_status, err);
	inside->ns = clock_now_ns() - inside->ns;
	closed = machine->ops->close(machine, err);
	return r < 0 ? r : closed;
}

int lab_inside(const struct lab_work *work, struct lab_inside *inside, struct tare_err *err)
{
	struct env_list list = {0};
	int status = 0, r = args_parse_envs(inside->env, &list, err);

	if (r == 0)
		r = exec_in(work, &list.items[0], inside, &status, err);
	env_list_free(&list);
	if (r == 0 && status != 0)
		r = err_set(err, EIO, "in '%.60s' the script ended with %s %d", inside->env,
			    WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return r;
}

int lab_rounds_location(const json_t *rounds, const char *a, const char *b, struct location *ret,
			struct tare_err *err)
{
	size_t size = json_array_size(rounds), n = 0, i;
	cleanup_free double *x = calloc(size + 1, sizeof(*x));
	const json_t *round;

	if (!x)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(rounds, i, round)
	{
		double of_a = json_double_or(round, a, NAN);
		double value = b ? log(of_a / json_double_or(round, b, NAN)) : of_a;

		if (isfinite(value))
			x[n++] = value;
	}
	if (n == 0)
		return err_set(err, ENODATA, "no round tells '%.40s'", a);
	return location_of(x, n, ret, err);
}
