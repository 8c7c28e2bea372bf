/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "campaign_scene.h"
#include "engine/args.h"

static struct env_list envs_of(const char *text)
{
	struct env_list list = {0};
	struct tare_err err = {0};

	if (args_parse_envs(text, &list, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	return list;
}

static void assert_env(const struct env_choice *env, const char *label, const char *machine,
		       const char *box)
{
	assert_string_equal(env->label, label);
	assert_string_equal(env->machine, machine);
	assert_string_equal(env->box, box);
}

static void aliases_name_a_machine_and_a_box(void **state)
{
	static const char *const rows[][3] = {
		{"native", "host", "bare"},
		{"host", "host", "bare"},
		{"container", "host", "container"},
		{"chroot", "host", "chroot"},
		{"host+container", "host", "container"},
		{"native+chroot", "host", "chroot"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct env_list list = envs_of(rows[i][0]);

		assert_int_equal(list.n, 1);
		assert_env(&list.items[0], rows[i][0], rows[i][1], rows[i][2]);
		env_list_free(&list);
	}
}

static void pieces_without_an_equals_sign_begin_new_items(void **state)
{
	struct env_list list = envs_of("native,container,seccomp=off,chroot");

	(void)state;
	assert_int_equal(list.n, 3);
	assert_env(&list.items[1], "container,seccomp=off", "host", "container");
	assert_string_equal(json_string_or(list.items[1].options, "seccomp", ""), "off");
	assert_int_equal(json_object_size(list.items[1].machine_options), 0);
	assert_env(&list.items[2], "chroot", "host", "chroot");
	env_list_free(&list);
}

static void a_label_comes_first(void **state)
{
	struct env_list list = envs_of("a=container,seccomp=off");

	(void)state;
	assert_int_equal(list.n, 1);
	assert_env(&list.items[0], "a", "host", "container");
	env_list_free(&list);
}

static void one_environment_twice_needs_two_labels(void **state)
{
	struct env_list list = envs_of("a=native");
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(args_parse_envs("b=native", &list, &err), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(args_parse_envs("a=container", &list, &err), -EEXIST);
	assert_says(err, "two environments are called 'a'");
	assert_int_equal(list.n, 2);
	env_list_free(&list);
}

static void an_image_is_the_guests_and_its_boxs(void **state)
{
	static const char *const texts[] = {"vm,image=x", "vm+container,image=x",
					    "vm+chroot,image=x"};
	struct env_list list;
	struct tare_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		list = envs_of(texts[i]);
		assert_string_equal(json_string_or(list.items[0].machine_options, "image", ""),
				    "x");
		assert_string_equal(json_string_or(list.items[0].options, "image", ""), "x");
		env_list_free(&list);
	}
	list = (struct env_list){0};
	assert_int_equal(args_parse_envs("vm+command,image=x", &list, &err), -EINVAL);
	assert_says(err, "no option 'image'");
	err = (struct tare_err){0};
	assert_int_equal(args_parse_envs("vm,image=x,image=y", &list, &err), -EINVAL);
	assert_says(err, "given twice");
	env_list_free(&list);
}

static void the_text_of_an_environment_gives_it_again(void **state)
{
	static const char *const texts[] = {"native", "a=native", "container,seccomp=off",
					    "x=container,net=host,seccomp=off",
					    "v=vm+container,image=x,seccomp=off"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct env_list list = envs_of(texts[i]), again;
		char *text = env_choice_text(&list.items[0]);

		assert_non_null(text);
		again = envs_of(text);
		assert_int_equal(again.n, 1);
		assert_env(&again.items[0], list.items[0].label, list.items[0].machine,
			   list.items[0].box);
		assert_true(json_equal(again.items[0].options, list.items[0].options));
		assert_true(
			json_equal(again.items[0].machine_options, list.items[0].machine_options));
		free(text);
		env_list_free(&list);
		env_list_free(&again);
	}
}

static void an_environment_goes_through_json(void **state)
{
	struct env_list list = envs_of("x=container,seccomp=off");
	cleanup_json json_t *object = env_choice_to_json(&list.items[0]);
	struct env_list again = {.items = calloc(1, sizeof(*again.items)), .n = 1};
	struct tare_err err = {0};

	(void)state;
	assert_int_equal(env_choice_from_json(object, &again.items[0], &err), 0);
	assert_env(&again.items[0], "x", "host", "container");
	assert_true(json_equal(again.items[0].options, list.items[0].options));
	(void)json_object_set_new(object, "box", json_string("contaner"));
	again.n = 0;
	env_list_free(&list);
	json_decref(again.items[0].options);
	json_decref(again.items[0].machine_options);
	assert_int_equal(env_choice_from_json(object, &again.items[0], &err), -ENOENT);
	free(again.items);
}

static void a_wrong_environment_is_told_with_what_was_meant(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"contaner", "no environment 'contaner', did you mean 'container'?"},
		{"natve", "did you mean 'native'?"},
		{"host+contianer", "did you mean 'container'?"},
		{"container,secomp=off", "has no option 'secomp', did you mean 'seccomp'?"},
		{"container,seccomp=of", "seccomp=of"},
		{"container,seccomp=off,seccomp=on", "given twice"},
		{"a=native,b=native", "-e b=native"},
		{"A=native", "label 'A'"},
		{"", "empty"},
		{"a=", "a name is missing"},
		{"native,", "a name is missing"},
		{"container,=off", "a name is missing"},
		{"native\n", "control character"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct env_list list = {0};
		struct tare_err err = {0};

		if (args_parse_envs(rows[i].text, &list, &err) >= 0)
			fail_msg("'%s' was taken", rows[i].text);
		assert_says(err, rows[i].words);
		env_list_free(&list);
	}
}

static struct load_list loads_of(const char *text)
{
	struct load_list list = {0};
	struct tare_err err = {0};

	if (args_parse_loads(text, described, &list, &err) < 0)
		fail_msg("'%s': %s", text, err.msg);
	return list;
}

static void loads_have_parameters(void **state)
{
	struct load_list list = loads_of("pread,size=64K,getppid");
	char *text;

	(void)state;
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].name, "pread");
	assert_string_equal(json_string_or(list.items[0].params, "size", ""), "64K");
	assert_string_equal(list.items[1].name, "getppid");
	text = load_choice_text(&list.items[0]);
	assert_string_equal(text, "pread,size=64K");
	free(text);
	load_list_free(&list);
}

