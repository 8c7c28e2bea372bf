/* SPDX-License-Identifier: MIT */
#include "machine/vm/exec.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "machine/common/terminal.h"
#include "machine/vm/channel.h"
#include "machine/vm/console.h"
#include "machine/vm/guest.h"
#include "machine/vm/stdio.h"
#include "trial/trial.h"

#define ANSWER_NS   (30 * NS_PER_S)
#define LAST_OUT_MS 200 /* bytes may come later than the answer, which has a port of its own */

struct relay {
	struct guest *guest;
	struct stdio_reader reader;
	int port_fd, signal_fd;
	bool in_open; /* our stdin has not ended */
	bool blocked; /* the port takes no more for now */
	bool out_open[2];
	bool gone[2]; /* who read our stdout or stderr has left */
};

static json_t *texts(char *const *words)
{
	json_t *list = json_array();

	for (; words && *words; words++)
		(void)json_array_append_new(list, json_string(*words));
	return list;
}

static int take_frame(const struct stdio_frame *frame, const uint8_t *bytes, void *context,
		      struct tare_err *err)
{
	struct relay *relay = context;
	int i = frame->stream == STDIO_ERR;

	if (frame->stream != STDIO_OUT && frame->stream != STDIO_ERR)
		return err_set(err, EBADMSG, "stdio of the guest: not a stream of output");
	if (frame->size == 0)
		relay->out_open[i] = false;
	else if (!relay->gone[i] &&
		 fd_write_all(i ? STDERR_FILENO : STDOUT_FILENO, bytes, frame->size, NULL) < 0)
		relay->gone[i] = true;
	return 0;
}

/* A frame goes out in one piece: whether the port has room for it is asked first, since the guest
 * may wait for us to read before it takes more. */
static int send_input(struct relay *relay, struct tare_err *err)
{
	struct pollfd room = {.fd = relay->port_fd, .events = POLLOUT};
	char buf[STDIO_FRAME_MAX];
	ssize_t n;

	relay->blocked = poll(&room, 1, 0) == 0;
	if (relay->blocked)
		return 0;
	n = read(STDIN_FILENO, buf, sizeof(buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	relay->in_open = n > 0;
	return stdio_write(relay->port_fd, STDIO_IN, buf, n > 0 ? (size_t)n : 0,
			   clock_now_ns() + ANSWER_NS, err);
}

static int send_signals(struct relay *relay, struct tare_err *err)
{
	struct terminal_signal s;
	int r = 0;

	while (r == 0 && terminal_next_signal(relay->signal_fd, &s)) {
		uint8_t number = (uint8_t)s.number;

		r = stdio_write(relay->port_fd, STDIO_SIGNAL, &number, 1,
				clock_now_ns() + ANSWER_NS, err);
	}
	return r;
}

/* Until the answer begins to come. */
static int relay_until_answer(struct relay *relay, struct tare_err *err)
{
	for (;;) {
		short room = relay->blocked ? POLLOUT : 0;
		struct pollfd p[] = {
			{.fd = relay->in_open && !relay->blocked ? STDIN_FILENO : -1,
			 .events = POLLIN},
			{.fd = relay->port_fd, .events = (short)(POLLIN | room)},
			{.fd = channel_fd(relay->guest->channel), .events = POLLIN},
			{.fd = relay->signal_fd, .events = POLLIN},
			{.fd = console_fd(relay->guest->qemu.console), .events = POLLIN},
		};
		int r = poll(p, sizeof(p) / sizeof(p[0]), -1);

		if (r < 0 && errno != EINTR)
			return err_errno(err, "poll");
		if (r < 0)
			continue;
		r = p[3].revents ? send_signals(relay, err) : 0;
		if (p[4].revents)
			(void)console_drain(relay->guest->qemu.console);
		if (r == 0 && (p[1].revents & (POLLIN | POLLHUP)))
			r = stdio_read(&relay->reader, relay->port_fd, take_frame, relay, err);
		if (p[1].revents & POLLOUT)
			relay->blocked = false;
		if (r == 0 && p[0].revents)
			r = send_input(relay, err);
		if (r < 0 || p[2].revents)
			return r;
	}
}

static int drain_output(struct relay *relay, struct tare_err *err)
{
	while (relay->out_open[0] || relay->out_open[1]) {
		int r = fd_wait_readable(relay->port_fd, LAST_OUT_MS, err);

		if (r <= 0)
			return r;
		r = stdio_read(&relay->reader, relay->port_fd, take_frame, relay, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run(struct relay *relay, json_t *taken_arguments, int *ret_status, struct tare_err *err)
{
	struct channel *channel = relay->guest->channel;
	cleanup_json json_t *answer = NULL;
	uint64_t status;
	int r = channel_ask(channel, "exec", taken_arguments, clock_now_ns() + ANSWER_NS, err);

	if (r == 0)
		r = relay_until_answer(relay, err);
	if (r == 0)
		r = channel_answer(channel, clock_now_ns() + ANSWER_NS, &answer, err);
	if (r == 0)
		r = drain_output(relay, err);
	if (r == 0)
		r = json_read_u64(answer, "status", &status, err) < 0 ? -EBADMSG : 0;
	if (r == 0)
		*ret_status = (int)(status & 0xffff);
	return r;
}

int vm_exec(struct guest *guest, const struct trial_spec *spec, char *const *argv,
	    char *const *envp, const char *cwd, int *ret_status, struct tare_err *err)
{
	struct relay relay = {.guest = guest,
			      .port_fd = guest->qemu.stdio_fd,
			      .in_open = true,
			      .out_open = {true, true}};
	json_t *arguments = json_pack("{so so so ss*}", "trial", trial_spec_to_json(spec), "argv",
				      texts(argv), "envp", texts(envp), "cwd", cwd);
	int r;

	if (!arguments)
		return err_set(err, ENOMEM, "out of memory");
	if (fcntl(relay.port_fd, F_SETFL, O_NONBLOCK) < 0) {
		json_decref(arguments);
		return err_errno(err, "fcntl");
	}
	relay.signal_fd = terminal_catch_signals(err);
	if (relay.signal_fd < 0) {
		json_decref(arguments);
		return relay.signal_fd;
	}
	r = run(&relay, arguments, ret_status, err);
	terminal_release_signals(relay.signal_fd);
	return r;
}
