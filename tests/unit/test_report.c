/* SPDX-License-Identifier: MIT */
/* The pieces of a report that meet what others wrote: records, SVG, quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "report/content.h"
#include "report/plot.h"
#include "report/record.h"
#include "report/report.h"
#include "report/style.h"
#include "report/svg.h"

static const char good_record[] =
	"{'schema':'tare.record/1','seq':7,'group':'g','round':3,'set':'pread,size=4K',"
	"'position':1,'status':'ok','trial':{'env':'a','load':'pread','params':{'size':'4K'},"
	"'mode':'batch','collectors':['cpu','syscalls']},'load':{'ops':30,'slices':{'pass':[2,0,1],"
	"'position':[0,0,0],'ops':[10,10,0],'ns':[50,100,7]}},'host_span':{'asked':99}}";

static json_t *record_with(const char *key, json_t *value)
{
	char text[1024];
	json_t *record;

	(void)snprintf(text, sizeof(text), "%s", good_record);
	for (char *c = text; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	record = json_loads(text, 0, NULL);
	assert_non_null(record);
	if (key)
		(void)json_object_set_new(record, key, value);
	return record;
}

static void trial_free(struct run_trial *trial)
{
	free(trial->pass);
	free(trial->ns_per_op);
	free(trial->latency);
	free(trial->rest);
	json_decref(trial->asked);
	json_decref(trial->instance);
}

static void a_record_becomes_a_trial(void **state)
{
	cleanup_json json_t *record = record_with(NULL, NULL);
	struct record_key key;
	struct run_trial trial;

	(void)state;
	assert_int_equal(record_read_key(record, &key, NULL), 0);
	assert_string_equal(key.params, "size=4K");
	assert_string_equal(key.collectors, "cpu+syscalls");
	assert_int_equal(record_read_trial(record, &trial, NULL), 0);
	assert_int_equal(trial.seq, 7);
	assert_int_equal(trial.asked_ns, 99);
	/* The slice in which nothing was done has no figure. */
	assert_int_equal(trial.n_slices, 2);
	assert_int_equal(trial.pass[0], 2);
	assert_true(trial.ns_per_op[0] == 5 && trial.ns_per_op[1] == 10);
	assert_true(trial.median_ns == 7.5);
	trial_free(&trial);
}

static void records_of_wrong_shape_are_refused(void **state)
{
	static const struct {
		const char *key, *value;
	} wrong[] = {
		{"group", "5"},
		{"group", "\"\""},
		{"group", "\"a\\nb\""},
		{"round", "-1"},
		{"round", "\"3\""},
		{"set", "[]"},
		{"trial", "{}"},
		{"trial", "{\"env\":\"a\",\"load\":\"b\",\"mode\":\"batch\",\"params\":{\"x\":4}}"},
		{"trial", "{\"env\":\"a\",\"load\":\"b\",\"mode\":\"batch\",\"collectors\":[4]}"},
		{"status", "\"fine\""},
		{"load", "{\"slices\":{\"pass\":[1],\"ops\":[1],\"ns\":[]}}"},
		{"load", "{\"slices\":{\"pass\":[1],\"ops\":[1],\"ns\":[-4]}}"},
		{"load", "{\"slices\":{\"pass\":[null],\"ops\":[1],\"ns\":[4]}}"},
		{"load", "{\"latency\":{\"buckets\":[[288,1]]}}"},
		{"load", "{\"latency\":{\"buckets\":[[1,-1]]}}"},
		{"load", "{\"latency\":{\"buckets\":[[1]]}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		cleanup_json json_t *record = record_with(
			wrong[i].key, json_loads(wrong[i].value, JSON_DECODE_ANY, NULL));
		struct tare_err err = {0};
		struct record_key key;
		struct run_trial trial = {0};
		int r = record_read_key(record, &key, &err);

		if (r == 0)
			r = record_read_trial(record, &trial, &err);
		trial_free(&trial);
		if (r >= 0)
			fail_msg("%s = %s was taken", wrong[i].key, wrong[i].value);
		assert_true(err.msg[0]);
	}
}

static void an_overlong_label_is_refused(void **state)
{
	char label[RUN_NAME_MAX + 1];
	struct record_key key;

	(void)state;
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	cleanup_json json_t *record = record_with("group", json_string(label));
	assert_int_equal(record_read_key(record, &key, NULL), -EBADMSG);
}

