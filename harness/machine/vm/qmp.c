/* SPDX-License-Identifier: MIT */
#include "machine/vm/qmp.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

/* query-* answers of a small guest have some hundred bytes. */
#define QMP_LINE_MAX  65536
#define QMP_LINES_MAX 1000 /* lines between a command and its answer */

struct qmp {
	int fd;
	uint64_t last_id;
	char version[32];
	size_t used;
	char buf[QMP_LINE_MAX];
};

static int wait_for(const struct qmp *qmp, short events, uint64_t deadline_ns, struct tare_err *err)
{
	struct pollfd p = {.fd = qmp->fd, .events = events};

	for (;;) {
		uint64_t now = clock_now_ns();
		int n;

		if (now >= deadline_ns)
			return err_set(err, ETIMEDOUT, "qmp: QEMU does not answer");
		n = poll(&p, 1, clock_left_ms(now, deadline_ns));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_errno(err, "qmp: poll");
	}
}

/* More bytes into the buffer. */
static int fill(struct qmp *qmp, uint64_t deadline_ns, struct tare_err *err)
{
	ssize_t n;
	int r;

	if (qmp->used == sizeof(qmp->buf))
		return err_set(err, EPROTO, "qmp: QEMU sent a line of more than %d bytes",
			       QMP_LINE_MAX);
	r = wait_for(qmp, POLLIN, deadline_ns, err);
	if (r < 0)
		return r;
	n = recv(qmp->fd, qmp->buf + qmp->used, sizeof(qmp->buf) - qmp->used, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return err_errno(err, "qmp: recv");
	if (n <= 0)
		return err_set(err, EPIPE, "qmp: QEMU closed the connection");
	qmp->used += (size_t)n;
	return 0;
}

/* The next line as an object. */
static int read_object(struct qmp *qmp, uint64_t deadline_ns, json_t **ret, struct tare_err *err)
{
	json_error_t why;
	json_t *object;
	char *end;

	while (!(end = memchr(qmp->buf, '\n', qmp->used))) {
		int r = fill(qmp, deadline_ns, err);

		if (r < 0)
			return r;
	}
	object = json_loadb(qmp->buf, (size_t)(end - qmp->buf), JSON_REJECT_DUPLICATES, &why);
	qmp->used -= (size_t)(end + 1 - qmp->buf);
	memmove(qmp->buf, end + 1, qmp->used);
	if (!json_is_object(object)) {
		json_decref(object);
		return err_set(err, EPROTO, "qmp: QEMU sent what is no JSON object: %.80s",
			       object ? "another type" : why.text);
	}
	*ret = object;
	return 0;
}

static int read_greeting(struct qmp *qmp, uint64_t deadline_ns, struct tare_err *err)
{
	cleanup_json json_t *greeting = NULL;
	int r = read_object(qmp, deadline_ns, &greeting, err);
	int major, minor, micro;

	if (r < 0)
		return r;
	if (json_unpack(greeting, "{s:{s:{s:{s:i,s:i,s:i}}}}", "QMP", "version", "qemu", "major",
			&major, "minor", &minor, "micro", &micro) < 0)
		return err_set(err, EPROTO, "qmp: no greeting of QEMU with its version");
	(void)snprintf(qmp->version, sizeof(qmp->version), "%d.%d.%d", major, minor, micro);
	return 0;
}

int qmp_open(int taken_fd, uint64_t deadline_ns, struct qmp **ret, struct tare_err *err)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int r;

	if (!qmp) {
		(void)close(taken_fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	qmp->fd = taken_fd;
	r = read_greeting(qmp, deadline_ns, err);
	if (r == 0)
		r = qmp_run(qmp, "qmp_capabilities", NULL, deadline_ns, NULL, err);
	if (r < 0) {
		qmp_close(qmp);
		return r;
	}
	*ret = qmp;
	return 0;
}

const char *qmp_version(const struct qmp *qmp)
{
	return qmp->version;
}

static int send_text(struct qmp *qmp, char *text, int passed_fd, uint64_t deadline_ns,
		     struct tare_err *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	size_t size = strlen(text), done = 0;

	while (done < size) {
		struct iovec part = {.iov_base = text + done, .iov_len = size - done};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t n;
		int r = wait_for(qmp, POLLOUT, deadline_ns, err);

		if (r < 0)
			return r;
		if (passed_fd >= 0 && done == 0) {
			message.msg_control = &control;
			message.msg_controllen = sizeof(control.space);
			control.header.cmsg_level = SOL_SOCKET;
			control.header.cmsg_type = SCM_RIGHTS;
			control.header.cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
		}
		n = sendmsg(qmp->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_errno(err, "qmp: send");
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Until the answer with that id. Events and stale answers are passed over. */
static int read_answer(struct qmp *qmp, const char *command, uint64_t deadline_ns, json_t **ret,
		       struct tare_err *err)
{
	for (int i = 0; i < QMP_LINES_MAX; i++) {
		cleanup_json json_t *line = NULL;
		int r = read_object(qmp, deadline_ns, &line, err);

		if (r < 0)
			return r;
		if (json_u64_or(line, "id", 0) != qmp->last_id)
			continue;
		if (json_object_get(line, "return")) {
			if (ret)
				*ret = json_incref(json_object_get(line, "return"));
			return 0;
		}
		return err_set(err, EREMOTEIO, "qmp: QEMU refuses '%s': %.120s", command,
			       json_string_or(json_object_get(line, "error"), "desc",
					      "it does not say why"));
	}
	return err_set(err, EPROTO, "qmp: QEMU sent %d lines, but no answer to '%s'", QMP_LINES_MAX,
		       command);
}

static int run(struct qmp *qmp, const char *command, json_t *taken_arguments, int passed_fd,
	       uint64_t deadline_ns, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *request = json_pack("{ss so* sI}", "execute", command, "arguments",
						 taken_arguments, "id", (json_int_t)++qmp->last_id);
	cleanup_free char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int r;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	r = send_text(qmp, text, passed_fd, deadline_ns, err);
	return r < 0 ? r : read_answer(qmp, command, deadline_ns, ret, err);
}

int qmp_run(struct qmp *qmp, const char *command, json_t *taken_arguments, uint64_t deadline_ns,
	    json_t **ret, struct tare_err *err)
{
	return run(qmp, command, taken_arguments, -1, deadline_ns, ret, err);
}

int qmp_send_fd(struct qmp *qmp, const char *name, int fd, uint64_t deadline_ns,
		struct tare_err *err)
{
	return run(qmp, "getfd", json_pack("{ss}", "fdname", name), fd, deadline_ns, NULL, err);
}

void qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return;
	(void)close(qmp->fd);
	free(qmp);
}
