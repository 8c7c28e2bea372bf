/* SPDX-License-Identifier: MIT */
/* The folder of a density: the document, every box as a line, and the picture. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/newfile.h"
#include "base/text.h"
#include "density/density.h"
#include "report/plot.h"
#include "report/style.h"

#define NS_PER_MS_D 1e6
#define MIB         (1024.0 * 1024.0)
#define WIDTH       860
#define HEIGHT      640

/* Empty where it was not weighed. Labels hold commas, and no quotes: text_is_label(). */
static void put_box(const json_t *box, FILE *to)
{
	static const char *const keys[] = {"n",  "start_ns",  "available_bytes",
					   "up", "pss_bytes", "group_bytes"};

	(void)fprintf(to, "\"%s\",%llu", json_string_or(box, "env", ""),
		      (unsigned long long)json_u64_or(box, "round", 0));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		(void)fputc(',', to);
		if (json_object_get(box, keys[i]))
			(void)fprintf(to, "%llu", (unsigned long long)json_u64_or(box, keys[i], 0));
	}
	(void)fputc('\n', to);
}

static int write_csv(const json_t *document, const char *path, struct tare_err *err)
{
	cleanup_newfile struct newfile file = {0};
	const json_t *box;
	size_t i;
	int r = newfile_open(path, &file, err);

	if (r < 0)
		return r;
	(void)fputs("environment,round,n,start_ns,available_bytes,up,pss_bytes,group_bytes\n",
		    file.file);
	json_array_foreach(json_object_get(document, "boxes"), i, box) put_box(box, file.file);
	return newfile_commit(&file, err);
}

static double available_before(const json_t *document, const json_t *box)
{
	const json_t *climb;
	size_t i;

	json_array_foreach(json_object_get(document, "climbs"), i, climb)
	{
		if (json_equal(json_object_get(climb, "env"), json_object_get(box, "env")) &&
		    json_equal(json_object_get(climb, "round"), json_object_get(box, "round")))
			return json_double_or(climb, "available_bytes", NAN);
	}
	return NAN;
}

/* A block an environment: which box, its start in ms, and the memory taken since its climb began.
 */
static void put_data(const json_t *document, FILE *data)
{
	const json_t *cell, *box;
	size_t i, k;

	json_array_foreach(json_object_get(document, "cells"), i, cell)
	{
		json_array_foreach(json_object_get(document, "boxes"), k, box)
		{
			if (!json_equal(json_object_get(box, "env"), json_object_get(cell, "env")))
				continue;
			(void)fprintf(data, "%llu\t%.6g\t%.6g\n",
				      (unsigned long long)json_u64_or(box, "n", 0),
				      json_double_or(box, "start_ns", NAN) / NS_PER_MS_D,
				      (available_before(document, box) -
				       json_double_or(box, "available_bytes", NAN)) /
					      MIB);
		}
		(void)fprintf(data, "\n\n");
	}
}

static void put_title(const json_t *cell, FILE *s)
{
	const char *accel = json_string_or(cell, "accel", NULL);
	char title[160];

	(void)snprintf(title, sizeof(title), "%s%s", json_string_or(cell, "env", ""),
		       !accel                      ? ""
		       : strcmp(accel, "tcg") == 0 ? " (TCG)"
		       : strcmp(accel, "uml") == 0 ? " (UML)"
						   : "");
	plot_quote(s, title);
}

static void put_panel(const json_t *document, unsigned int column, FILE *s)
{
	const json_t *cells = json_object_get(document, "cells"), *cell;
	size_t i;

	(void)fprintf(s, "plot ");
	json_array_foreach(cells, i, cell)
	{
		(void)fprintf(s, "%s'density.tsv' index %zu using 1:%u with points pt %d ps 0.6 ",
			      i ? ", \\\n  " : "", i, column, style_point(i, 0));
		plot_colour(s, style_env(i));
		(void)fprintf(s, " title ");
		put_title(cell, s);
	}
	(void)fprintf(s, "\n");
}

int density_draw(const json_t *document, const char *dir, struct tare_err *err)
{
	struct plot plot;
	int r = plot_begin(dir, DENSITY_PLOT, &plot, err);

	if (r < 0)
		return r;
	put_data(document, plot.data);
	(void)fprintf(plot.script,
		      "set multiplot layout 2,1\nset lmargin 12\nset rmargin 3\n"
		      "set key tmargin center horizontal Left reverse textcolor rgb '#222222'\n"
		      "set xrange [0:*]\nset logscale y\n"
		      "set ylabel 'ms'\nset title 'start of the n-th box, n-1 being up'\n");
	put_panel(document, 2, plot.script);
	(void)fprintf(plot.script,
		      "unset logscale y\nunset key\nset xlabel 'boxes that are up'\n"
		      "set ylabel 'MiB'\nset title 'memory that the machine has less of'\n");
	put_panel(document, 3, plot.script);
	(void)fprintf(plot.script, "unset multiplot\n");
	return plot_end(&plot, WIDTH, HEIGHT, err);
}

int density_write(const json_t *document, const char *dir, struct tare_err *err)
{
	cleanup_free char *json = text_format("%s/density.json", dir);
	cleanup_free char *csv = text_format("%s/boxes.csv", dir);
	int r;

	if (!json || !csv)
		return err_set(err, ENOMEM, "out of memory");
	r = newfile_write_json(json, document, JSON_INDENT(1), err);
	if (r == 0)
		r = write_csv(document, csv, err);
	return r < 0 ? r : density_draw(document, dir, err);
}
