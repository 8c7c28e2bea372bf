/* SPDX-License-Identifier: MIT */
/* chroot: the container's root filesystem by chroot(2), and nothing else: what a root of its own
 * costs. */
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "box/box.h"
#include "box/common/mounts.h"
#include "box/common/root.h"
#include "box/common/rooted.h"
#include "box/common/spawn.h"

extern const struct box_ops box_ops_chroot;

struct chroot_box {
	struct box box;
	struct rooted rooted;
};

static const struct box_option options[] = {
	{"image", "NAME", IMAGED_NONE, "the root: of 'tare image list', or tare's own small one"},
	{"rootfs", "bind|copy", "bind", "root: read-only, or a copy of it"},
	{0},
};

static int try_enter(void *context, struct tare_err *err)
{
	int r = mounts_make_private(err);

	(void)context;
	return r == 0 ? root_try(false, false, err) : r;
}

static int chroot_probe(struct tare_err *err)
{
	const struct spawn spawn = {
		.box = "chroot", .clone_flags = CLONE_NEWNS, .inside = try_enter};
	struct box_process none;
	struct tare_err why = {0};

	if (geteuid() != 0)
		return err_set(err, ENOTSUP, "chroot: only root may change its root");
	return spawn_start(&spawn, NULL, &none, &why) < 0 ? err_set(err, ENOTSUP, "%s", why.msg)
							  : 0;
}

static enum rooted_kind kind_of(const struct box_config *config)
{
	bool copy = strcmp(box_option(&box_ops_chroot, config->options, "rootfs"), "copy") == 0;

	return copy ? ROOTED_COPY : ROOTED_READ_ONLY;
}

static int chroot_open(const struct box_config *config, struct box **ret, struct tare_err *err)
{
	struct chroot_box *c;
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "chroot: only root may change its root");
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, ENOMEM, "chroot: out of memory");
	r = box_check_options(&box_ops_chroot, config->options, err);
	if (r == 0)
		r = rooted_open(&box_ops_chroot, config, kind_of(config), &c->rooted, err);
	if (r < 0) {
		free(c);
		return r;
	}
	c->box.ops = &box_ops_chroot;
	c->box.image = c->rooted.imaged.given;
	*ret = &c->box;
	return 0;
}

static int chroot_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
			struct tare_err *err)
{
	const struct chroot_box *c = (const struct chroot_box *)box;

	return rooted_start(&c->rooted, exec, ret, err);
}

static int chroot_close(struct box *box, struct tare_err *err)
{
	struct chroot_box *c = (struct chroot_box *)box;
	int r = rooted_close(&c->rooted, err);

	free(c);
	return r;
}

const struct box_ops box_ops_chroot = {
	.name = "chroot",
	.summary = "the container's root filesystem by chroot(2), nothing else",
	.options = options,
	.has_root = true,
	.probe = chroot_probe,
	.open = chroot_open,
	.start = chroot_start,
	.close = chroot_close,
};
