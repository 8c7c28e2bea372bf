/* SPDX-License-Identifier: MIT */
#include "trial/pty.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "box/box.h"
#include "box/common/dev.h"
#include "trial/trial.h"

static bool has_own_dev(const struct trial_spec *spec)
{
	const struct box_ops *ops;

	return box_find(spec->box, &ops, NULL) == 0 && ops->has_root &&
	       strcmp(json_string_or(spec->options, "rootfs", ""), "host") != 0;
}

int pty_open(const struct trial_spec *spec, struct pty *ret, struct tare_err *err)
{
	/* Without privileges the box makes one by itself, which does not know this terminal. */
	cleanup_close int devpts = has_own_dev(spec) ? dev_new_devpts(NULL) : -1;
	cleanup_close int master = devpts >= 0
					   ? openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
					   : posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cleanup_close int slave = -1;

	if (master < 0 || unlockpt(master) < 0)
		return err_errno(err, "make a terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(err, "open the terminal");
	*ret = (struct pty){.master_fd = take_fd(&master),
			    .slave_fd = take_fd(&slave),
			    .devpts_fd = devpts < 0 ? -1 : take_fd(&devpts)};
	return 0;
}

void pty_close_theirs(struct pty *pty)
{
	cleanup_closep(&pty->slave_fd);
	cleanup_closep(&pty->devpts_fd);
	pty->slave_fd = pty->devpts_fd = -1;
}

void pty_resize(int master_fd, unsigned short rows, unsigned short columns)
{
	const struct winsize size = {.ws_row = rows, .ws_col = columns};

	(void)ioctl(master_fd, TIOCSWINSZ, &size);
}
