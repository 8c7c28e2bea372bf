/* SPDX-License-Identifier: MIT */
#include "machine/vm/footprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "machine/vm/channel.h"
#include "machine/vm/guest.h"

#define KIB 1024

struct host_memory {
	uint64_t beyond, guest; /* KiB of PSS */
};

/* The guest's memory has a mapping with a name of its own: QEMU's memfd, or a snapshot's file, by
 * the descriptor that qemu_args.c gives. */
static bool is_guest_memory(const char *line)
{
	return strstr(line, "/memfd:memory-backend-memfd") || strstr(line, "/guest/snapshots/");
}

/* A mapping's line begins with its address, "7f12-7f13 rw-p ..."; one about it with "Name:".
 * Huge pages of the host are in no PSS. */
static int read_smaps(pid_t pid, struct host_memory *ret, struct tare_err *err)
{
	cleanup_fclose FILE *file = NULL;
	cleanup_free char *line = NULL;
	bool guest = false;
	size_t room = 0;
	char path[64];

	*ret = (struct host_memory){0};
	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "re");
	if (!file)
		return err_errno(err, "open '%s'", path);
	while (getline(&line, &room, file) > 0) {
		uint64_t kib;

		if (line[strcspn(line, " :")] == ' ')
			guest = is_guest_memory(line);
		/* NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers */
		else if (sscanf(line, "Pss: %" SCNu64 " kB", &kib) == 1 ||
			 /* NOLINTNEXTLINE(cert-err34-c) */
			 sscanf(line, "Private_Hugetlb: %" SCNu64 " kB", &kib) == 1)
			*(guest ? &ret->guest : &ret->beyond) += kib;
	}
	return 0;
}

int footprint_read(struct guest *guest, uint64_t deadline_ns, json_t **ret, struct tare_err *err)
{
	cleanup_json json_t *inside = NULL;
	struct host_memory memory = {0};
	int r = channel_call(guest->channel, "footprint", NULL, deadline_ns, &inside, err);

	if (r == 0)
		r = read_smaps(guest->qemu.process.pid, &memory, err);
	if (r < 0)
		return r;
	*ret = json_pack("{so so so}", "beyond_guest_bytes", json_u64(memory.beyond * KIB),
			 "guest_bytes", json_u64(memory.guest * KIB), "agent_rss_bytes",
			 json_u64(json_u64_or(inside, "rss_bytes", 0)));
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}
