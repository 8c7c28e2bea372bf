/* SPDX-License-Identifier: MIT */
#pragma once
/* json: what jansson lacks: typed reads with a sentence for what is wrong, and cleanup. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct tare_err;

static inline void cleanup_jsonp(json_t **j)
{
	json_decref(*j);
}
#define cleanup_json __attribute__((cleanup(cleanup_jsonp)))

/* Read a member. -ENOENT: it is missing. -EBADMSG: it has another type or is out of range.
 * The texts belong to the object. */
int json_read_string(const json_t *object, const char *key, const char **ret, struct tare_err *err);
int json_read_u64(const json_t *object, const char *key, uint64_t *ret, struct tare_err *err);
int json_read_double(const json_t *object, const char *key, double *ret, struct tare_err *err);
int json_read_object(const json_t *object, const char *key, json_t **ret, struct tare_err *err);
int json_read_array(const json_t *object, const char *key, json_t **ret, struct tare_err *err);

/* A member or the given value when it is missing or of another type. */
const char *json_string_or(const json_t *object, const char *key, const char *otherwise);
uint64_t json_u64_or(const json_t *object, const char *key, uint64_t otherwise);
double json_double_or(const json_t *object, const char *key, double otherwise);
bool json_bool_or(const json_t *object, const char *key, bool otherwise);

/* A new text: that of value as text_make_printable() leaves it. NULL: value is none, or no memory.
 */
json_t *json_printable(const json_t *value);

/* An object that a plain file of at most 16 MiB holds; its path is said in full. -ENOENT. */
int json_read_file(const char *path, json_t **ret, struct tare_err *err);

/* Set a member; values JSON cannot hold (NaN, infinity) become null. -ENOMEM. */
int json_put(json_t *object, const char *key, json_t *taken_value);
json_t *json_number(double value);
json_t *json_u64(uint64_t value); /* above 2^63-1: a real */
