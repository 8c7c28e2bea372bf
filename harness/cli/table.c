/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/units.h"
#include "cli/log.h"

static const char *const colors[] = {[TONE_PLAIN] = "",
				     [TONE_GOOD] = "\033[32m",
				     [TONE_BAD] = "\033[31m",
				     [TONE_QUIET] = "\033[2m"};

/* Of a text in UTF-8: bytes that begin a character. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static const char *cell_of(const struct table *t, size_t row, size_t column)
{
	const char *text = t->cells[row * t->n_columns + column];

	return text ? text : "";
}

static int column_width(const struct table *t, size_t column)
{
	int width = width_of(t->head[column]);

	for (size_t row = 0; row < t->n_rows; row++) {
		int w = width_of(cell_of(t, row, column));

		width = w > width ? w : width;
	}
	return width;
}

static void print_cell(const char *text, int width, bool right, bool last, enum tone tone, FILE *to)
{
	bool color = tone != TONE_PLAIN && log_stdout_has_color();
	int pad = width - width_of(text);

	(void)fprintf(to, "%*s%s%s%s%*s", right ? pad : 0, "", color ? colors[tone] : "", text,
		      color ? "\033[0m" : "", right || last ? 0 : pad, "");
	(void)fputs(last ? "\n" : "  ", to);
}

void table_print(const struct table *t, FILE *to)
{
	int widths[TABLE_COLUMNS];

	for (size_t c = 0; c < t->n_columns; c++)
		widths[c] = column_width(t, c);
	for (size_t c = 0; c < t->n_columns; c++)
		print_cell(t->head[c], widths[c], t->number[c], c + 1 == t->n_columns, TONE_PLAIN,
			   to);
	for (size_t row = 0; row < t->n_rows; row++)
		for (size_t c = 0; c < t->n_columns; c++)
			print_cell(cell_of(t, row, c), widths[c], t->number[c],
				   c + 1 == t->n_columns, t->tones[row * t->n_columns + c], to);
}

static char *print_location(const json_t *figure, double unit,
			    char *(*print)(double x, char *buf, size_t size), char *buf,
			    size_t size)
{
	const json_t *ci = json_object_get(figure, "ci");
	double at = json_double_or(figure, "location", NAN);
	char all[32], low[32], high[32];

	if (!isfinite(at))
		(void)snprintf(buf, size, "-");
	else if (json_array_size(ci) != 2)
		(void)snprintf(buf, size, "%s", print(at * unit, all, sizeof(all)));
	else
		(void)snprintf(
			buf, size, "%s [%s, %s]", print(at * unit, all, sizeof(all)),
			print(json_number_value(json_array_get(ci, 0)) * unit, low, sizeof(low)),
			print(json_number_value(json_array_get(ci, 1)) * unit, high, sizeof(high)));
	return buf;
}

char *table_time(const json_t *figure, double unit_ns, char *buf, size_t size)
{
	return print_location(figure, unit_ns, units_print_ns, buf, size);
}

char *table_bytes(const json_t *figure, char *buf, size_t size)
{
	return print_location(figure, 1, units_print_bytes, buf, size);
}

char *table_median(const json_t *figure, double unit_ns, char *buf, size_t size)
{
	double at = json_double_or(figure, "median", NAN);

	if (isfinite(at))
		return units_print_ns(at * unit_ns, buf, size);
	(void)snprintf(buf, size, "-");
	return buf;
}

char *table_ratio(const json_t *ratio, char *buf, size_t size)
{
	const json_t *ci = json_object_get(ratio, "ci");
	double at = json_double_or(ratio, "ratio", NAN);

	if (!isfinite(at))
		(void)snprintf(buf, size, "-");
	else if (json_array_size(ci) != 2)
		(void)snprintf(buf, size, "%.4g", at);
	else
		(void)snprintf(buf, size, "%.4g [%.4g, %.4g]", at,
			       json_number_value(json_array_get(ci, 0)),
			       json_number_value(json_array_get(ci, 1)));
	return buf;
}

enum tone table_tone(const char *verdict)
{
	if (strcmp(verdict, "slower") == 0)
		return TONE_BAD;
	if (strcmp(verdict, "faster") == 0 || strcmp(verdict, "equivalent") == 0)
		return TONE_GOOD;
	return TONE_QUIET;
}
