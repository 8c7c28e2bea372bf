/* SPDX-License-Identifier: MIT */
/* rootfs-mode: same: every environment's /work is the same kind of disk. */
#include "campaign_scene.h"

#include <errno.h>

#include "base/json.h"

static const struct env_choice *env_of(const struct campaign *c, const char *label)
{
	const struct env_list *envs = &c->groups[0].envs;

	for (size_t i = 0; i < envs->n; i++)
		if (strcmp(envs->items[i].label, label) == 0)
			return &envs->items[i];
	return NULL;
}

static void the_host_s_disk_is_as_the_guests(void **state)
{
	static const char same[] = "rootfs-mode: same\ngroups:\n"
				   "  - envs: [native, 'vm,disk=1G', 'uml,disk=1024M']\n"
				   "    loads: getppid\n";
	struct campaign c = parsed(same), again;
	json_t *options = campaign_machine_options(&c, env_of(&c, "native"));
	json_t *object = campaign_to_json(&c), *envs = campaign_envs_to_json(&c);

	(void)state;
	assert_string_equal(json_string_or(options, "work", ""), "loop");
	assert_string_equal(json_string_or(options, "disk", ""), "1G");
	json_decref(options);
	/* A guest's are its own, and what was asked is written down as it was. */
	options = campaign_machine_options(&c, env_of(&c, "vm,disk=1G"));
	assert_int_equal(json_object_size(options), 1);
	json_decref(options);
	assert_int_equal(json_object_size(env_of(&c, "native")->machine_options), 0);
	assert_int_equal(campaign_from_json(object, envs, described, &again, NULL), 0);
	assert_true(again.same_rootfs);
	campaign_clear(&again);
	json_decref(object);
	json_decref(envs);
	campaign_clear(&c);
	c = parsed("groups: [{envs: native, loads: getppid}]\n");
	options = campaign_machine_options(&c, env_of(&c, "native"));
	assert_int_equal(json_object_size(options), 0);
	json_decref(options);
	campaign_clear(&c);
}

static void disks_that_cannot_be_the_same_are_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"rootfs-mode: same\ngroups: [{envs: ['vm,disk=1G', uml], loads: getppid}]\n",
		 "disk of 'uml' has another size (512M) than that of 'vm,disk=1G'"},
		{"rootfs-mode: same\ngroups: [{envs: 'native,work=folder', loads: getppid}]\n",
		 "'native,work=folder' asks for work=folder"},
		{"rootfs-mode: some\ngroups: [{envs: native, loads: getppid}]\n",
		 "c.yaml:1:14: rootfs-mode: 'some' is neither own"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tare_err err = {0};
		struct campaign c;

		assert_int_equal(parse(bad[i].text, &c, &err), -EINVAL);
		assert_says(err, bad[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_s_disk_is_as_the_guests),
		cmocka_unit_test(disks_that_cannot_be_the_same_are_refused),
	};

	return cmocka_run_group_tests(tests, describe_set_up, describe_tear_down);
}
