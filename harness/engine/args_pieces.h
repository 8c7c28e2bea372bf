/* SPDX-License-Identifier: MIT */
#pragma once
/* args_pieces: cuts "A,K=V,K=V,B" into items, each with its options. */

#include <stdbool.h>
#include <stddef.h>

struct tare_err;

#define ARGS_OPTIONS_MAX 32

enum args_kind {
	ARGS_LABELS, /* the first item may be LABEL=NAME */
	ARGS_PLAIN,
};

struct args_piece {
	const char *key, *value;
};

struct args_item {
	const char *label; /* NULL: none */
	const char *text;  /* the item with its options, without the label */
	const char *name;  /* without both */
	struct args_piece options[ARGS_OPTIONS_MAX];
	size_t n_options;
};

struct args_pieces {
	enum args_kind kind;
	char *copy;     /* cut into names, keys and values */
	char *whole;    /* cut into items */
	size_t at, end; /* in both */
};

/* The value of this option may hold commas: in a text it is the last. */
bool args_takes_the_rest(const char *key);

/* -EINVAL: it is empty, or has characters that are no text. */
int args_pieces_open(const char *text, enum args_kind kind, struct args_pieces *ret,
		     struct tare_err *err);
/* 1, 0 at the end, or -EINVAL. The texts live until args_pieces_close(). */
int args_pieces_next(struct args_pieces *pieces, struct args_item *ret, struct tare_err *err);
void args_pieces_close(struct args_pieces *pieces);
