/* SPDX-License-Identifier: MIT */
#pragma once
/* user: the numbers of an image's `User`, by the image's own /etc/passwd and /etc/group. */

#include <sys/types.h>

struct tare_err;

#define USER_HOME_SIZE 256

struct user {
	uid_t uid;
	gid_t gid;
	char home[USER_HOME_SIZE];
};

/* text: "", NAME, UID, NAME:GROUP, UID:GID; root_fd shows the image. -ENOENT: nobody has it. */
int user_find(int root_fd, const char *text, struct user *ret, struct tare_err *err);
