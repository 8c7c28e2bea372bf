/* SPDX-License-Identifier: MIT */
#include "box/common/controllers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

static int find_bit(const char *name, size_t length, unsigned int *ret, struct tare_err *err)
{
	const char *names[CGROUP_N_CONTROLLERS + 1] = {0};
	char given[32], hint[TEXT_HINT_SIZE];

	for (int c = 0; c < CGROUP_N_CONTROLLERS; c++) {
		names[c] = cgroup_controller_name((enum cgroup_controller)c);
		if (strlen(names[c]) == length && memcmp(names[c], name, length) == 0) {
			*ret |= CGROUP_BIT(c);
			return 0;
		}
	}
	(void)snprintf(given, sizeof(given), "%.*s", length < 31 ? (int)length : 31, name);
	return err_set(err, EINVAL, "controllers: '%s' is no cgroup controller%s", given,
		       text_hint(given, names, hint, sizeof(hint)));
}

int controllers_choose(const struct box_ops *ops, const json_t *options, unsigned int *ret,
		       bool *ret_named, struct tare_err *err)
{
	const char *given = box_option(ops, options, CONTROLLERS_OPTION);

	*ret = ops->controllers;
	*ret_named = false;
	if (!given)
		return 0;
	*ret = strcmp(given, "all") == 0 ? CONTROLLERS_ALL : 0;
	if (*ret || strcmp(given, "none") == 0)
		return 0;
	*ret_named = true;
	for (const char *at = given; *at;) {
		size_t length = strcspn(at, "+");
		int r = find_bit(at, length, ret, err);

		if (r < 0)
			return r;
		at += length + (at[length] == '+');
	}
	return 0;
}

bool controllers_no_group(const struct box_ops *ops, const json_t *options)
{
	const char *cgroup = box_option(ops, options, "cgroup");

	return cgroup && strcmp(cgroup, "off") == 0;
}