static void globs_and_groups_bring_each_load_once(void **state)
{
	struct load_list list = loads_of("p*,@sched,@turns");

	(void)state;
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[0].name, "pread");
	assert_string_equal(list.items[1].name, "pingpong");
	assert_string_equal(list.items[2].name, "getppid");
	load_list_free(&list);
	list = loads_of("@solo");
	assert_int_equal(list.n, 2);
	assert_true(load_is_solo(described, list.items[0].name));
	load_list_free(&list);
	list = loads_of("@all");
	assert_int_equal(list.n, 5);
	load_list_free(&list);
}

static void one_load_may_come_with_two_parameters(void **state)
{
	struct load_list list = loads_of("pread,size=64K,pread,size=4K");

	(void)state;
	assert_int_equal(list.n, 2);
	load_list_free(&list);
}

static void command_takes_the_rest(void **state)
{
	struct load_list list = loads_of("pingpong,cpu=0,command=echo a,b=c");

	(void)state;
	assert_int_equal(list.n, 1);
	assert_string_equal(json_string_or(list.items[0].params, "command", ""), "echo a,b=c");
	load_list_free(&list);
}

static void the_kernel_s_command_line_takes_the_rest_and_stays_last(void **state)
{
	struct env_list list = envs_of("a=vm+container,net=host,cmdline+=foo=a,b=c bar"), again;
	char *text = env_choice_text(&list.items[0]);

	(void)state;
	assert_int_equal(list.n, 1);
	assert_string_equal(json_string_or(list.items[0].machine_options, "cmdline+", ""),
			    "foo=a,b=c bar");
	again = envs_of(text);
	assert_int_equal(again.n, 1);
	assert_true(json_equal(again.items[0].machine_options, list.items[0].machine_options));
	assert_true(json_equal(again.items[0].options, list.items[0].options));
	free(text);
	env_list_free(&again);
	env_list_free(&list);
}

