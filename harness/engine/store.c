/* SPDX-License-Identifier: MIT */
#include "engine/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"

struct store {
	char *path;
	int dir_fd;
	int records_fd;
	uint64_t count;
	json_t *sets; /* "GROUP\tROUND\tSET" -> how many records */
};

static void cleanup_storep(struct store **store)
{
	store_close(*store);
}
#define cleanup_store __attribute__((cleanup(cleanup_storep)))

int store_check_empty(const char *path, struct tare_err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_errno(err, "open folder '%s'", path);
	while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): our own stream */
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = err_set(err, ENOTEMPTY,
				    "'%s' is not empty: name a new folder, or go on with --resume",
				    path);
	}
	(void)closedir(dir);
	return r;
}

static int open_folder(const char *path, int flags, struct store **ret, struct tare_err *err)
{
	cleanup_store struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(err, ENOMEM, "out of memory");
	s->records_fd = -1;
	s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return err_errno(err, "open folder '%s'", path);
	s->records_fd =
		openat(s->dir_fd, "records.jsonl", O_RDWR | O_APPEND | O_CLOEXEC | flags, 0644);
	if (s->records_fd < 0)
		return err_errno(err, "open '%s/records.jsonl'", path);
	s->path = strdup(path);
	s->sets = json_object();
	if (!s->path || !s->sets)
		return err_set(err, ENOMEM, "out of memory");
	*ret = take_pointer(s);
	return 0;
}

int store_create(const char *path, struct store **ret, struct tare_err *err)
{
	int r = store_check_empty(path, err);

	if (r < 0)
		return r;
	r = fd_make_dirs(path, err);
	if (r < 0)
		return r;
	return open_folder(path, O_CREAT | O_EXCL, ret, err);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->dir_fd >= 0)
		(void)close(store->dir_fd);
	if (store->records_fd >= 0)
		(void)close(store->records_fd);
	json_decref(store->sets);
	free(store->path);
	free(store);
}

uint64_t store_count(const struct store *store)
{
	return store->count;
}

static char *set_key(const char *group, uint64_t round, const char *set)
{
	return text_format("%s\t%llu\t%s", group, (unsigned long long)round, set);
}

static int count_record(const json_t *record, size_t line, void *context)
{
	struct store *s = context;
	cleanup_free char *key =
		set_key(json_string_or(record, "group", ""), json_u64_or(record, "round", 0),
			json_string_or(record, "set", ""));
	json_int_t n;

	(void)line;
	if (!key)
		return -ENOMEM;
	s->count++;
	if (strcmp(json_string_or(record, "status", ""), "void") == 0)
		return 0; /* it was carried out again */
	n = json_integer_value(json_object_get(s->sets, key));
	n = json_bool_or(record, "superseded", false) ? 0 : n + 1;
	return json_put(s->sets, key, json_integer(n));
}

/* Cut a torn last line off, so that the next record does not grow on it. It was never a record:
 * nothing that was promised is lost. */
static int cut_torn_line(struct store *s, struct tare_err *err)
{
	off_t at = lseek(s->records_fd, 0, SEEK_END), size = at;
	char byte = 0;

	while (at > 0) {
		if (pread(s->records_fd, &byte, 1, at - 1) != 1)
			return err_errno(err, "read '%s/records.jsonl'", s->path);
		if (byte == '\n')
			break;
		at--;
	}
	if (at < size && ftruncate(s->records_fd, at) < 0)
		return err_errno(err, "cut '%s/records.jsonl'", s->path);
	return 0;
}

int store_open(const char *path, struct store **ret, struct tare_err *err)
{
	cleanup_store struct store *s = NULL;
	int r = open_folder(path, 0, &s, err);

	if (r < 0)
		return r;
	r = store_each(path, count_record, s, NULL, err);
	if (r < 0)
		return r;
	r = cut_torn_line(s, err);
	if (r < 0)
		return r;
	*ret = take_pointer(s);
	return 0;
}

