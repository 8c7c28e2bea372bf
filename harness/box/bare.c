/* SPDX-License-Identifier: MIT */
/* bare: no box at all: a process of the kernel as any other, in the same cgroup as a boxed one. */
#include <stdlib.h>

#include "base/err.h"
#include "box/box.h"
#include "box/common/controllers.h"
#include "box/common/spawn.h"

extern const struct box_ops box_ops_bare;

static const struct box_option options[] = {
	{CONTROLLERS_OPTION, CONTROLLERS_VALUES, "none", "cgroup controllers it has a group of"},
	{0},
};

struct bare {
	struct box box;
	const struct box_place *place;
};

static int bare_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

static int bare_open(const struct box_config *config, struct box **ret, struct tare_err *err)
{
	struct bare *bare = calloc(1, sizeof(*bare));

	if (!bare)
		return err_set(err, ENOMEM, "bare: out of memory");
	bare->box.ops = &box_ops_bare;
	bare->place = config->place;
	*ret = &bare->box;
	return 0;
}

static int bare_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
		      struct tare_err *err)
{
	const struct bare *bare = (const struct bare *)box;
	const struct spawn spawn = {.box = "bare", .journal = bare->place->journal};

	return spawn_start(&spawn, exec, ret, err);
}

static int bare_close(struct box *box, struct tare_err *err)
{
	(void)err;
	free(box);
	return 0;
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
