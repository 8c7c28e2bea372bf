/* SPDX-License-Identifier: MIT */
#include "agent/serve_exec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/exec_stdio.h"
#include "agent/oom.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "trial/exec.h"
#include "trial/trial.h"

#define WORDS_MAX   1024
/* Input that the command has not read yet. Beyond it the host has to wait, and its signals with
 * it, since they come the same way. */
#define PENDING_MAX ((size_t)256 << 10)
/* Output of what a command left running: more than pipes hold at its end is not waited for. */
#define LEFT_MAX    ((size_t)256 << 10)

struct relay {
	struct serve_stdio *stdio;
	struct trial_exec *exec;
	struct exec_stdio fds; /* our ends; -1 when closed */
	bool skip;             /* what comes in is still the last command's */
	bool out_ended[2];     /* and told so */
	bool in_ended;         /* close its stdin when nothing is pending */
	bool ended;            /* the command */
	size_t left;           /* bytes of output since then */
	struct trial_account account;
	int program_fd; /* -1: not asked for, or not had */
	size_t pending;
	char buf[PENDING_MAX];
};

/* A list of texts as argv; the texts stay the list's. */
static int words_of(const json_t *list, const char *what, char ***ret, struct tare_err *err)
{
	size_t n = json_array_size(list);
	char **words;
	json_t *word;
	size_t i;

	if (!json_is_array(list) || n > WORDS_MAX)
		return err_set(err, EINVAL, "exec: '%s' is no list of at most %d texts", what,
			       WORDS_MAX);
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	json_array_foreach(list, i, word)
	{
		if (!json_is_string(word)) {
			free(words);
			return err_set(err, EINVAL, "exec: '%s' holds something that is no text",
				       what);
		}
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): execve takes no const, changes none */
		words[i] = (char *)(uintptr_t)json_string_value(word);
	}
	*ret = words;
	return 0;
}

static void close_input(struct relay *relay)
{
	if (relay->fds.in >= 0)
		(void)close(take_fd(&relay->fds.in));
	relay->pending = 0;
}

static void end_input(struct relay *relay)
{
	/* A terminal has no end of file but the character for it. */
	if (relay->fds.terminal && relay->fds.in >= 0)
		relay->buf[relay->pending++] = 'D' - '@';
	relay->in_ended = true;
}

static int take_frame(const struct stdio_frame *frame, const uint8_t *bytes, void *context,
		      struct tare_err *err)
{
	struct relay *relay = context;
	bool end = frame->stream == STDIO_IN && frame->size == 0;

	if (relay->skip) {
		relay->skip = !end;
		return 0;
	}
	if (end) {
		relay->stdio->input_open = false;
		end_input(relay);
		return 0;
	}
	if (frame->stream == STDIO_SIGNAL && frame->size == 1)
		return trial_exec_signal(relay->exec, bytes[0], err);
	if (frame->stream == STDIO_WINDOW && frame->size == sizeof(struct stdio_window)) {
		struct stdio_window window;

		memcpy(&window, bytes, sizeof(window));
		exec_stdio_resize(&relay->fds, &window);
		return 0;
	}
	if (frame->stream == STDIO_IN && relay->stdio->lines) {
		int r = stdio_write(relay->stdio->fd, STDIO_TAKEN, NULL, 0, STDIO_NEVER, err);

		if (r < 0)
			return r;
	}
	if (frame->stream == STDIO_IN && relay->fds.in >= 0) {
		memcpy(relay->buf + relay->pending, bytes, frame->size);
		relay->pending += frame->size;
	}
	return 0;
}

/* As much as goes at once. A command that has closed its stdin is no failure of ours. */
static void feed_input(struct relay *relay, short revents)
{
	ssize_t n = 0;

	if (relay->pending && (revents & POLLOUT))
		n = write(relay->fds.in, relay->buf, relay->pending);
	if (revents & (POLLERR | POLLHUP) || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close_input(relay);
		return;
	}
	if (n > 0) {
		relay->pending -= (size_t)n;
		memmove(relay->buf, relay->buf + n, relay->pending);
	}
}

/* Who watches slowly is waited for, however long: a pager may be at the other end. */
static int send_output(struct relay *relay, int i, struct tare_err *err)
{
	int *fd = i == 0 ? &relay->fds.out : &relay->fds.err;
	char buf[STDIO_FRAME_MAX];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) { /* EIO: nobody has the terminal open any more */
		(void)close(take_fd(fd));
		relay->out_ended[i] = true;
		n = 0;
	}
	relay->left += relay->ended ? (size_t)n : 0;
	return stdio_write(relay->stdio->fd, i == 0 ? STDIO_OUT : STDIO_ERR, buf, (size_t)n,
			   STDIO_NEVER, err);
}

static int wait_and_relay(struct relay *relay, bool *ret_idle, struct tare_err *err)
{
	bool has_room =
		!relay->ended && PENDING_MAX - relay->pending > sizeof(relay->stdio->reader.buf);
	struct pollfd p[] = {
		{.fd = relay->fds.out, .events = POLLIN},
		{.fd = relay->fds.err, .events = POLLIN},
		{.fd = has_room ? relay->stdio->fd : -1, .events = POLLIN},
		{.fd = relay->fds.in, .events = relay->pending ? POLLOUT : 0},
		{.fd = relay->ended ? -1 : trial_exec_pidfd(relay->exec), .events = POLLIN},
	};
	int n = poll(p, sizeof(p) / sizeof(*p), relay->ended ? 0 : -1), r = 0;

	if (n < 0)
		return errno == EINTR ? 0 : err_errno(err, "exec: poll");
	*ret_idle = !p[0].revents && !p[1].revents;
	if (p[4].revents)
		trial_exec_note_end(relay->exec);
	relay->ended = relay->ended || p[4].revents;
	for (int i = 0; i < 2 && r == 0; i++)
		r = p[i].revents ? send_output(relay, i, err) : 0;
	if (r == 0 && p[2].revents)
		r = stdio_read(&relay->stdio->reader, relay->stdio->fd, take_frame, relay, err);
	if (p[3].revents)
		feed_input(relay, p[3].revents);
	if (relay->in_ended && !relay->pending && !relay->fds.terminal)
		close_input(relay);
	return r;
}

