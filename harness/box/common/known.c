/* SPDX-License-Identifier: MIT */
#include "box/common/known.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"

#define KNOWN_MAX     64
#define FOLDERS_MAX   4
/* Five numbers of at most 20 digits, and a digest. */
#define LINE_MAX_SIZE 176
/* A note is only made of a file whose last change is this old: what is written within one tick of
 * the kernel's clock has the same ctime as before. */
#define SETTLED_S     2

/* ctime cannot be set back. */
struct known {
	uint64_t dev, ino, size, changed_s, changed_ns;
	char hex[DIGEST_SIZE];
};
static struct known known[KNOWN_MAX];
static unsigned int n_known;
/* The folders whose notes have been read: that of images, that of guests. */
static char were_read[FOLDERS_MAX][4096];
static unsigned int n_read;
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_path(const char *folder, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/known", folder);
}

static void keep(const struct known *k)
{
	known[n_known++ % KNOWN_MAX] = *k;
}

/* What is behind the line; NULL: it is none. A number out of range is another file's, which is
 * never asked for. */
static const char *read_note(const char *line, struct known *ret)
{
	uint64_t *const numbers[] = {&ret->dev, &ret->ino, &ret->size, &ret->changed_s,
				     &ret->changed_ns};
	char *at = (char *)(uintptr_t)line; /* NOLINT(performance-no-int-to-ptr) */

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		*numbers[i] = strtoull(at, &at, 10);
		if (*at++ != ' ')
			return NULL;
	}
	if (strspn(at, "0123456789abcdef") != DIGEST_SIZE - 1 || at[DIGEST_SIZE - 1] != '\n')
		return NULL;
	memcpy(ret->hex, at, DIGEST_SIZE - 1);
	ret->hex[DIGEST_SIZE - 1] = '\0';
	return at + DIGEST_SIZE;
}

/* A torn or foreign line ends it: what is not known is read again. */
static void read_notes(const char *folder)
{
	char path[4096], text[KNOWN_MAX * LINE_MAX_SIZE];
	const char *at = text;
	struct known k;

	note_path(folder, path, sizeof(path));
	if (fd_read_file_quiet(AT_FDCWD, path, text, sizeof(text)) < 0)
		return;
	while (n_known < KNOWN_MAX && (at = read_note(at, &k)))
		keep(&k);
}

/* Losing a note costs time and nothing else. A full file is begun anew. */
static void write_note(const char *folder, const struct known *k)
{
	char path[4096], line[256];
	int full = n_known >= KNOWN_MAX ? O_TRUNC : 0, n;

	note_path(folder, path, sizeof(path));
	cleanup_close int fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | full, 0600);

	n = snprintf(line, sizeof(line),
		     "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", k->dev,
		     k->ino, k->size, k->changed_s, k->changed_ns, k->hex);
	if (fd >= 0)
		(void)fd_write_all(fd, line, (size_t)n, NULL);
}

/* For the first time, and there is room to remember it: of others the notes are not read. */
static bool is_new(const char *folder)
{
	for (unsigned int i = 0; i < n_read; i++)
		if (strcmp(were_read[i], folder) == 0)
			return false;
	if (n_read == FOLDERS_MAX)
		return false;
	(void)snprintf(were_read[n_read++], sizeof(were_read[0]), "%s", folder);
	return true;
}

static bool recall(const char *folder, struct known *k)
{
	bool found = false;

	(void)pthread_mutex_lock(&known_lock);
	if (is_new(folder))
		read_notes(folder);
	for (size_t i = 0; i < KNOWN_MAX && !found; i++) {
		found = known[i].hex[0] && known[i].dev == k->dev && known[i].ino == k->ino &&
			known[i].size == k->size && known[i].changed_s == k->changed_s &&
			known[i].changed_ns == k->changed_ns;
		if (found)
			memcpy(k->hex, known[i].hex, DIGEST_SIZE);
	}
	(void)pthread_mutex_unlock(&known_lock);
	return found;
}

static void remember(const char *folder, const struct known *k)
{
	if (time(NULL) - (time_t)k->changed_s < SETTLED_S)
		return;
	(void)pthread_mutex_lock(&known_lock);
	write_note(folder, k);
	keep(k);
	(void)pthread_mutex_unlock(&known_lock);
}

int known_digest(const char *folder, const char *path, char ret_hex[DIGEST_SIZE],
		 struct tare_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct known k = {0};
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open '%s'", path);
	k.dev = st.st_dev;
	k.ino = st.st_ino;
	k.size = (uint64_t)st.st_size;
	k.changed_s = (uint64_t)st.st_ctim.tv_sec;
	k.changed_ns = (uint64_t)st.st_ctim.tv_nsec;
	if (!recall(folder, &k)) {
		r = digest_fd(fd, k.hex, err);
		if (r == 0)
			remember(folder, &k);
	}
	memcpy(ret_hex, k.hex, DIGEST_SIZE);
	return r;
}
