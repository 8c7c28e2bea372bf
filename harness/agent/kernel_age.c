/* SPDX-License-Identifier: MIT */
#include "agent/kernel_age.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* A record begins "PRIORITY,SEQUENCE,MICROSECONDS,": Documentation/ABI/testing/dev-kmsg. Ours is
 * the first after the end, or somebody's who was as quick. */
uint64_t kernel_age_at_ns(uint64_t at_ns)
{
	static const char words[] = "<7>tare-agent: userspace has begun\n";
	cleanup_close int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	uint64_t now, log_ns, us;
	char text[1024];
	ssize_t n;

	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0 || write(fd, words, sizeof(words) - 1) < 0)
		return 0;
	now = clock_now_ns();
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
	if (sscanf(text, "%*[^,],%*[^,],%" SCNu64, &us) != 1)
		return 0;
	log_ns = us * NS_PER_US;
	return log_ns > now - at_ns ? log_ns - (now - at_ns) : 0;
}
