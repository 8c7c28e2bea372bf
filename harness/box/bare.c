/* SPDX-License-Identifier: MIT */
/* bare: no box at all: a process of the kernel as any other, in the same cgroup as a boxed one. In
 * a guest, whose own root is only there to start with, it may have an image as its root: as a
 * container has it, and nothing else of one. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "box/box.h"
#include "box/common/controllers.h"
#include "box/common/rooted.h"
#include "box/common/spawn.h"

extern const struct box_ops box_ops_bare;

static const struct box_option options[] = {
	{CONTROLLERS_OPTION, CONTROLLERS_VALUES, "none", "cgroup controllers it has a group of"},
	{"image", "NAME", IMAGED_NONE, "in a guest: the root, of 'tare image list'"},
	{0},
};

struct bare {
	struct box box;
	const struct box_place *place;
	struct rooted rooted; /* if there is an image */
};

static int bare_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

static int take_image(const struct box_config *config, struct bare *bare, struct tare_err *err)
{
	const char *image = box_option(&box_ops_bare, config->options, "image");

	if (strcmp(image, IMAGED_NONE) == 0)
		return 0;
	if (!config->place->in_guest)
		return err_set(
			err, EINVAL,
			"image=%.60s: natively the root is the host's: use chroot,image=%.60s "
			"or container,image=%.60s",
			image, image, image);
	bare->box.image = true;
	return rooted_open(&box_ops_bare, config, ROOTED_OVERLAY, &bare->rooted, err);
}

static int bare_open(const struct box_config *config, struct box **ret, struct tare_err *err)
{
	struct bare *bare = calloc(1, sizeof(*bare));
	int r;

	if (!bare)
		return err_set(err, ENOMEM, "bare: out of memory");
	bare->box.ops = &box_ops_bare;
	bare->place = config->place;
	r = take_image(config, bare, err);
	if (r < 0) {
		free(bare);
		return r;
	}
	*ret = &bare->box;
	return 0;
}

static int bare_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
		      struct tare_err *err)
{
	const struct bare *bare = (const struct bare *)box;
	const struct spawn spawn = {.box = "bare", .journal = bare->place->journal};

	return box->image ? rooted_start(&bare->rooted, exec, ret, err)
			  : spawn_start(&spawn, exec, ret, err);
}

static int bare_close(struct box *box, struct tare_err *err)
{
	struct bare *bare = (struct bare *)box;
	int r = box->image ? rooted_close(&bare->rooted, err) : 0;

	free(bare);
	return r;
}

const struct box_ops box_ops_bare = {
	.name = "bare",
	.summary = "no box: the process as the kernel runs any other",
	.options = options,
	.probe = bare_probe,
	.open = bare_open,
	.start = bare_start,
	.close = bare_close,
};