static char *embedded(const char *svg)
{
	char path[] = "/tmp/tare-test-XXXXXX", *text = NULL;
	cleanup_close int fd = mkstemp(path);
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	assert_true(fd >= 0 && out);
	assert_int_equal(write(fd, svg, strlen(svg)), strlen(svg));
	r = svg_embed(out, path, "p", "a \"label\"", NULL);
	(void)fclose(out);
	(void)unlink(path);
	if (r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void an_svg_gets_variables_and_ids_of_its_own(void **state)
{
	cleanup_free char *svg = embedded(
		"<?xml?><svg width=\"9\" viewBox=\"0 0 9 9\" xmlns=\"x\"><title>Gnuplot</title>"
		"<g id=\"g1\" stroke='rgb( 34,  34,  34)' fill=\"rgb(213,94,0)\" "
		"color='rgb(1,2,3)'>"
		"<use xlink:href='#g1'/></g></svg>");

	(void)state;
	assert_non_null(svg);
	assert_string_equal(
		svg, "<svg role=\"img\" aria-label=\"a &quot;label&quot;\" viewBox=\"0 0 9 9\">"
		     "<g id=\"p-g1\" stroke='var(--ink)' fill=\"var(--env2)\" "
		     "color='rgb(1,2,3)'><use xlink:href='#p-g1'/></g></svg>");
}

static void what_is_no_svg_is_refused(void **state)
{
	(void)state;
	assert_null(embedded("<html>"));
	assert_null(embedded("<svg width=\"9\">"));
	assert_null(embedded("<svg viewBox=\"0 0"));
}

static char *written(void (*put)(FILE *, const char *), const char *text)
{
	char *buf = NULL;
	size_t size;
	FILE *out = open_memstream(&buf, &size);

	assert_non_null(out);
	put(out, text);
	(void)fclose(out);
	return buf;
}

static void texts_cannot_leave_their_quotes(void **state)
{
	cleanup_free char *quoted = written(plot_quote, "a'b`c`\n\"d\"");
	cleanup_free char *field = written(plot_field, "a\tb\"c\"\\n");
	cleanup_free char *markup = written(svg_escape, "<b a='x'>&\"\n");

	(void)state;
	assert_string_equal(quoted, "'a''b`c` \"d\"'");
	assert_string_equal(field, "a b c  n");
	assert_string_equal(markup, "&lt;b a=&#39;x&#39;&gt;&amp;&quot; ");
}

static void colours_are_each_other_s_opposite_and_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < style_n_colours; i++) {
		assert_string_equal(style_variable(style_colours[i].light), style_colours[i].name);
		assert_true(style_colours[i].light != style_colours[i].dark);
	}
	assert_string_equal(style_heat(0), "heat0");
	assert_string_equal(style_heat(5), "heatp4");
	assert_string_equal(style_heat(-5), "heatn4");
	assert_string_equal(style_heat(NAN), "heat0");
}

static void ratios_show_no_digit_beyond_the_first_open_one(void **state)
{
	static const struct {
		double ratio, low, high;
		const char *text;
	} cases[] = {
		{1.24054, 1.23704, 1.24343, "1.241 (1.237 .. 1.243)"},
		{20.9752, 20.9478, 21.0174, "20.98 (20.95 .. 21.02)"},
		{12.4, 9.1, 18.7, "12 (9 .. 19)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_json json_t *row = json_pack("{s:f, s:[f, f]}", "ratio", cases[i].ratio,
						     "ci", cases[i].low, cases[i].high);
		char text[96];

		assert_string_equal(content_ratio(row, text, sizeof(text)), cases[i].text);
	}
}

static void formats_are_a_list(void **state)
{
	struct tare_err err = {0};
	unsigned int formats;

	(void)state;
	assert_int_equal(report_parse_formats("html,csv,pdf", &formats, NULL), 0);
	assert_int_equal(formats, REPORT_HTML | REPORT_CSV | REPORT_PDF);
	assert_int_equal(report_parse_formats("", &formats, NULL), -EINVAL);
	assert_int_equal(report_parse_formats("html,docx", &formats, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'docx'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_becomes_a_trial),
		cmocka_unit_test(records_of_wrong_shape_are_refused),
		cmocka_unit_test(an_overlong_label_is_refused),
		cmocka_unit_test(an_svg_gets_variables_and_ids_of_its_own),
		cmocka_unit_test(what_is_no_svg_is_refused),
		cmocka_unit_test(texts_cannot_leave_their_quotes),
		cmocka_unit_test(colours_are_each_other_s_opposite_and_unique),
		cmocka_unit_test(ratios_show_no_digit_beyond_the_first_open_one),
		cmocka_unit_test(formats_are_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
