/* SPDX-License-Identifier: MIT */
#pragma once
/* pty: a terminal for one command, of a devpts of its own where its box has a /dev of its own: the
 * box shows that as /dev/pts, so that the command finds its terminal by name too. */

struct tare_err;
struct trial_spec;

struct pty {
	int master_fd;
	int slave_fd;  /* the command's 0, 1 and 2 */
	int devpts_fd; /* to be given to the box; -1: it is of the machine's own devpts */
};

int pty_open(const struct trial_spec *spec, struct pty *ret, struct tare_err *err);
/* The command has its own. */
void pty_close_theirs(struct pty *pty);
/* The kernel sends SIGWINCH to the terminal's foreground group. */
void pty_resize(int master_fd, unsigned short rows, unsigned short columns);
