/* SPDX-License-Identifier: MIT */
/* What a QEMU that its guest has taken over may say: the greeting, answers, events. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "machine/vm/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t deadline = clock_now_ns() + NS_PER_S;
	struct qmp *qmp;
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	/* What the socket holds at once: QEMU never has to be waited for. */
	if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	if (write(fds[1], data, size) < 0 || shutdown(fds[1], SHUT_WR) < 0)
		abort();
	if (qmp_open(fds[0], deadline, &qmp, NULL) == 0) {
		json_t *ret = NULL;

		if (qmp_run(qmp, "query-migrate", NULL, deadline, &ret, NULL) == 0)
			json_decref(ret);
		(void)qmp_run(qmp, "cont", NULL, deadline, NULL, NULL);
		qmp_close(qmp);
	}
	(void)close(fds[1]);
	return 0;
}