static void a_wrong_load_is_told_with_what_was_meant(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"getpid", "no load 'getpid', did you mean 'getppid'?"},
		{"@sycall", "no group of loads '@sycall', did you mean '@syscall'?"},
		{"x*", "no load 'x*'"},
		{"pread,sise=4K", "has no parameter 'sise', did you mean 'size'?"},
		{"getppid,getppid", "given twice"},
		{"pread,size=1,size=2", "given twice"},
		{"size=3", "a name is missing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct load_list list = {0};
		struct tare_err err = {0};

		if (args_parse_loads(rows[i].text, described, &list, &err) >= 0)
			fail_msg("'%s' was taken", rows[i].text);
		assert_says(err, rows[i].words);
		load_list_free(&list);
	}
}

static void collectors_are_known_and_given_once(void **state)
{
	cleanup_json json_t *list = json_array();
	struct tare_err err = {0}, twice = {0}, none = {0};

	(void)state;
	assert_int_equal(args_parse_collectors("syscalls,counters=page-faults", list, &err), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_array_get(list, 1)), "counters=page-faults");
	assert_int_equal(args_parse_collectors("none", list, &err), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(args_parse_collectors("counters", list, &twice), -EEXIST);
	assert_int_equal(args_parse_collectors("syscall", list, &err), -ENOENT);
	assert_says(err, "did you mean 'syscalls'?");
	assert_int_equal(args_parse_collectors(",", list, &none), -EINVAL);
}

static void a_comma_in_braces_is_of_the_collectors_argument(void **state)
{
	cleanup_json json_t *list = json_array();
	struct tare_err err = {0}, broken = {0}, argument = {0};

	(void)state;
	assert_int_equal(args_parse_collectors("sched,counters={cycles,instructions}+page-faults,"
					       "syscalls=sampled",
					       list, &err),
			 0);
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_string_value(json_array_get(list, 1)),
			    "counters={cycles,instructions}+page-faults");
	json_array_clear(list);
	assert_int_equal(args_parse_collectors("counters={cycles,sched", list, &broken), -EINVAL);
	assert_says(broken, "the '{' has no '}'");
	assert_int_equal(args_parse_collectors("sched=all", list, &argument), -EINVAL);
	assert_says(argument, "takes no argument");
	assert_int_equal(json_array_size(list), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aliases_name_a_machine_and_a_box),
		cmocka_unit_test(pieces_without_an_equals_sign_begin_new_items),
		cmocka_unit_test(a_label_comes_first),
		cmocka_unit_test(one_environment_twice_needs_two_labels),
		cmocka_unit_test(an_image_is_the_guests_and_its_boxs),
		cmocka_unit_test(the_text_of_an_environment_gives_it_again),
		cmocka_unit_test(an_environment_goes_through_json),
		cmocka_unit_test(a_wrong_environment_is_told_with_what_was_meant),
		cmocka_unit_test(loads_have_parameters),
		cmocka_unit_test(globs_and_groups_bring_each_load_once),
		cmocka_unit_test(one_load_may_come_with_two_parameters),
		cmocka_unit_test(command_takes_the_rest),
		cmocka_unit_test(the_kernel_s_command_line_takes_the_rest_and_stays_last),
		cmocka_unit_test(a_wrong_load_is_told_with_what_was_meant),
		cmocka_unit_test(collectors_are_known_and_given_once),
		cmocka_unit_test(a_comma_in_braces_is_of_the_collectors_argument),
	};

	return cmocka_run_group_tests(tests, describe_set_up, describe_tear_down);
}
