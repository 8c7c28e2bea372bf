/* SPDX-License-Identifier: MIT */
/* rootfs-mode: same: the host's environments have their /work on a disk like the guests'. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/units.h"
#include "engine/campaign_internal.h"
#include "machine/machine.h"

/* Of the guests' disks. */
struct disk_size {
	const struct env_choice *of; /* the first guest; NULL: none yet */
	const char *text;            /* of its options; NULL: it is given none */
	uint64_t bytes;
};

static int take_size(const struct env_choice *env, struct disk_size *size, struct tare_err *err)
{
	const struct machine_ops *ops;
	const char *text;
	uint64_t bytes;
	int r = machine_find(env->machine, &ops, err);

	if (r < 0)
		return r;
	text = machine_option(ops, env->machine_options, "disk");
	if (!text)
		return 0;
	r = units_parse_size("option disk", text, &bytes, err);
	if (r < 0)
		return err_wrap(err, r, "environment '%s'", env->label);
	if (!size->of)
		*size = (struct disk_size){env, json_string_or(env->machine_options, "disk", NULL),
					   bytes};
	if (size->bytes == bytes)
		return 0;
	return err_set(err, EINVAL,
		       "rootfs-mode same: the work disk of '%.40s' has another size (%.20s) than "
		       "that of '%.40s': give both the same disk=",
		       env->label, text, size->of->label);
}

/* What asks for a folder by name is another thing than what it is compared with. */
static int check_asked(const struct env_choice *env, struct tare_err *err)
{
	const char *work = json_string_or(env->machine_options, "work", "loop");

	if (strcmp(work, "loop") == 0)
		return 0;
	return err_set(err, EINVAL, "rootfs-mode same: '%.60s' asks for work=%.20s", env->label,
		       work);
}

static bool is_on_host(const struct env_choice *env)
{
	return strcmp(env->machine, "host") == 0;
}

static int find_size(const struct campaign *campaign, struct disk_size *ret, struct tare_err *err)
{
	*ret = (struct disk_size){0};
	for (size_t g = 0; g < campaign->n_groups; g++) {
		const struct env_list *envs = &campaign->groups[g].envs;

		for (size_t i = 0; i < envs->n; i++) {
			const struct env_choice *env = &envs->items[i];
			int r = is_on_host(env) ? check_asked(env, err) : take_size(env, ret, err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int campaign_check_rootfs(const struct campaign *campaign, struct tare_err *err)
{
	struct disk_size size;

	return campaign->same_rootfs ? find_size(campaign, &size, err) : 0;
}

json_t *campaign_machine_options(const struct campaign *campaign, const struct env_choice *env)
{
	struct disk_size size;
	json_t *options;

	if (!campaign->same_rootfs || !is_on_host(env) || find_size(campaign, &size, NULL) < 0)
		return json_incref(env->machine_options);
	options = json_deep_copy(env->machine_options);
	(void)json_put(options, "work", json_string("loop"));
	if (size.text && !json_object_get(options, "disk"))
		(void)json_put(options, "disk", json_string(size.text));
	return options;
}

int campaign_parse_rootfs(const char *what, const char *text, bool *ret_same, struct tare_err *err)
{
	*ret_same = strcmp(text, "same") == 0;
	if (*ret_same || strcmp(text, "own") == 0)
		return 0;
	return err_set(err, EINVAL,
		       "%s: '%.40s' is neither own (/work is what each environment has) nor same "
		       "(the host's have a disk as the guests')",
		       what, text);
}
