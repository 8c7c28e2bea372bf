/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"

static int read_member(const json_t *object, const char *key, json_t **ret, struct tare_err *err)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		return err_set(err, ENOENT, "'%s' is missing", key);
	*ret = value;
	return 0;
}

int json_read_string(const json_t *object, const char *key, const char **ret, struct tare_err *err)
{
	json_t *value;
	int r = read_member(object, key, &value, err);

	if (r < 0)
		return r;
	if (!json_is_string(value))
		return err_set(err, EBADMSG, "'%s' is no text", key);
	*ret = json_string_value(value);
	return 0;
}

int json_read_u64(const json_t *object, const char *key, uint64_t *ret, struct tare_err *err)
{
	json_t *value;
	int r = read_member(object, key, &value, err);

	if (r < 0)
		return r;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return err_set(err, EBADMSG, "'%s' is no whole number from 0 on", key);
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

int json_read_double(const json_t *object, const char *key, double *ret, struct tare_err *err)
{
	json_t *value;
	int r = read_member(object, key, &value, err);

	if (r < 0)
		return r;
	if (!json_is_number(value))
		return err_set(err, EBADMSG, "'%s' is no number", key);
	*ret = json_number_value(value);
	return 0;
}

int json_read_object(const json_t *object, const char *key, json_t **ret, struct tare_err *err)
{
	json_t *value;
	int r = read_member(object, key, &value, err);

	if (r < 0)
		return r;
	if (!json_is_object(value))
		return err_set(err, EBADMSG, "'%s' is no object", key);
	*ret = value;
	return 0;
}

int json_read_array(const json_t *object, const char *key, json_t **ret, struct tare_err *err)
{
	json_t *value;
	int r = read_member(object, key, &value, err);

	if (r < 0)
		return r;
	if (!json_is_array(value))
		return err_set(err, EBADMSG, "'%s' is no list", key);
	*ret = value;
	return 0;
}

const char *json_string_or(const json_t *object, const char *key, const char *otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? json_string_value(value) : otherwise;
}

uint64_t json_u64_or(const json_t *object, const char *key, uint64_t otherwise)
{
	uint64_t value;

	return json_read_u64(object, key, &value, NULL) < 0 ? otherwise : value;
}

double json_double_or(const json_t *object, const char *key, double otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool json_bool_or(const json_t *object, const char *key, bool otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

json_t *json_printable(const json_t *value)
{
	cleanup_free char *text = json_is_string(value) ? strdup(json_string_value(value)) : NULL;

	return text ? json_string(text_make_printable(text)) : NULL;
}

int json_put(json_t *object, const char *key, json_t *taken_value)
{
	return json_object_set_new(object, key, taken_value) < 0 ? -ENOMEM : 0;
}

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_u64(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

int json_read_file(const char *path, json_t **ret, struct tare_err *err)
{
	cleanup_close int fd = fd_open_plain(AT_FDCWD, path, 16LL << 20, err);
	cleanup_json json_t *read = NULL;
	json_error_t why;

	if (fd < 0)
		return fd;
	read = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
	if (!read)
		return err_set(err, EBADMSG, "'%.120s', line %d: %.60s", path, why.line, why.text);
	if (!json_is_object(read))
		return err_set(err, EBADMSG, "'%.120s' is no JSON object", path);
	*ret = take_pointer(read);
	return 0;
}
