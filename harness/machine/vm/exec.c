/* SPDX-License-Identifier: MIT */
#include "machine/vm/exec.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "machine/common/terminal.h"
#include "machine/machine.h"
#include "machine/vm/channel.h"
#include "machine/vm/console.h"
#include "machine/vm/guest.h"
#include "machine/vm/stdio.h"
#include "trial/exec.h"
#include "trial/trial.h"

#define ANSWER_NS   (30 * NS_PER_S) /* for what takes a guest that lives no time */
#define CLOCK_STRAY 100 /* a guest's clock is not off by more than one part in so many */

struct relay {
	struct guest *guest;
	struct stdio_reader reader;
	int port_fd, signal_fd;
	struct machine_stdio stdio;
	bool in_open; /* our stdin has not ended */
	struct terminal_state terminal;
	bool untaken; /* the last frame of input, by a guest with lines */
	bool killed;  /* it was overdue */
	bool blocked; /* the port takes no more for now */
	bool out_open[2];
	bool gone[2]; /* who read our stdout or stderr has left */
};

static uint64_t answer_by(const struct relay *relay)
{
	return clock_now_ns() + guest_patience_ns(relay->guest->cpus, ANSWER_NS);
}

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

	if (frame->stream == STDIO_TAKEN) {
		relay->untaken = false;
		return 0;
	}
	if (frame->stream != STDIO_OUT && frame->stream != STDIO_ERR)
		return err_set(err, EBADMSG, "stdio of the guest: not a stream of output");
	if (frame->size == 0)
		relay->out_open[i] = false;
	else if (!relay->gone[i] &&
		 fd_write_all(relay->stdio.fds[1 + i], bytes, frame->size, NULL) < 0)
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
	n = read(relay->stdio.fds[0], buf, relay->guest->lines ? STDIO_LINE_MAX : sizeof(buf));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	relay->in_open = n > 0;
	relay->untaken = n > 0 && relay->guest->lines;
	relay->guest->input_owed = relay->in_open;
	return stdio_write(relay->port_fd, STDIO_IN, buf, n > 0 ? (size_t)n : 0, answer_by(relay),
			   err);
}

static struct stdio_window window_of(int fd)
{
	struct winsize size = terminal_window(fd);

	return (struct stdio_window){.rows = size.ws_row, .cols = size.ws_col};
}

/* Of a terminal the guest's own one makes the signals, from the keys. */
static int send_signal(struct relay *relay, int number, struct tare_err *err)
{
	uint64_t deadline = answer_by(relay);
	uint8_t byte = (uint8_t)number;

	if (number == SIGWINCH && relay->terminal.fd >= 0) {
		struct stdio_window window = window_of(relay->terminal.fd);

		return stdio_write(relay->port_fd, STDIO_WINDOW, &window, sizeof(window), deadline,
				   err);
	}
	return stdio_write(relay->port_fd, STDIO_SIGNAL, &byte, 1, deadline, err);
}

static int send_signals(struct relay *relay, struct tare_err *err)
{
	struct terminal_signal s;
	int r = 0;

	while (r == 0 && terminal_next_signal(relay->signal_fd, &s)) {
		bool ends = relay->stdio.stopped && terminal_signal_ends(s.number);

		if (ends)
			*relay->stdio.stopped = s.number;
		r = send_signal(relay, ends ? SIGKILL : s.number, err);
	}
	return r;
}

static bool is_overdue(const struct relay *relay)
{
	return relay->stdio.deadline_ns && clock_now_ns() >= relay->stdio.deadline_ns;
}

/* For poll(2): until the command is overdue, or the guest is to show a sign of life. */
static int time_left_ms(const struct relay *relay)
{
	uint64_t until = relay->guest->pulse.next_ns, now = clock_now_ns();

	if (relay->stdio.deadline_ns && relay->stdio.deadline_ns < until)
		until = relay->stdio.deadline_ns;
	return clock_left_ms(now, until);
}

/* Kill it; a guest that does not answer to that either is given up. */
static int end_overdue(struct relay *relay, struct tare_err *err)
{
	if (relay->killed)
		return err_set(err, ETIMEDOUT, "the guest does not end its command");
	relay->killed = true;
	relay->stdio.deadline_ns = answer_by(relay);
	return send_signal(relay, SIGKILL, err);
}

