/* SPDX-License-Identifier: MIT */
#pragma once
/* conductor: starts tare-load and speaks its protocol, for the tests of tare-load. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/play.h"

#define TARE_LOAD   TARE_BINARY_DIR "/tare-load"
#define PATIENCE_MS 30000
#define WORDS_MAX   4096

static json_t *loads; /* what describe prints */
static char work[] = TARE_BINARY_DIR "/test_play-XXXXXX";

struct player {
	pid_t pid;
	int to, from, err; /* its stdin, stdout, stderr */
};

struct answer {
	struct play_reply reply;
	union {
		char why[PLAY_PAYLOAD_MAX];
		struct play_result result;
	} payload;
};

static inline void open_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* args: up to six, NULL-ended. */
static inline struct player start(const char *const *args)
{
	char name[] = "tare-load", *argv[8] = {name};
	int in[2], out[2], err[2];
	posix_spawn_file_actions_t actions;
	struct player p;

	for (int i = 0; args[i]; i++)
		assert_non_null(argv[i + 1] = strdup(args[i]));
	open_pipe(in);
	open_pipe(out);
	open_pipe(err);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], 0), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, err[1], 2), 0);
	assert_int_equal(posix_spawn(&p.pid, TARE_LOAD, &actions, NULL, argv, environ), 0);
	for (int i = 1; argv[i]; i++)
		free(argv[i]);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	p.to = in[1];
	p.from = out[0];
	p.err = err[0];
	return p;
}

static inline struct player play(const char *load, const char *mode, const char *param)
{
	return start((const char *const[]){"play", load, mode, param, NULL});
}

static inline void hear(const struct player *p, struct answer *a)
{
	struct tare_err err = {0};

	memset(a, 0, sizeof(*a));
	assert_int_equal(fd_wait_readable(p->from, PATIENCE_MS, &err), 1);
	if (fd_read_all(p->from, &a->reply, sizeof(a->reply), &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(a->reply.magic, PLAY_MAGIC);
	assert_in_range(a->reply.payload, 0, PLAY_PAYLOAD_MAX);
	assert_int_equal(fd_read_all(p->from, &a->payload, a->reply.payload, &err), 0);
}

static inline void ask(const struct player *p, const struct play_request *request, struct answer *a)
{
	assert_int_equal(fd_write_all(p->to, request, sizeof(*request), NULL), 0);
	hear(p, a);
}

static inline void hear_ready(const struct player *p)
{
	struct answer a;

	hear(p, &a);
	assert_int_equal(a.reply.kind, PLAY_READY);
	if (a.reply.status < 0)
		fail_msg("%.*s", (int)a.reply.payload, a.payload.why);
	assert_int_equal(a.reply.payload, 0);
}

/* What is left to read of a stream, as text. */
static inline void read_words(int fd, char *words)
{
	size_t used = 0;
	ssize_t n;

	while (used < WORDS_MAX - 1 && (n = read(fd, words + used, WORDS_MAX - 1 - used)) > 0)
		used += (size_t)n;
	words[used] = '\0';
}

/* Its exit status; every process that it made is gone, and every file. */
static inline int end(struct player *p)
{
	struct dirent *entry;
	DIR *dir;
	int status;

	(void)close(p->to);
	(void)close(p->from);
	(void)close(p->err);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	dir = opendir(work);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): one thread */
		if (entry->d_name[0] != '.')
			fail_msg("'%s' was left behind", entry->d_name);
	(void)closedir(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline const char *name_of(const json_t *load)
{
	return json_string_value(json_object_get(load, "name"));
}

/* Where the next players make their files. */
static inline int set_work(const char *path)
{
	return setenv("TARE_WORK", path, 1); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static inline int conductor_begin(void **state)
{
	struct player p;
	json_t *described;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || !mkdtemp(work) || set_work(work) < 0)
		return -1;
	p = start((const char *const[]){"describe", NULL});
	described = json_loadfd(p.from, 0, NULL);
	loads = json_incref(json_object_get(described, "loads"));
	json_decref(described);
	return end(&p) == 0 && loads ? 0 : -1;
}

static inline int conductor_end(void **state)
{
	(void)state;
	json_decref(loads);
	return rmdir(work);
}
