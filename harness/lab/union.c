/* SPDX-License-Identifier: MIT */
/* union: a root filesystem of shared layers, what a write to it costs, and what a copy costs. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/err.h"
#include "base/json.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/inside.h"
#include "lab/run/show.h"
#include "lab/run/tree.h"
#include "lab/run/work.h"
#include "report/doc.h"

extern const struct lab_ops lab_ops_union; /* in the generated table */

#define ROUNDS       10
#define QUICK_ROUNDS 6
#define TOTAL        (TREE_FILES * TREE_FILE_MIB)
#define OVERLAY      "container,image=" TREE_IMAGE
#define MIB          (1024.0 * 1024.0)
#define NS_PER_MS_F  1e6

static int probe(const char *cache_dir, const char *image, struct tare_err *err)
{
	(void)cache_dir;
	(void)image;
	return tree_probe(err);
}

/* What is used of the filesystem that the store, and a copy made of it, are on. */
struct disk {
	const char *path;
	double used_mib;
};

static void look_at_disk(void *context)
{
	struct disk *disk = context;
	struct statvfs s;

	disk->used_mib = statvfs(disk->path, &s) < 0
				 ? NAN
				 : (double)(s.f_blocks - s.f_bfree) * (double)s.f_frsize / MIB;
}

/* The second column but one of df's second line, KiB in use: of the box's own layer. */
static double used_inside(const char *text)
{
	const char *line = strchr(text, '\n');
	double blocks = NAN, used = NAN;

	if (!line || sscanf(line, "%*s %lf %lf", &blocks, &used) != 2) /* NOLINT(cert-err34-c) */
		return NAN;
	return used / 1024;
}

/* A box that does nothing: how long it takes, and what of the disk it has while it is there. */
static int play_idle(const struct lab_work *work, const char *env, const char *name, json_t *round,
		     struct tare_err *err)
{
	struct disk before = {.path = work->site.cache_dir}, during = before;
	struct lab_inside inside = {.env = env,
				    .script = "df -k /\necho\necho " LAB_READY "\nread x || :",
				    .look = look_at_disk,
				    .context = &during};
	char key[48];
	int r;

	look_at_disk(&before);
	r = lab_inside(work, &inside, err);
	if (r < 0)
		return r;
	(void)snprintf(key, sizeof(key), "%s_ms", name);
	(void)json_put(round, key, json_number((double)inside.ns / NS_PER_MS_F));
	(void)snprintf(key, sizeof(key), "%s_disk_mib", name);
	(void)json_put(round, key, json_number(during.used_mib - before.used_mib));
	(void)snprintf(key, sizeof(key), "%s_own_mib", name);
	(void)json_put(round, key, json_number(used_inside(inside.text)));
	return 0;
}

/* A byte into each file of the layer below. */
static int play_write(const struct lab_work *work, json_t *round, struct tare_err *err)
{
	struct lab_inside inside = {
		.env = OVERLAY,
		.script =
			"for f in /f*; do echo >>$f || exit 1; done\ndf -k /\necho\necho " LAB_READY
			"\nread x || :"};
	int r = lab_inside(work, &inside, err);

	if (r < 0)
		return r;
	(void)json_put(round, "write_ms", json_number((double)inside.ns / NS_PER_MS_F));
	(void)json_put(round, "write_own_mib", json_number(used_inside(inside.text)));
	return 0;
}

/* Each way once; the one that begins changes from round to round. */
static int play_round(const struct lab_work *work, unsigned int number, json_t *round,
		      struct tare_err *err)
{
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < 4; i++) {
		switch ((number + i) % 4) {
		case 0:
			r = play_idle(work, OVERLAY, "overlay", round, err);
			break;
		case 1:
			r = play_idle(work, OVERLAY ",rootfs=bind", "bind", round, err);
			break;
		case 2:
			r = play_idle(work, OVERLAY ",rootfs=copy", "copy", round, err);
			break;
		default:
			r = play_write(work, round, err);
		}
	}
	return r;
}

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	cleanup_json json_t *rounds = json_array(), *seen = NULL;
	unsigned int n = work->quick ? QUICK_ROUNDS : ROUNDS;
	int r = tree_image(work, err);

	for (unsigned int i = 0; r == 0 && i < n; i++) {
		json_t *round = json_object();

		work->say("a round of four boxes");
		(void)json_array_append_new(rounds, round);
		r = play_round(work, (unsigned int)work->seed % 4 + i, round, err);
		if (r == 0 && *work->interrupted)
			r = err_set(err, EINTR, "the experiment was interrupted: begin it anew");
	}
	if (r < 0)
		return r;
	seen = json_pack("{s:i, s:i, s:i, s:O}", "files", TREE_FILES, "file_mib", TREE_FILE_MIB,
			 "planned", (int)n, "rounds", rounds);
	return seen ? lab_keep_seen(work, seen, err) : err_set(err, ENOMEM, "out of memory");
}