int store_write_manifest(struct store *store, const json_t *manifest, struct tare_err *err)
{
	cleanup_free char *text = json_dumps(manifest, JSON_INDENT(2));
	cleanup_close int fd = openat(store->dir_fd, "manifest.json.new",
				      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (!text)
		return err_set(err, ENOMEM, "out of memory");
	if (fd < 0)
		return err_errno(err, "make '%s/manifest.json.new'", store->path);
	r = fd_write_all(fd, text, strlen(text), err);
	if (r < 0 || (r = fd_write_all(fd, "\n", 1, err)) < 0)
		return err_wrap(err, r, "'%s/manifest.json'", store->path);
	if (fsync(fd) < 0)
		return err_errno(err, "sync '%s/manifest.json'", store->path);
	if (renameat(store->dir_fd, "manifest.json.new", store->dir_fd, "manifest.json") < 0)
		return err_errno(err, "replace '%s/manifest.json'", store->path);
	return 0;
}

int store_read_manifest(struct store *store, json_t **ret, struct tare_err *err)
{
	cleanup_free char *path = text_format("%s/manifest.json", store->path);

	return path ? json_read_file(path, ret, err) : err_set(err, ENOMEM, "out of memory");
}

static int print_records(const struct store *s, json_t *records, char **ret, size_t *ret_size)
{
	FILE *out = open_memstream(ret, ret_size);
	uint64_t seq = s->count;
	json_t *record;
	size_t i;
	int r = 0;

	if (!out)
		return -ENOMEM;
	json_array_foreach(records, i, record)
	{
		if (json_put(record, "schema", json_string("tare.record/1")) < 0 ||
		    json_put(record, "seq", json_u64(seq++)) < 0 ||
		    json_dumpf(record, out, JSON_COMPACT) < 0 || fputc('\n', out) == EOF)
			r = -ENOMEM;
	}
	return fclose(out) ? -ENOMEM : r;
}

int store_append(struct store *store, json_t *records, struct tare_err *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0, i;
	off_t before = lseek(store->records_fd, 0, SEEK_END);
	json_t *record;
	int r = print_records(store, records, &text, &size);

	if (r < 0 || before < 0)
		return err_set(err, ENOMEM, "out of memory");
	r = fd_write_all(store->records_fd, text, size, err);
	if (r == 0 && fsync(store->records_fd) < 0)
		r = err_errno(err, "sync");
	if (r < 0) {
		/* If this fails too, the torn line is cut when the run is resumed. */
		(void)!ftruncate(store->records_fd, before);
		return err_wrap(err, r, "'%s/records.jsonl'", store->path);
	}
	json_array_foreach(records, i, record)
	{
		r = count_record(record, 0, store);
		if (r < 0)
			return err_set(err, -r, "out of memory");
	}
	return 0;
}

size_t store_set_size(const struct store *store, const char *group, uint64_t round, const char *set)
{
	cleanup_free char *key = set_key(group, round, set);

	return key ? (size_t)json_integer_value(json_object_get(store->sets, key)) : 0;
}

static json_t *parse_record(const char *file, const char *line, size_t size, size_t number,
			    struct tare_err *err)
{
	json_error_t why;
	json_t *record;

	if (size > STORE_LINE_MAX) {
		(void)err_set(err, EBADMSG, "'%s', line %zu: longer than %u bytes", file, number,
			      STORE_LINE_MAX);
		return NULL;
	}
	record = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
	if (!record) {
		(void)err_set(err, EBADMSG, "'%s', line %zu, column %d: %.80s", file, number,
			      why.column, why.text);
		return NULL;
	}
	if (strcmp(json_string_or(record, "schema", ""), "tare.record/1") != 0) {
		(void)err_set(err, EBADMSG, "'%s', line %zu: no record of schema tare.record/1",
			      file, number);
		json_decref(record);
		return NULL;
	}
	return record;
}

int store_each(const char *path, int (*each)(const json_t *record, size_t line, void *context),
	       void *context, bool *ret_torn, struct tare_err *err)
{
	cleanup_free char *file = text_format("%s/records.jsonl", path);
	cleanup_free char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t n;

	if (!file)
		return err_set(err, ENOMEM, "out of memory");
	cleanup_close int fd = fd_open_plain(AT_FDCWD, file, LLONG_MAX, err);
	if (fd < 0)
		return fd;
	cleanup_fclose FILE *in = fdopen(fd, "r");
	if (!in)
		return err_errno(err, "read '%s'", file);
	(void)take_fd(&fd);
	if (ret_torn)
		*ret_torn = false;
	while ((n = getline(&line, &room, in)) > 0) {
		number++;
		if (line[n - 1] != '\n') {
			if (ret_torn)
				*ret_torn = true;
			return 0;
		}
		cleanup_json json_t *record = parse_record(file, line, (size_t)n, number, err);
		if (!record)
			return -EBADMSG;
		int r = each(record, number, context);
		if (r < 0)
			return err_set(err, -r, "'%s', line %zu: not to be read", file, number);
	}
	return ferror(in) ? err_errno(err, "read '%s'", file) : 0;
}
