/* SPDX-License-Identifier: MIT */
#include "machine/vm/qemu.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "machine/vm/console.h"
#include "machine/vm/entry.h"
#include "machine/vm/qemu_args.h"
#include "machine/vm/qemu_threads.h"
#include "machine/vm/qmp.h"

#define QEMU_PROGRAM    "qemu-system-x86_64"
#define KILL_TIMEOUT_MS 10000
#define DEBUG_READS     64 /* a guest that writes for ever must not keep us here */

const char *qemu_accel_name(enum qemu_accel accel)
{
	return accel == QEMU_KVM ? "kvm" : "tcg";
}

const char *qemu_machine_name(enum qemu_machine machine)
{
	return machine == QEMU_MICROVM ? "microvm" : "q35";
}

int qemu_find(char *ret, size_t size, struct tare_err *err)
{
	return program_find(QEMU_PROGRAM, "qemu-system-x86", ret, size, err);
}

char *qemu_program_id(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return text_format("%s ?", path);
	return text_format("%s %lld %lld", path, (long long)st.st_size, (long long)st.st_mtime);
}

void qemu_init(struct qemu *qemu)
{
	*qemu = (struct qemu){.title = "QEMU",
			      .process = {.pidfd = -1},
			      .channel_fd = -1,
			      .stdio_fd = -1,
			      .pulse_fd = -1,
			      .debug_fd = -1};
}

int qemu_make_socket(int *ret_ours, int *ret_theirs, struct tare_err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, "socketpair");
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return 0;
}

static int make_sockets(struct qemu *qemu, int *qmp_fd, int theirs[QEMU_FDS], struct tare_err *err)
{
	int r = console_open(&qemu->console, &theirs[QEMU_FD_CONSOLE], err);

	if (r == 0)
		r = qemu_make_socket(qmp_fd, &theirs[QEMU_FD_QMP], err);
	if (r == 0)
		r = qemu_make_socket(&qemu->channel_fd, &theirs[QEMU_FD_CHANNEL], err);
	if (r == 0)
		r = qemu_make_socket(&qemu->stdio_fd, &theirs[QEMU_FD_STDIO], err);
	if (r == 0)
		r = qemu_make_socket(&qemu->pulse_fd, &theirs[QEMU_FD_PULSE], err);
	if (r == 0)
		r = qemu_make_socket(&qemu->debug_fd, &theirs[QEMU_FD_DEBUG], err);
	return r;
}

static int start_process(struct qemu *qemu, const struct qemu_config *config,
			 const int theirs[QEMU_FDS], struct tare_err *err)
{
	char *envp[] = {NULL};
	struct program program = {.envp = envp,
				  .n_fds = QEMU_FDS,
				  .cgroup = config->cgroup,
				  .journal = config->journal,
				  .name = "qemu"};
	struct qemu_args args;
	int r = qemu_args_make(&args, config, err);

	if (r < 0)
		return r;
	program.argv = args.argv;
	memcpy(program.fds, theirs, QEMU_FDS * sizeof(theirs[0]));
	program.fds[QEMU_FD_INCOMING] = config->incoming_fd;
	program.fds[QEMU_FD_MEMORY] = config->memory_fd > 0 ? config->memory_fd : -1;
	program.fds[QEMU_FD_TAP] = config->network ? config->tap_fd : -1;
	program.fds[STDOUT_FILENO] = theirs[QEMU_FD_CONSOLE];
	program.fds[STDERR_FILENO] = theirs[QEMU_FD_CONSOLE];
	qemu->command_line = json_array();
	for (size_t i = 0; i < args.n; i++)
		(void)json_array_append_new(qemu->command_line, json_string(args.argv[i]));
	r = program_start(&program, &qemu->process, err);
	qemu_args_clear(&args);
	return r;
}

