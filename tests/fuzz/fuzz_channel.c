/* SPDX-License-Identifier: MIT */
/* What a guest may say: the hello, then answers to every call. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "machine/vm/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "{\"hello\":{}}\n";
	const struct play_request request = {.kind = PLAY_SLICE, .iters = 1};
	uint64_t deadline = clock_now_ns() + NS_PER_S;
	struct channel *channel = NULL;
	struct channel_clock clock;
	struct trial_slice slice;
	json_t *record = NULL;
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	/* What the socket holds at once is enough: the channel never waits for more. */
	if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	if (write(fds[1], hello, sizeof(hello) - 1) < 0 || write(fds[1], data, size) < 0 ||
	    shutdown(fds[1], SHUT_WR) < 0)
		abort();
	if (channel_open(fds[0], deadline, &channel, NULL) < 0)
		abort();
	(void)channel_ping(channel, 1, deadline, &clock, NULL);
	(void)channel_slice(channel, 0, &request, deadline, &slice, NULL);
	if (channel_finish(channel, 0, deadline, &record, NULL) == 0)
		json_decref(record);
	channel_close(channel);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return 0;
}