/* Until the answer begins to come. */
static int relay_until_answer(struct relay *relay, struct tare_err *err)
{
	pulse_rest(&relay->guest->pulse);
	for (;;) {
		short room = relay->blocked ? POLLOUT : 0;
		struct pollfd p[] = {
			{.fd = relay->in_open && !relay->blocked && !relay->untaken
				       ? relay->stdio.fds[0]
				       : -1,
			 .events = POLLIN},
			{.fd = relay->port_fd, .events = (short)(POLLIN | room)},
			{.fd = channel_fd(relay->guest->channel), .events = POLLIN},
			{.fd = relay->signal_fd, .events = POLLIN},
			{.fd = console_fd(relay->guest->qemu.console), .events = POLLIN},
			{.fd = relay->guest->qemu.debug_fd, .events = POLLIN},
		};
		int r = poll(p, sizeof(p) / sizeof(p[0]), time_left_ms(relay));

		if (r < 0 && errno != EINTR)
			return err_errno(err, "poll");
		if (r < 0)
			continue;
		r = is_overdue(relay) ? end_overdue(relay, err) : 0;
		if (r == 0)
			r = guest_tend(relay->guest, err);
		if (r == 0 && p[3].revents)
			r = send_signals(relay, err);
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

/* Bytes may come later than the answer, which has a port of its own. */
static int drain_output(struct relay *relay, struct tare_err *err)
{
	uint64_t deadline = answer_by(relay);

	while (relay->out_open[0] || relay->out_open[1]) {
		int r = guest_wait(relay->guest, relay->port_fd, POLLIN, deadline, err);

		if (r == 0 && clock_now_ns() > deadline)
			r = err_set(err, ETIMEDOUT, "the guest does not end its output");
		if (r == 0)
			r = stdio_read(&relay->reader, relay->port_fd, take_frame, relay, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* With the call under way the guest reads on until it has this, so there is room for it. */
static int end_last_input(struct relay *relay, struct tare_err *err)
{
	int r = 0;

	if (relay->guest->input_owed)
		r = stdio_write(relay->port_fd, STDIO_IN, NULL, 0, answer_by(relay), err);
	relay->guest->input_owed = true; /* that of the command which now begins */
	return r;
}

/* A stranger's words: what cannot be so is refused. asked_ns: of our clock. */
static int take_account(const json_t *answer, uint64_t asked_ns, struct trial_account *ret,
			struct tare_err *err)
{
	json_int_t epoch = json_integer_value(json_object_get(answer, "epoch_ns"));
	struct trial_account a = {.epoch_ns = (int64_t)epoch};
	uint64_t passed = clock_now_ns() - asked_ns;
	int r;

	if ((r = json_read_u64(answer, "up_ns", &a.up_ns, err)) < 0 ||
	    (r = json_read_u64(answer, "exec_ns", &a.exec_ns, err)) < 0 ||
	    (r = json_read_u64(answer, "end_ns", &a.end_ns, err)) < 0 ||
	    (r = json_read_u64(answer, "user_us", &a.user_us, err)) < 0 ||
	    (r = json_read_u64(answer, "system_us", &a.system_us, err)) < 0)
		return r;
	if (a.end_ns < a.up_ns || a.end_ns - a.up_ns > passed + passed / CLOCK_STRAY)
		return err_set(err, EBADMSG,
			       "the guest says that its command took %.6f s, within %.6f s of ours",
			       ((double)a.end_ns - (double)a.up_ns) / NS_PER_S,
			       (double)passed / NS_PER_S);
	*ret = a;
	return 0;
}

/* 64 digits, or nothing. */
static void take_digest(const json_t *answer, char ret[DIGEST_SIZE])
{
	const char *told = json_string_or(answer, "sha256", "");

	ret[0] = '\0';
	if (strlen(told) == DIGEST_SIZE - 1 && strspn(told, "0123456789abcdef") == DIGEST_SIZE - 1)
		memcpy(ret, told, DIGEST_SIZE);
}

static int run(struct relay *relay, json_t *taken_arguments, int *ret_status, struct tare_err *err)
{
	struct channel *channel = relay->guest->channel;
	cleanup_json json_t *answer = NULL;
	uint64_t status, asked_ns = clock_now_ns();
	int r = channel_ask(channel, "exec", taken_arguments, answer_by(relay), err);

	if (r == 0)
		r = end_last_input(relay, err);
	if (r == 0)
		r = relay_until_answer(relay, err);
	if (r == 0)
		r = channel_answer(channel, answer_by(relay), &answer, err);
	if (r == 0)
		r = drain_output(relay, err);
	if (r == 0)
		r = json_read_u64(answer, "status", &status, err) < 0 ? -EBADMSG : 0;
	if (r == 0 && relay->stdio.account &&
	    take_account(answer, asked_ns, relay->stdio.account, err) < 0)
		r = -EBADMSG;
	if (r == 0 && relay->stdio.program_sha256)
		take_digest(answer, relay->stdio.program_sha256);
	if (r == 0)
		*ret_status = (int)(status & 0xffff);
	return r;
}

static json_t *arguments_of(const struct relay *relay, const struct trial_spec *spec,
			    char *const *argv, char *const *envp, const char *cwd)
{
	struct stdio_window window = window_of(relay->terminal.fd);
	json_t *terminal = NULL;

	if (relay->terminal.fd >= 0)
		terminal = json_pack("{si si}", "rows", window.rows, "cols", window.cols);
	return json_pack("{so so so ss* so* sb sb}", "trial", trial_spec_to_json(spec), "argv",
			 texts(argv), "envp", texts(envp), "cwd", cwd, "terminal", terminal, "none",
			 relay->stdio.none, "digest", relay->stdio.program_sha256 != NULL);
}

int vm_exec(struct guest *guest, const struct trial_spec *spec, char *const *argv,
	    char *const *envp, const char *cwd, const struct machine_stdio *stdio, int *ret_status,
	    struct tare_err *err)
{
	static const struct machine_stdio ours = {
		.fds = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}};
	struct relay relay = {.guest = guest,
			      .port_fd = guest->qemu.stdio_fd,
			      .in_open = !stdio || !stdio->none,
			      .out_open = {true, true}};
	json_t *arguments;
	int r;

	relay.stdio = stdio ? *stdio : ours;
	terminal_find(&relay.terminal);
	if (stdio)
		relay.terminal.fd = -1;
	arguments = arguments_of(&relay, spec, argv, envp, cwd);
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
	terminal_make_raw(&relay.terminal);
	r = run(&relay, arguments, ret_status, err);
	terminal_restore(&relay.terminal);
	terminal_release_signals(relay.signal_fd);
	return r;
}
