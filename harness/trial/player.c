/* SPDX-License-Identifier: MIT */
#include "trial/player.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "trial/trial.h"

/* Long enough for a set-up on a slow disk under emulation; a slice has its own reckoning. */
#define READY_TIMEOUT_MS 60000
#define SLICE_TIMEOUT_MS 60000
#define ARGS_MAX         40

struct texts {
	char *items[ARGS_MAX + 1]; /* ended by NULL */
	size_t n;
};

static void cleanup_textsp(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->items[i]);
}
#define cleanup_texts __attribute__((cleanup(cleanup_textsp)))

static int texts_add(struct texts *t, char *taken, struct tare_err *err)
{
	if (!taken)
		return err_set(err, ENOMEM, "out of memory");
	if (t->n == ARGS_MAX) {
		free(taken);
		return err_set(err, E2BIG, "a load takes at most %d parameters", ARGS_MAX);
	}
	t->items[t->n++] = taken;
	return 0;
}

static int make_argv(struct texts *argv, const struct box *box, const struct trial_place *place,
		     const struct trial_spec *spec, struct tare_err *err)
{
	const char *program = box_load_path(box, &place->box);
	const char *key;
	json_t *value;
	int r;

	if ((r = texts_add(argv, strdup(program), err)) < 0 ||
	    (r = texts_add(argv, strdup("play"), err)) < 0 ||
	    (r = texts_add(argv, strdup(spec->load), err)) < 0 ||
	    (r = texts_add(argv, strdup(trial_mode_name(spec->mode)), err)) < 0)
		return r;
	json_object_foreach(spec->params, key, value)
	{
		r = texts_add(argv, text_format("%s=%s", key, json_string_value(value)), err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The environment is part of a program's memory layout, so it is made anew, with a padding
 * that varies from round to round instead of by whoever started us. */
static int make_envp(struct texts *envp, const struct box *box, const struct trial_place *place,
		     const struct trial_spec *spec, struct tare_err *err)
{
	const char *work = box_work_path(box, &place->box);
	int width = spec->env_padding < 4096 ? (int)spec->env_padding : 4096;
	int r;

	if ((r = texts_add(envp, strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), err)) < 0 ||
	    (r = texts_add(envp, text_format("TARE_WORK=%s", work), err)) < 0)
		return r;
	return texts_add(envp, text_format("TARE_PADDING=%0*d", width + 1, 0), err);
}

static int check_reply(const struct play_reply *reply, uint32_t kind, struct tare_err *err)
{
	if (reply->magic != PLAY_MAGIC || reply->kind != kind || reply->payload > PLAY_PAYLOAD_MAX)
		return err_set(err, EBADMSG, "the player does not keep to the protocol");
	return 0;
}

/* The end of the pipe and a refusal are kept in the player, and are no error here. */
static int read_reply(struct player *p, uint32_t kind, struct play_reply *ret, void *payload,
		      struct tare_err *err)
{
	char buf[PLAY_PAYLOAD_MAX];
	struct tare_err end = {0};
	int r = fd_read_all(p->reply_fd, ret, sizeof(*ret), &end);

	if (r == -ENODATA) {
		p->ended = true;
		return 0;
	}
	if (r < 0)
		return err_set(err, -r, "player: %s", end.msg);
	r = check_reply(ret, kind, err);
	if (r < 0)
		return r;
	r = fd_read_all(p->reply_fd, buf, ret->payload, &end);
	if (r == -ENODATA) {
		p->ended = true;
		return 0;
	}
	if (r < 0)
		return err_set(err, -r, "player: %s", end.msg);
	if (ret->status < 0) {
		size_t n = ret->payload < PLAY_WHY_MAX - 1 ? ret->payload : PLAY_WHY_MAX - 1;

		memcpy(p->why, buf, n);
		p->why[n] = '\0';
		p->ended = true;
	} else if (payload) {
		memcpy(payload, buf, ret->payload);
	}
	return 0;
}

static int wait_ready(struct player *p, const struct trial_spec *spec, struct tare_err *err)
{
	struct play_reply reply;
	int r = fd_wait_readable(p->reply_fd, READY_TIMEOUT_MS, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(err, ETIMEDOUT, "load '%s' was not ready within %d s", spec->load,
			       READY_TIMEOUT_MS / 1000);
	r = read_reply(p, PLAY_READY, &reply, NULL, err);
	if (r < 0)
		return r;
	if (p->ended && p->why[0])
		return err_set(err, reply.status == -ENOTSUP ? ENOTSUP : EIO, "load '%s': %s",
			       spec->load, p->why);
	if (p->ended)
		return err_set(err, EIO, "load '%s' died before it was ready", spec->load);
	return 0;
}

int player_start(struct player *player, struct box *box, const struct trial_place *place,
		 const struct trial_spec *spec, const struct cgroup *cgroup,
		 const struct player_birth *birth, struct tare_err *err)
{
	cleanup_texts struct texts argv = {0}, envp = {0};
	cleanup_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int to[2], from[2];
	int r;

	*player = (struct player){.process.pidfd = -1, .request_fd = -1, .reply_fd = -1};
	if ((r = make_argv(&argv, box, place, spec, err)) < 0 ||
	    (r = make_envp(&envp, box, place, spec, err)) < 0)
		return r;
	if (null_fd < 0)
		return err_errno(err, "open '/dev/null'");
	if (pipe2(to, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	cleanup_close int to_read = to[0];
	cleanup_close int to_write = to[1];
	if (pipe2(from, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	cleanup_close int from_read = from[0];
	cleanup_close int from_write = from[1];
	struct box_exec exec = {
		.argv = argv.items,
		.envp = envp.items,
		.stdio = {to_read, from_write, null_fd},
		.cgroup = cgroup,
		.ulimits = &spec->limits.ulimits,
		.cpus = spec->cpus,
		.cwd = box_work_path(box, &place->box),
		.born = birth ? birth->born : NULL,
		.context = birth ? birth->context : NULL,
	};
	r = box->ops->start(box, &exec, &player->process, err);
	if (r < 0)
		return r;
	player->running = true;
	player->request_fd = take_fd(&to_write);
	player->reply_fd = take_fd(&from_read);
	/* Ours of the player's ends must be closed now, or its death would not be seen. */
	(void)close(take_fd(&from_write));
	r = wait_ready(player, spec, err);
	if (r < 0)
		(void)player_end(player, 0, NULL);
	return r;
}

static int wait_reply(struct player *p, const struct play_request *request,
		      const struct player_tick *tick, struct tare_err *err)
{
	uint64_t end = clock_now_ns() + request->duration_ns + SLICE_TIMEOUT_MS * NS_PER_MS;

	for (;;) {
		int wait_ms = SLICE_TIMEOUT_MS;
		int r;

		if (tick && tick->interval_ns)
			wait_ms = (int)(tick->interval_ns / NS_PER_MS);
		r = fd_wait_readable(p->reply_fd, wait_ms, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (tick && tick->interval_ns) {
			r = tick->tick(tick->context, err);
			if (r < 0)
				return r;
		}
		if (clock_now_ns() > end)
			return err_set(err, ETIMEDOUT, "the player did not end its turn in time");
	}
}

int player_ask(struct player *player, const struct play_request *request, struct tare_err *err)
{
	struct play_request ask = *request;
	int r;

	ask.magic = PLAY_MAGIC;
	r = fd_write_all(player->request_fd, &ask, sizeof(ask), NULL);
	if (r == -EPIPE) {
		player->ended = true;
		return 0;
	}
	if (r < 0)
		return err_set(err, -r, "player: its pipe takes no request");
	return 0;
}

int player_answer(struct player *player, uint32_t kind, int timeout_ms, struct play_reply *ret,
		  void *payload, struct tare_err *err)
{
	int r;

	*ret = (struct play_reply){0};
	if (player->ended)
		return 1;
	r = fd_wait_readable(player->reply_fd, timeout_ms, err);
	if (r <= 0)
		return r;
	r = read_reply(player, kind, ret, payload, err);
	return r < 0 ? r : 1;
}

int player_turn(struct player *player, const struct play_request *request,
		const struct player_tick *tick, struct play_reply *ret, void *payload,
		struct tare_err *err)
{
	int r = player_ask(player, request, err);

	*ret = (struct play_reply){0};
	if (r < 0 || player->ended)
		return r;
	r = wait_reply(player, request, tick, err);
	if (r < 0)
		return r;
	return read_reply(player, request->kind, ret, payload, err);
}

int player_end(struct player *player, int timeout_ms, struct tare_err *err)
{
	int r = 0;

	if (player->request_fd >= 0)
		(void)close(take_fd(&player->request_fd));
	if (player->reply_fd >= 0)
		(void)close(take_fd(&player->reply_fd));
	if (!player->running)
		return 0;
	if (timeout_ms > 0)
		r = fd_wait_readable(player->process.pidfd, timeout_ms, err);
	if (r <= 0)
		(void)syscall(SYS_pidfd_send_signal, player->process.pidfd, SIGKILL, NULL, 0);
	if (waitpid(player->process.pid, &player->wait_status, __WALL) < 0)
		r = err_errno(err, "wait for the player");
	player->running = false;
	(void)close(take_fd(&player->process.pidfd));
	return r < 0 ? r : 0;
}
