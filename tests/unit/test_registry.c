/* SPDX-License-Identifier: MIT */
/* Every entry of every table, so that a new file is tested by being there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "box/box.h"
#include "check/check.h"
#include "cli/command.h"
#include "collector.h"
#include "lab/lab.h"
#include "limit/limit.h"
#include "machine/machine.h"

/* Fit for the command line, and after the one before: the tables are by name. */
static void check_name(const char *name, const char *before)
{
	assert_true(text_is_name(name));
	assert_null(strpbrk(name, "._"));
	if (before && strcmp(before, name) >= 0)
		fail_msg("'%s' is after '%s'", name, before);
}

static void check_summary(const char *name, const char *summary)
{
	size_t n;

	assert_non_null(summary);
	n = strlen(summary);
	if (n == 0 || n > 90 || strchr(summary, '\n') ||
	    (summary[n - 1] == '.' && !strstr(summary, "...")))
		fail_msg("the summary of '%s' is no line: %s", name, summary);
}

static void commands_are_complete(void **state)
{
	const char *before = NULL;

	(void)state;
	for (const struct command *const *c = command_table; *c; c++) {
		check_name((*c)->name, before);
		check_summary((*c)->name, (*c)->summary);
		assert_non_null((*c)->usage);
		assert_non_null((*c)->run);
		before = (*c)->name;
	}
	assert_non_null(before);
}

static void flags_mean_one_thing(void **state)
{
	static const char *const common[] = {"quiet", "verbose", "json", "help", NULL};

	(void)state;
	for (const struct command *const *c = command_table; *c; c++) {
		for (const struct command_option *o = (*c)->options; o && o->name; o++) {
			check_name(o->name, NULL);
			check_summary(o->name, o->help);
			assert_non_null(o->take);
			if (o->letter == 'q' || o->letter == 'h')
				fail_msg("'-%c' of '%s' is taken", o->letter, (*c)->name);
			for (size_t i = 0; common[i]; i++)
				assert_string_not_equal(o->name, common[i]);
			for (const struct command_option *p = o + 1; p->name; p++) {
				assert_string_not_equal(o->name, p->name);
				if (o->letter && o->letter == p->letter)
					fail_msg("'-%c' twice in '%s'", o->letter, (*c)->name);
			}
			for (const struct limit_option *l = limit_options; l->flag; l++)
				assert_false((*c)->limits && strcmp(l->flag, o->name) == 0);
		}
	}
}

static void boxes_are_complete_and_take_their_own_defaults(void **state)
{
	const char *before = NULL;

	(void)state;
	for (const struct box_ops *const *b = box_ops_table; *b; b++) {
		cleanup_json json_t *defaults = json_object();
		struct tare_err *none = NULL;

		check_name((*b)->name, before);
		check_summary((*b)->name, (*b)->summary);
		assert_true((*b)->open && (*b)->start && (*b)->close && (*b)->probe);
		for (const struct box_option *o = (*b)->options; o && o->name; o++) {
			check_summary(o->name, o->summary);
			(void)json_object_set_new(defaults, o->name, json_string(o->fallback));
		}
		assert_int_equal(box_check_options(*b, defaults, none), 0);
		before = (*b)->name;
	}
	assert_non_null(before);
}

static void machines_are_complete_and_take_their_own_defaults(void **state)
{
	const char *before = NULL;

	(void)state;
	for (const struct machine_ops *const *m = machine_ops_table; *m; m++) {
		cleanup_json json_t *defaults = json_object();
		struct tare_err *none = NULL;

		check_name((*m)->name, before);
		check_summary((*m)->name, (*m)->summary);
		assert_true((*m)->probe && (*m)->open && (*m)->describe && (*m)->start &&
			    (*m)->slice && (*m)->finish && (*m)->abort && (*m)->exec &&
			    (*m)->close);
		for (const struct machine_option *o = (*m)->options; o && o->name; o++) {
			check_summary(o->name, o->summary);
			(void)json_object_set_new(defaults, o->name, json_string(o->fallback));
		}
		assert_int_equal(machine_check_options(*m, defaults, none), 0);
		before = (*m)->name;
	}
	assert_non_null(before);
}