static const struct {
	struct lab_figure named;
	const char *a, *b;
} wanted[] = {
	{{.name = "own-before",
	  .what = "what a box by overlay has of its own before it writes",
	  .unit = "MiB"},
	 "overlay_own_mib",
	 NULL},
	{{.name = "own-after",
	  .what = "what it has after a byte was written into each file",
	  .unit = "MiB",
	  .note = "tare keeps that layer in memory"},
	 "write_own_mib",
	 NULL},
	{{.name = "copy-disk",
	  .what = "disk that a box with a copy of the root takes",
	  .unit = "MiB",
	  .note = "others may have written meanwhile"},
	 "copy_disk_mib",
	 NULL},
	{{.name = "copy-to-overlay",
	  .what = "life of a box that copies its root, to one by overlay",
	  .unit = "times"},
	 "copy_ms",
	 "overlay_ms"},
	{{.name = "bind-to-overlay",
	  .what = "life of a box with a root that cannot be written, to one by overlay",
	  .unit = "times"},
	 "bind_ms",
	 "overlay_ms"},
	{{.name = "write-to-idle",
	  .what = "life of a box that writes those bytes, to one that does not write",
	  .unit = "times"},
	 "write_ms",
	 "overlay_ms"},
};

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	const json_t *rounds = json_object_get(data->seen, "rounds");
	enum lab_outcome parts[3];
	char after[120], slower[120];

	ret->planned = json_u64_or(data->seen, "planned", 0);
	ret->done = json_array_size(rounds);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		struct location location;
		int r = lab_rounds_location(rounds, wanted[i].a, wanted[i].b, &location, NULL);

		if (r == -ENOMEM)
			return err_set(err, ENOMEM, "out of memory");
		if (r == 0)
			lab_add_location(ret, &wanted[i].named, &location, wanted[i].b != NULL);
	}
	parts[0] = lab_within(lab_figure_of(ret, "own-before"), 0, 1);
	parts[1] = lab_within(lab_figure_of(ret, "own-after"), TOTAL, TOTAL + 1);
	parts[2] = lab_within(lab_figure_of(ret, "copy-to-overlay"), 1, 1e9);
	ret->outcome = LAB_CONFIRMED;
	for (size_t i = 0; i < 3; i++) {
		if (parts[i] == LAB_REFUTED)
			ret->outcome = LAB_REFUTED;
		else if (parts[i] != LAB_CONFIRMED && ret->outcome == LAB_CONFIRMED)
			ret->outcome = LAB_NOT_RESOLVED;
	}
	ret->number = json_double_or(lab_figure_of(ret, "own-after"), "value", NAN);
	lab_say_verdict(
		ret,
		"after %d bytes were written the box's own layer has %s, and a box that "
		"copies its root lives %s as long",
		TREE_FILES, lab_figure_text(lab_figure_of(ret, "own-after"), after, sizeof(after)),
		lab_figure_text(lab_figure_of(ret, "copy-to-overlay"), slower, sizeof(slower)));
	return 0;
}

const struct lab_ops lab_ops_union = {
	.name = "union",
	.summary = "union and copy on write: a shared root, and what a write to it costs",
	.aim = "See why a thousand containers of one image do not need a thousand copies of it.",
	.background =
		"An image is a list of layers, each a folder. A union filesystem (overlayfs) shows "
		"them as one tree: the topmost layer that has a name wins. The layers are shared "
		"and "
		"never written to; each box has one more on top, empty at first. Who opens a file "
		"of "
		"a layer below for writing gets a copy of that file in the box's own layer first: "
		"copy "
		"on write, by whole files. The other ways are a root that cannot be written at all "
		"(bind), and a copy of everything for each box.",
	.question =
		"The image has 8 files of 8 MiB. A box on it, by overlayfs, appends one byte to "
		"each of them. How many MiB does the box's own layer have then?",
	.unit = "MiB",
	.least = 1e-6,
	.most = 1e6,
	.factor = 1.25,
	.claim = "A box by overlayfs has nothing of its own until it writes, then copies whole "
		 "files, "
		 "and is gone sooner than one that copies its root.",
	.discuss = "A database keeps one large file. Would you have it in the image's layer? What "
		   "would a filesystem that copies blocks instead of files (btrfs, ZFS) change?",
	.probe = probe,
	.carry_out = carry_out,
	.judge = judge,
};
