/* SPDX-License-Identifier: MIT */
#pragma once
/* encode: the name of an event into what perf_event_open(2) wants, by libpfm4.
 *
 * On its own, since perfmon/pfmlib_perf_event.h and linux/perf_event.h define the same things and
 * cannot be in one file. That a name is encoded says nothing of the machine having it:
 * libpfm4 goes by the CPU's model, also where a hypervisor hides the counters. */

#include <stdbool.h>
#include <stdint.h>

struct tare_err;

struct encoded_event {
	uint32_t type;
	uint64_t config, config1, config2;
	bool exclude_user, exclude_kernel, exclude_hv, exclude_guest, exclude_host;
};

/* A tracepoint is SYSTEM/NAME or SYSTEM:NAME; libpfm4 knows them only where debugfs is mounted, so
 * that they are looked up by ourselves. -ENOENT: there is no such event as far as can be seen
 * here. -EINVAL: there is, but not with these modifiers. -ENOTSUP: it cannot be told. */
int encode_event(const char *name, struct encoded_event *ret, struct tare_err *err);