static int start(struct qemu *qemu, const struct qemu_config *config, uint64_t deadline_ns,
		 struct tare_err *err)
{
	int theirs[QEMU_FDS];
	int qmp_fd = -1, r;

	for (int i = 0; i < QEMU_FDS; i++)
		theirs[i] = -1;
	r = make_sockets(qemu, &qmp_fd, theirs, err);
	if (r == 0)
		r = start_process(qemu, config, theirs, err);
	for (int i = 0; i < QEMU_FDS; i++)
		if (theirs[i] >= 0)
			(void)close(theirs[i]);
	if (r < 0) {
		if (qmp_fd >= 0)
			(void)close(qmp_fd);
		return r;
	}
	r = qemu_wait(qemu, qmp_fd, POLLIN, deadline_ns, err);
	if (r < 0) {
		(void)close(qmp_fd);
		return r;
	}
	r = qmp_open(qmp_fd, deadline_ns, &qemu->qmp, err);
	if (r < 0)
		return r;
	r = qemu_threads_place(qemu, config->cpus, deadline_ns, err);
	if (r < 0)
		return r;
	qemu->accel_ns = clock_now_ns();
	/* For a saved guest that is still being read: when that is done. */
	return qmp_run(qemu->qmp, "cont", NULL, deadline_ns, NULL, err);
}

int qemu_start(struct qemu *qemu, const struct qemu_config *config, uint64_t deadline_ns,
	       struct tare_err *err)
{
	int r;

	qemu_init(qemu);
	r = start(qemu, config, deadline_ns, err);
	if (r == 0)
		return 0;
	/* No guest's fault: it has not run yet. */
	if (r == -EPIPE || r == -ETIMEDOUT) {
		r = -EIO;
		if (err)
			err->code = EIO;
	}
	qemu_add_last_words(qemu, err);
	(void)qemu_close(qemu, 0, NULL);
	return r;
}

/* The first of each kind is the moment. */
static void note_byte(struct qemu *qemu, char byte, uint64_t now_ns)
{
	uint64_t *moment = byte == ENTRY_BYTE ? &qemu->kernel_ns : &qemu->first_byte_ns;

	if (!*moment)
		*moment = now_ns;
}

static void take_debug_bytes(struct qemu *qemu)
{
	char bytes[256];

	for (int reads = 0; reads < DEBUG_READS; reads++) {
		ssize_t n = recv(qemu->debug_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n > 0)
			qemu->last_byte_ns = clock_now_ns();
		for (ssize_t i = 0; i < n; i++)
			note_byte(qemu, bytes[i], qemu->last_byte_ns);
		if (n < (ssize_t)sizeof(bytes))
			return;
	}
}

void qemu_drain(struct qemu *qemu)
{
	take_debug_bytes(qemu);
	(void)console_drain(qemu->console);
}

/* It has ended: how, without reaping it yet. */
static int say_end(const struct qemu *qemu, struct tare_err *err)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)qemu->process.pidfd, &info, WEXITED | WNOWAIT | WNOHANG) < 0)
		return err_errno(err, "wait for %s", qemu->title);
	/* As a process 1 tells of another one. QEMU's own status is also the guest's to choose. */
	if (qemu->own_pids && info.si_code == CLD_EXITED && info.si_status > 128)
		info = (siginfo_t){.si_code = CLD_KILLED, .si_status = info.si_status - 128};
	if (info.si_code != CLD_EXITED)
		return err_set(err, EPIPE, "%s was killed by signal %d", qemu->title,
			       info.si_status);
	(void)console_drain(qemu->console);
	if (info.si_status == 0 && console_says(qemu->console, CONSOLE_PANIC))
		return err_set(err, EPIPE, "the guest's kernel panicked");
	if (info.si_status == 0)
		return err_set(err, EPIPE, "the guest's kernel restarted or powered off");
	if (info.si_status == QEMU_EXIT_FAILED)
		return err_set(err, EPIPE, "the guest's agent failed");
	if (info.si_status == QEMU_EXIT_CLEAN)
		return err_set(err, EPIPE, "the guest's agent ended the guest");
	return err_set(err, EPIPE, "%s ended with status %d", qemu->title, info.si_status);
}

