/* SPDX-License-Identifier: MIT */
#include "machine/vm/pulse.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"

void pulse_init(struct pulse *pulse, int fd, uint64_t interval_ns)
{
	*pulse = (struct pulse){.fd = fd, .interval_ns = interval_ns};
	pulse_rest(pulse);
}

void pulse_rest(struct pulse *pulse)
{
	pulse->missed = 0;
	pulse->next_ns = pulse->interval_ns ? clock_now_ns() + pulse->interval_ns : UINT64_MAX;
}

/* More than a few bytes are none that were asked for: left where they hold up only their port. */
static bool has_answered(int fd)
{
	char bytes[64];

	return recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0;
}

int pulse_look(struct pulse *pulse, struct tare_err *err)
{
	uint64_t now = clock_now_ns();

	if (now < pulse->next_ns)
		return 0;
	pulse->next_ns = now + pulse->interval_ns;
	if (has_answered(pulse->fd))
		pulse->missed = 0;
	if (pulse->missed >= PULSE_MISSED_MAX)
		return err_set(err, ETIMEDOUT,
			       "the guest hangs: no sign of life in answer to %d questions in "
			       "%.0f s",
			       PULSE_MISSED_MAX,
			       (double)(PULSE_MISSED_MAX * pulse->interval_ns) / 1e9);
	pulse->missed++;
	/* A full socket is a guest that takes nothing: one that is missed. */
	(void)send(pulse->fd, "?", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	return 0;
}
