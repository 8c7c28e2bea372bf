/* SPDX-License-Identifier: MIT */
/* The folder under test, where runs go, and the programs that are called. */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/doctor/doctor.h"
#include "kernel/program.h"

#define SPACE_MIN (1ULL << 30)

static void check_filesystem(struct doctor *doctor, const char *folder)
{
	struct statfs fs;

	if (statfs(folder, &fs) < 0) {
		doctor_say(doctor, DOCTOR_BLOCKED, "work folder", NULL, "'%s': %m", folder);
		return;
	}
	if (fs.f_type == EXT4_SUPER_MAGIC)
		doctor_say(doctor, DOCTOR_OK, "work folder", NULL, "'%s' is on ext4", folder);
	else
		doctor_say(doctor, DOCTOR_DEGRADED, "work folder",
			   "set XDG_CACHE_HOME to a folder on ext4",
			   "'%s' is not on ext4, which guests have: their I/O figures cannot be "
			   "compared",
			   folder);
}

static void check_direct(struct doctor *doctor, const char *folder)
{
	cleanup_close int fd = open(folder, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);

	if (fd >= 0)
		doctor_say(doctor, DOCTOR_OK, "direct I/O", NULL, "O_DIRECT works there");
	else
		doctor_say(doctor, DOCTOR_DEGRADED, "direct I/O", NULL,
			   "O_DIRECT does not work there (%m): io-stream,direct=on will fail");
}

static void check_space(struct doctor *doctor, const char *name, const char *folder)
{
	struct statvfs fs;
	char text[32];
	double space;

	if (statvfs(folder, &fs) < 0)
		return;
	space = (double)fs.f_bavail * (double)fs.f_frsize;
	doctor_say(doctor, space < SPACE_MIN ? DOCTOR_DEGRADED : DOCTOR_OK, name,
		   space < SPACE_MIN ? "make room" : NULL, "%s free for '%s'",
		   units_print_bytes(space, text, sizeof(text)), folder);
}

/* The nearest folder above that there is: nothing is made for a look. */
static char *existing(const char *path)
{
	char *copy = path[0] == '/' ? strdup(path) : text_format("./%s", path);

	while (copy && access(copy, F_OK) < 0) {
		char *slash = strrchr(copy, '/');

		if (!slash || slash == copy) {
			copy[slash ? 1 : 0] = '\0';
			break;
		}
		*slash = '\0';
	}
	return copy;
}

void doctor_storage(struct doctor *doctor)
{
	cleanup_free char *cache = existing(doctor->places->cache_dir);
	cleanup_free char *results = existing(doctor->places->results_dir);

	if (!cache || !results)
		return;
	check_filesystem(doctor, cache);
	check_direct(doctor, cache);
	check_space(doctor, "cache", cache);
	check_space(doctor, "results", results);
	if (access(results, W_OK) < 0)
		doctor_say(doctor, DOCTOR_BLOCKED, "runs", "tare run -o DIR",
			   "'%s' cannot be written: %m", results);
}

struct tool {
	const char *name, *package, *lost;
	enum doctor_state without;
};

static const struct tool tools[] = {
	{"qemu-system-x86_64", "qemu-system-x86", "no guests", DOCTOR_BLOCKED},
	{"gnuplot", "gnuplot-nox", "reports have no plots", DOCTOR_DEGRADED},
	{"mkfs.ext4", "e2fsprogs", "no guest images can be made", DOCTOR_DEGRADED},
	{"lz4", "lz4", "kernels packed with LZ4 cannot be unpacked", DOCTOR_DEGRADED},
	{NULL, NULL, NULL, DOCTOR_OK},
};

void doctor_tools(struct doctor *doctor)
{
	for (const struct tool *t = tools; t->name; t++) {
		char path[256], advice[64];
		struct tare_err why = {0};

		if (program_find(t->name, t->package, path, sizeof(path), &why) == 0) {
			doctor_say(doctor, DOCTOR_OK, t->name, NULL, "%s", path);
			continue;
		}
		(void)snprintf(advice, sizeof(advice), "apt install %s", t->package);
		doctor_say(doctor, t->without, t->name, advice, "not here: %s", t->lost);
	}
}
