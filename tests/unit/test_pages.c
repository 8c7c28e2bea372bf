/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/pages/roff.h"

static void assert_made(void (*put)(FILE *to, const char *text), const char *text, const char *want)
{
	char *made = NULL;
	size_t size;
	FILE *to = open_memstream(&made, &size);

	assert_non_null(to);
	put(to, text);
	assert_int_equal(fclose(to), 0);
	assert_string_equal(made, want);
	free(made);
}

static void nothing_in_a_text_is_roffs(void **state)
{
	(void)state;
	assert_made(roff_put, "plain words", "plain words");
	assert_made(roff_put, ".so /etc/passwd", "\\&.so /etc/passwd");
	assert_made(roff_put, "'br", "\\(aqbr");
	assert_made(roff_put, "a\\fBb\\e", "a\\(rsfBb\\(rse");
	assert_made(roff_put, "--x ~/y `z` ^", "\\-\\-x \\(ti/y \\(gaz\\(ga \\(ha");
	assert_made(roff_put, "say \"so\"", "say \\(dqso\\(dq");
}

static void each_line_of_a_text_may_begin_with_a_dot(void **state)
{
	(void)state;
	assert_made(roff_put_text, "see\n.config\n...", "see\n\\&.config\n\\&...\n");
}

static void empty_lines_part_paragraphs(void **state)
{
	(void)state;
	assert_made(roff_put_text, "a\nb\n\n\nc\n", "a\nb\n.PP\nc\n");
}

static void what_is_indented_is_kept_as_it_stands(void **state)
{
	(void)state;
	assert_made(roff_put_text, "so:\n  tare run\n  tare top\nand on",
		    "so:\n.PP\n.RS\n.nf\n\\&  tare run\n\\&  tare top\n.fi\n.RE\n.PP\nand on\n");
	assert_made(roff_put_text, "so:\n\n  tare run",
		    "so:\n.PP\n.RS\n.nf\n\\&  tare run\n.fi\n.RE\n");
}

static void a_usage_tells_words_from_placeholders(void **state)
{
	(void)state;
	assert_made(roff_put_usage, "[-e ENV]... [options]",
		    "[\\fB\\-e\\fR \\fIENV\\fR]\\&... [options]\n");
	assert_made(roff_put_usage, "rm NAME\n       | list",
		    "\\fBrm\\fR \\fINAME\\fR\n.br\n| \\fBlist\\fR\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_a_text_is_roffs),
		cmocka_unit_test(each_line_of_a_text_may_begin_with_a_dot),
		cmocka_unit_test(empty_lines_part_paragraphs),
		cmocka_unit_test(what_is_indented_is_kept_as_it_stands),
		cmocka_unit_test(a_usage_tells_words_from_placeholders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
