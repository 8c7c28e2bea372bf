/* SPDX-License-Identifier: MIT */
#pragma once
/* run_check: what of a campaign cannot be had here, found before anything is made. */

#include <stdbool.h>

struct campaign;
struct env_list;
struct limits;
struct tare_err;

/* A collector that cannot work on this kernel stops a run that asked for it by a flag (asked); of a
 * campaign's it is told, and the records say why it is missing. */
int run_check_collectors(const struct campaign *campaign, bool asked, struct tare_err *err);

/* Without root there is native without limits; the rest is -EPERM. */
int run_check_rights(const struct campaign *campaign, struct tare_err *err);
/* The same of these environments, and that each can be had here. */
int run_check_envs(const struct env_list *envs, const struct limits *limits, struct tare_err *err);