static int relay_while_there_is_any(struct relay *relay, struct tare_err *err)
{
	for (;;) {
		bool was_ended = relay->ended, idle = false;
		int r = wait_and_relay(relay, &idle, err);

		if (r < 0 || (was_ended && (idle || relay->left > LEFT_MAX)))
			return r;
	}
}

/* Until the command has ended and its pipes are empty. A child of its own that keeps them open
 * does not keep us: what is in the pipes at its end is sent, no more. The host waits for the ends
 * of both streams, so each is told once. */
static int relay_until_end(struct relay *relay, struct tare_err *err)
{
	static const enum stdio_stream streams[] = {STDIO_OUT, STDIO_ERR};
	int r = relay_while_there_is_any(relay, err);

	for (size_t i = 0; i < 2 && r == 0; i++) {
		if (!relay->out_ended[i])
			r = stdio_write(relay->stdio->fd, streams[i], NULL, 0, STDIO_NEVER, err);
	}
	return r;
}

static int start(const struct trial_place *place, const struct trial_spec *spec,
		 const json_t *arguments, struct relay *relay, struct tare_err *err)
{
	const json_t *terminal = json_object_get(arguments, "terminal");
	const struct stdio_window window = {
		.rows = (uint16_t)json_u64_or(terminal, "rows", 24),
		.cols = (uint16_t)json_u64_or(terminal, "cols", 80),
	};
	cleanup_free char **argv = NULL, **envp = NULL;
	struct exec_theirs theirs;
	int r;

	if ((r = words_of(json_object_get(arguments, "argv"), "argv", &argv, err)) < 0 ||
	    (r = words_of(json_object_get(arguments, "envp"), "envp", &envp, err)) < 0)
		return r;
	if (!argv[0])
		return err_set(err, EINVAL, "exec: no command");
	r = exec_stdio_open(&relay->fds, spec, json_is_object(terminal) ? &window : NULL,
			    json_is_true(json_object_get(arguments, "none")), &theirs, err);
	if (r == 0) {
		const struct trial_exec_config config = {
			.spec = spec,
			.argv = argv,
			.envp = envp,
			.cwd = json_string_or(arguments, "cwd", NULL),
			.stdio = {theirs.fds[0], theirs.fds[1], theirs.fds[2]},
			.terminal = relay->fds.terminal,
			.devpts_fd = theirs.devpts_fd,
			.account = &relay->account,
			.program_fd = json_is_true(json_object_get(arguments, "digest"))
					      ? &relay->program_fd
					      : NULL,
		};
		if (place->box.in_guest)
			oom_as_payload();
		r = trial_exec_start(place, &config, &relay->exec, err);
		if (place->box.in_guest)
			oom_as_agent(r == 0 ? trial_exec_pid(relay->exec) : 0);
	}
	exec_stdio_close_theirs(&theirs);
	return r;
}

static int run(const struct trial_place *place, const json_t *arguments, struct relay *relay,
	       int *ret_status, struct tare_err *err)
{
	struct trial_spec spec = {0};
	int r = trial_spec_from_json(json_object_get(arguments, "trial"), &spec, err), q;

	if (r < 0)
		return r;
	r = start(place, &spec, arguments, relay, err);
	if (r == 0) {
		r = relay_until_end(relay, err);
		if (r < 0)
			(void)trial_exec_signal(relay->exec, SIGKILL, NULL);
		q = trial_exec_finish(relay->exec, ret_status, err);
		r = r < 0 ? r : q;
	}
	trial_spec_clear(&spec);
	return r;
}

static json_t *answer(int status, const struct trial_account *a, const char *sha256)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:I, s:s*}", "status", status, "up_ns",
			 json_u64(a->up_ns), "exec_ns", json_u64(a->exec_ns), "end_ns",
			 json_u64(a->end_ns), "user_us", json_u64(a->user_us), "system_us",
			 json_u64(a->system_us), "epoch_ns", (json_int_t)a->epoch_ns, "sha256",
			 sha256);
}

int serve_exec(const struct trial_place *place, struct serve_stdio *stdio, const json_t *arguments,
	       json_t **ret, struct tare_err *err)
{
	cleanup_free struct relay *relay = NULL;
	char sha256[DIGEST_SIZE];
	int status = 0, r;

	if (stdio->fd < 0)
		return err_set(err, ENOTSUP, "exec: there is no port for its stdio");
	relay = calloc(1, sizeof(*relay));
	if (!relay)
		return err_set(err, ENOMEM, "out of memory");
	relay->stdio = stdio;
	relay->program_fd = -1;
	relay->fds = (struct exec_stdio){.in = -1, .out = -1, .err = -1};
	relay->skip = stdio->input_open;
	stdio->input_open = true;
	r = run(place, arguments, relay, &status, err);
	exec_stdio_close(&relay->fds);
	if (r == 0)
		*ret = answer(status, &relay->account,
			      relay->program_fd >= 0 &&
					      digest_fd(relay->program_fd, sha256, NULL) == 0
				      ? sha256
				      : NULL);
	if (relay->program_fd >= 0)
		(void)close(relay->program_fd);
	return r;
}
