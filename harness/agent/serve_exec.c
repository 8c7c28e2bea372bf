/* SPDX-License-Identifier: MIT */
#include "agent/serve_exec.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/stdio.h"
#include "trial/exec.h"
#include "trial/trial.h"

/* The host reads all the time while a command runs. */
#define WRITE_TIMEOUT_NS (30 * NS_PER_S)
#define WORDS_MAX        1024

struct relay {
	struct trial_exec *exec;
	struct stdio_reader reader;
	int port_fd;
	int in_fd;     /* the command's stdin; -1 when closed */
	int out_fd[2]; /* its stdout and stderr; -1 when at their end */
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
		words[i] = (char *)(uintptr_t)json_string_value(
			word); /* NOLINT: execve changes none */
	}
	*ret = words;
	return 0;
}

static int take_frame(const struct stdio_frame *frame, const uint8_t *bytes, void *context,
		      struct tare_err *err)
{
	struct relay *relay = context;

	if (frame->stream == STDIO_SIGNAL && frame->size == 1)
		return trial_exec_signal(relay->exec, bytes[0], err);
	if (frame->stream != STDIO_IN || relay->in_fd < 0)
		return 0;
	/* A command that has closed its stdin is no failure of ours. */
	if (frame->size == 0 || write(relay->in_fd, bytes, frame->size) < 0)
		(void)close(take_fd(&relay->in_fd));
	return 0;
}

static int send_output(struct relay *relay, int i, struct tare_err *err)
{
	char buf[STDIO_FRAME_MAX];
	ssize_t n = read(relay->out_fd[i], buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0) {
		(void)close(take_fd(&relay->out_fd[i]));
		n = 0;
	}
	return stdio_write(relay->port_fd, i == 0 ? STDIO_OUT : STDIO_ERR, buf, (size_t)n,
			   clock_now_ns() + WRITE_TIMEOUT_NS, err);
}

/* Until the command has ended and its pipes are empty. A child of its own that keeps them open
 * does not keep us: what is in the pipes at its end is sent, no more. */
static int relay_until_end(struct relay *relay, struct tare_err *err)
{
	bool ended = false;

	while (relay->out_fd[0] >= 0 || relay->out_fd[1] >= 0 || !ended) {
		struct pollfd p[] = {
			{.fd = relay->out_fd[0], .events = POLLIN},
			{.fd = relay->out_fd[1], .events = POLLIN},
			{.fd = relay->port_fd, .events = POLLIN},
			{.fd = ended ? -1 : trial_exec_pidfd(relay->exec), .events = POLLIN},
		};
		int n = poll(p, 4, ended ? 0 : -1), r = 0;

		if (n < 0 && errno != EINTR)
			return err_errno(err, "exec: poll");
		if (ended && n == 0)
			return 0;
		ended = ended || p[3].revents;
		for (int i = 0; i < 2 && r == 0; i++)
			r = p[i].revents ? send_output(relay, i, err) : 0;
		if (r == 0 && (p[2].revents & POLLIN))
			r = stdio_read(&relay->reader, relay->port_fd, take_frame, relay, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int start(const struct trial_place *place, const struct trial_spec *spec,
		 const json_t *arguments, struct relay *relay, struct tare_err *err)
{
	cleanup_free char **argv = NULL, **envp = NULL;
	int in[2], out[2], errs[2];
	int r;

	if ((r = words_of(json_object_get(arguments, "argv"), "argv", &argv, err)) < 0 ||
	    (r = words_of(json_object_get(arguments, "envp"), "envp", &envp, err)) < 0)
		return r;
	if (!argv[0])
		return err_set(err, EINVAL, "exec: no command");
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	cleanup_close int in_read = in[0];
	relay->in_fd = in[1];
	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	cleanup_close int out_write = out[1];
	relay->out_fd[0] = out[0];
	if (pipe2(errs, O_CLOEXEC) < 0)
		return err_errno(err, "pipe2");
	cleanup_close int err_write = errs[1];
	relay->out_fd[1] = errs[0];
	const struct trial_exec_config config = {
		.spec = spec,
		.argv = argv,
		.envp = envp,
		.cwd = json_string_or(arguments, "cwd", NULL),
		.stdio = {in_read, out_write, err_write},
	};
	return trial_exec_start(place, &config, &relay->exec, err);
}

static void relay_close(struct relay *relay)
{
	int *fds[] = {&relay->in_fd, &relay->out_fd[0], &relay->out_fd[1]};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] >= 0)
			(void)close(take_fd(fds[i]));
	}
}

int serve_exec(const struct trial_place *place, int stdio_fd, const json_t *arguments,
	       int *ret_status, struct tare_err *err)
{
	struct relay relay = {.port_fd = stdio_fd, .in_fd = -1, .out_fd = {-1, -1}};
	struct trial_spec spec = {0};
	int r, q;

	if (stdio_fd < 0)
		return err_set(err, ENOTSUP, "exec: there is no port for its stdio");
	r = trial_spec_from_json(json_object_get(arguments, "trial"), &spec, err);
	if (r == 0)
		r = start(place, &spec, arguments, &relay, err);
	if (r == 0) {
		r = relay_until_end(&relay, err);
		if (r < 0)
			(void)trial_exec_signal(relay.exec, SIGKILL, NULL);
		q = trial_exec_finish(relay.exec, ret_status, err);
		r = r < 0 ? r : q;
	}
	relay_close(&relay);
	trial_spec_clear(&spec);
	return r;
}