/* A name that is a machine's and a box's too would make an ENV ambiguous. */
static void no_machine_is_called_like_a_box(void **state)
{
	(void)state;
	for (const struct machine_ops *const *m = machine_ops_table; *m; m++) {
		assert_string_not_equal((*m)->name, "native");
		for (const struct box_ops *const *b = box_ops_table; *b; b++)
			assert_string_not_equal((*m)->name, (*b)->name);
	}
}

/* Else a machine's option would hide a box's. */
/* But for those that a machine takes note of for the box in it. */
static void no_option_is_a_machines_and_a_boxs(void **state)
{
	(void)state;
	for (const struct machine_ops *const *m = machine_ops_table; *m; m++)
		for (const struct machine_option *o = (*m)->options; o && o->name; o++)
			for (const struct box_ops *const *b = box_ops_table; *b; b++)
				for (const struct box_option *p = (*b)->options; p && p->name; p++)
					assert_true(o->to_box || strcmp(o->name, p->name) != 0);
}

static void collectors_are_complete(void **state)
{
	const char *before = NULL;

	(void)state;
	for (const struct collector_ops *const *c = collector_ops_table; *c; c++) {
		check_name((*c)->name, before);
		check_summary((*c)->name, (*c)->summary);
		assert_true((*c)->attach && (*c)->snapshot && (*c)->read && (*c)->detach);
		before = (*c)->name;
	}
	assert_non_null(before);
}

static void checks_are_complete(void **state)
{
	const char *before = NULL;

	(void)state;
	for (const struct check_ops *const *c = check_ops_table; *c; c++) {
		check_name((*c)->name, before);
		check_summary((*c)->name, (*c)->summary);
		check_summary((*c)->name, (*c)->claim);
		assert_true((*c)->measure && (*c)->limits && (*c)->unit && (*c)->tolerance);
		assert_true((*c)->low <= (*c)->high);
		before = (*c)->name;
	}
	assert_non_null(before);
}

static void labs_are_complete(void **state)
{
	const char *before = NULL;

	(void)state;
	for (const struct lab_ops *const *l = lab_ops_table; *l; l++) {
		check_name((*l)->name, before);
		check_summary((*l)->name, (*l)->summary);
		assert_true((*l)->aim && (*l)->background && (*l)->question && (*l)->claim &&
			    (*l)->discuss && (*l)->carry_out && (*l)->judge);
		/* A letter is chosen, or a number is estimated. */
		assert_true((*l)->choices || ((*l)->unit && (*l)->factor > 1 && (*l)->least > 0 &&
					      (*l)->most > (*l)->least));
		for (size_t i = 0; (*l)->choices && (*l)->choices[i].key; i++) {
			const char key[] = {(char)('a' + i), '\0'};

			assert_string_equal((*l)->choices[i].key, key);
			check_summary((*l)->name, (*l)->choices[i].text);
		}
		before = (*l)->name;
	}
	assert_non_null(before);
}

static void limits_are_complete(void **state)
{
	(void)state;
	for (const struct limit_option *l = limit_options; l->flag; l++) {
		check_name(l->flag, NULL);
		check_summary(l->flag, l->help);
		assert_true(l->argument && l->controller);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_complete),
		cmocka_unit_test(flags_mean_one_thing),
		cmocka_unit_test(boxes_are_complete_and_take_their_own_defaults),
		cmocka_unit_test(machines_are_complete_and_take_their_own_defaults),
		cmocka_unit_test(no_machine_is_called_like_a_box),
		cmocka_unit_test(no_option_is_a_machines_and_a_boxs),
		cmocka_unit_test(collectors_are_complete),
		cmocka_unit_test(checks_are_complete),
		cmocka_unit_test(labs_are_complete),
		cmocka_unit_test(limits_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