/* The other side is closed and nothing is left to read. */
static bool is_drained(const struct pollfd *p)
{
	int left = 0;

	return (p->revents & (POLLHUP | POLLERR)) && ioctl(p->fd, FIONREAD, &left) == 0 && !left;
}

static int wait_once(struct qemu *qemu, struct pollfd fds[4], int timeout_ms, struct tare_err *err)
{
	int n = poll(fds, 4, timeout_ms);

	if (n < 0 && errno != EINTR)
		return err_errno(err, "poll");
	if (n <= 0)
		return 0;
	if (fds[3].revents)
		take_debug_bytes(qemu);
	if (fds[3].revents & (POLLHUP | POLLERR))
		fds[3].fd = -1;
	if (fds[2].revents && !console_drain(qemu->console))
		fds[2].fd = -1;
	/* Its sockets close a moment before it has ended: how it ended is the better answer. */
	if (fds[0].fd >= 0 && is_drained(&fds[0]))
		fds[0].fd = -1;
	else if (fds[0].revents)
		return 1;
	return fds[1].revents ? say_end(qemu, err) : 0;
}

int qemu_wait(struct qemu *qemu, int fd, short events, uint64_t deadline_ns, struct tare_err *err)
{
	struct pollfd fds[4] = {
		{.fd = fd, .events = events},
		{.fd = qemu->process.pidfd, .events = POLLIN},
		{.fd = console_fd(qemu->console), .events = POLLIN},
		{.fd = qemu->debug_fd, .events = POLLIN},
	};

	for (;;) {
		uint64_t now = clock_now_ns();
		int timeout = clock_left_ms(now, deadline_ns);
		int r = wait_once(qemu, fds, timeout, err);

		if (r)
			return r < 0 ? r : 0;
		if (timeout == 0)
			return err_set(err, ETIMEDOUT, "the guest does not answer");
	}
}

void qemu_add_last_words(struct qemu *qemu, struct tare_err *err)
{
	char words[160];

	if (!err || !qemu->console)
		return;
	(void)console_drain(qemu->console);
	if (*console_last_words(qemu->console, words, sizeof(words))) {
		size_t used = strlen(err->msg);

		/* Room for the words is worth more than the end of a long sentence. */
		if (used > sizeof(err->msg) - sizeof(words) - 16)
			used = sizeof(err->msg) - sizeof(words) - 16;
		(void)snprintf(err->msg + used, sizeof(err->msg) - used, "; its last words: %s",
			       words);
	}
}

static void close_all(struct qemu *qemu)
{
	int *fds[] = {&qemu->channel_fd, &qemu->stdio_fd, &qemu->pulse_fd, &qemu->debug_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] >= 0)
			(void)close(take_fd(fds[i]));
	qemu_threads_close(qemu);
	qmp_close(qemu->qmp);
	console_close(qemu->console);
	json_decref(qemu->pinning);
	json_decref(qemu->command_line);
	qemu->qmp = NULL;
	qemu->console = NULL;
	qemu->pinning = NULL;
	qemu->command_line = NULL;
}

int qemu_close(struct qemu *qemu, uint64_t deadline_ns, struct tare_err *err)
{
	int r = 0;

	/* A full console or debug port must not be what keeps it from ending. */
	if (qemu->process.pidfd >= 0 && deadline_ns)
		(void)qemu_wait(qemu, -1, 0, deadline_ns, NULL);
	if (qemu->process.pidfd >= 0)
		r = program_kill(&qemu->process, KILL_TIMEOUT_MS, err);
	if (qemu->process.pid && !qemu->gone_ns)
		qemu->gone_ns = clock_now_ns();
	close_all(qemu);
	return r;
}
