/* SPDX-License-Identifier: MIT */
#include "engine/args_pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* The options whose values may hold commas: they take all that follows. */
static const char *const take_the_rest[] = {"command", "cmdline+"};
#define N_TAKE_THE_REST (sizeof(take_the_rest) / sizeof(take_the_rest[0]))

bool args_takes_the_rest(const char *key)
{
	for (size_t i = 0; i < N_TAKE_THE_REST; i++)
		if (strcmp(key, take_the_rest[i]) == 0)
			return true;
	return false;
}

int args_pieces_open(const char *text, enum args_kind kind, struct args_pieces *ret,
		     struct tare_err *err)
{
	if (!*text)
		return err_set(err, EINVAL, "the name is empty");
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(err, EINVAL, "'%.40s' holds a control character", text);
	*ret = (struct args_pieces){
		.kind = kind, .copy = strdup(text), .whole = strdup(text), .end = strlen(text)};
	if (ret->copy && ret->whole)
		return 0;
	args_pieces_close(ret);
	return err_set(err, ENOMEM, "out of memory");
}

void args_pieces_close(struct args_pieces *pieces)
{
	free(pieces->copy);
	free(pieces->whole);
	*pieces = (struct args_pieces){0};
}

/* The end of the piece at `at`. */
static size_t piece_end(const char *text, size_t at)
{
	for (size_t i = 0; i < N_TAKE_THE_REST; i++) {
		size_t n = strlen(take_the_rest[i]);

		if (strncmp(text + at, take_the_rest[i], n) == 0 && text[at + n] == '=')
			return at + strlen(text + at);
	}
	return at + strcspn(text + at, ",");
}

static int take_option(char *piece, struct args_item *item, struct tare_err *err)
{
	char *equals = strchr(piece, '=');

	if (equals == piece)
		return err_set(err, EINVAL, "'%.60s': a name is missing before '%.40s'", item->name,
			       piece);
	if (item->n_options == ARGS_OPTIONS_MAX)
		return err_set(err, EINVAL, "'%.60s' has too many options", item->name);
	*equals = '\0';
	item->options[item->n_options++] = (struct args_piece){piece, equals + 1};
	return 0;
}

int args_pieces_next(struct args_pieces *pieces, struct args_item *ret, struct tare_err *err)
{
	char *copy = pieces->copy, *whole = pieces->whole, *equals;
	size_t at = pieces->at, end;
	bool first = at == 0;

	if (at > pieces->end)
		return 0;
	*ret = (struct args_item){.name = copy + at, .text = whole + at};
	end = piece_end(copy, at);
	copy[end] = '\0';
	equals = strchr(copy + at, '=');
	if (equals && (!first || pieces->kind != ARGS_LABELS))
		return err_set(err, EINVAL, "'%.80s': a name is missing before it", copy + at);
	if (equals) {
		*equals = '\0';
		ret->label = copy + at;
		ret->name = equals + 1;
		ret->text = whole + (equals + 1 - copy);
	}
	if (!*ret->name)
		return err_set(err, EINVAL, "'%.80s': a name is missing", pieces->whole);
	for (at = end + 1; at <= pieces->end; at = end + 1) {
		int r;

		end = piece_end(copy, at);
		if (!memchr(copy + at, '=', end - at))
			break; /* the next item */
		copy[end] = '\0';
		r = take_option(copy + at, ret, err);
		if (r < 0)
			return r;
	}
	whole[at - 1] = '\0';
	pieces->at = at;
	return 1;
}
