/* SPDX-License-Identifier: MIT */
#include "machine/vm/balloon.h"

#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/qemu.h"
#include "machine/vm/qmp.h"

#define MIB       (1ULL << 20)
#define PAUSE_NS  5000000
#define ANSWER_NS (10 * NS_PER_S)

int balloon_read(const struct qemu *qemu, uint64_t deadline_ns, uint64_t *ret_bytes,
		 struct tare_err *err)
{
	cleanup_json json_t *info = NULL;
	int r = qmp_run(qemu->qmp, "query-balloon", NULL, deadline_ns, &info, err);

	return r < 0 ? r
		     : err_wrap(err, json_read_u64(info, "actual", ret_bytes, err),
				"qmp: query-balloon");
}

int balloon_hold_down(struct qemu *qemu, uint64_t bytes, uint64_t deadline_ns, uint64_t *ret_bytes,
		      struct tare_err *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	/* That QEMU does not answer is another thing than that the guest does not come down. */
	uint64_t answer_ns = deadline_ns + ANSWER_NS;
	int r = qmp_run(qemu->qmp, "balloon", json_pack("{so}", "value", json_u64(bytes)),
			answer_ns, NULL, err);

	for (;;) {
		if (r == 0)
			r = balloon_read(qemu, answer_ns, ret_bytes, err);
		if (r < 0 || *ret_bytes <= bytes)
			return r;
		if (clock_now_ns() > deadline_ns)
			return err_set(err, ETIME,
				       "balloon=on: the guest was to give memory back until it has "
				       "%llu MiB, and still has %llu MiB: it needs more than that, "
				       "its kernel has no virtio_balloon, or it is too slow "
				       "(silence=)",
				       (unsigned long long)(bytes / MIB),
				       (unsigned long long)(*ret_bytes / MIB));
		/* A guest that writes to a port that nobody reads would stand still. */
		qemu_drain(qemu);
		(void)nanosleep(&pause, NULL);
	}
}
