/* SPDX-License-Identifier: MIT */
#pragma once
/* box_run: run a shell script in a box and get back what it wrote and how it ended. */

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "box/box.h"

#define PATIENCE_MS 30000

struct bench {
	char base[64], cache[80], work[80], load[256];
	struct box_place place;
};

struct outcome {
	int r; /* of start */
	struct tare_err err;
	int code, status; /* as waitid gives them: CLD_EXITED, 3 */
	char out[16384];
};

static int bench_make(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	(void)snprintf(b->base, sizeof(b->base), "/tmp/tare-test-box-XXXXXX");
	assert_non_null(mkdtemp(b->base));
	assert_int_equal(chmod(b->base, 0755), 0);
	(void)snprintf(b->cache, sizeof(b->cache), "%s/cache", b->base);
	(void)snprintf(b->work, sizeof(b->work), "%s/work", b->base);
	(void)snprintf(b->load, sizeof(b->load), "%s/tare-load", TARE_BINARY_DIR);
	assert_int_equal(mkdir(b->cache, 0755), 0);
	assert_int_equal(mkdir(b->work, 0755), 0);
	b->place = (struct box_place){
		.load_path = b->load, .cache_dir = b->cache, .work_dir = b->work};
	*state = b;
	return 0;
}

/* Nothing of a box may be left: no child, no mount. */
static int bench_drop(void **state)
{
	static char mounts[1U << 18];
	struct bench *b = *state;

	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	assert_true(fd_read_file(AT_FDCWD, "/proc/self/mountinfo", mounts, sizeof(mounts), NULL) >
		    0);
	assert_null(strstr(mounts, b->base));
	assert_int_equal(fd_remove_tree(b->base, NULL), 0);
	free(b);
	return 0;
}

static const struct box_ops *box_named(const char *name)
{
	const struct box_ops *ops = NULL;

	assert_int_equal(box_find(name, &ops, NULL), 0);
	return ops;
}

/* Skip the test where this box cannot run. */
static void need_box(const char *name)
{
	struct tare_err err = {0};

	if (geteuid() == 0 && box_named(name)->probe(&err) == 0)
		return;
	print_message("skipped: %s\n", err.code ? err.msg : "not root");
	skip();
}

/* The end of stdin ends the programs here, so a lost one does not outlive its test. */
struct inside {
	struct box *box;
	struct box_process process;
	int to, from; /* its stdin, its stdout and stderr */
};

static int inside_start(const struct bench *b, const char *name, const char *options,
			char *const *argv, const struct cgroup *cgroup, struct inside *ret,
			struct tare_err *err)
{
	char path[] = "PATH=/bin:/usr/bin";
	char *envp[] = {path, NULL};
	const struct box_ops *ops = box_named(name);
	json_t *json = json_loads(options, 0, NULL);
	struct box_config config = {.place = &b->place, .options = json, .name = "tare-test-1"};
	int in[2], out[2], r;

	assert_non_null(json);
	r = ops->open(&config, &ret->box, err);
	json_decref(json);
	if (r < 0)
		return r;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	const struct box_exec exec = {.argv = argv,
				      .envp = envp,
				      .stdio = {in[0], out[1], out[1]},
				      .cgroup = cgroup,
				      .cpus = 1};
	r = ops->start(ret->box, &exec, &ret->process, err);
	(void)close(in[0]);
	(void)close(out[1]);
	ret->to = in[1];
	ret->from = out[0];
	if (r < 0) {
		(void)close(in[1]);
		(void)close(out[0]);
		assert_int_equal(ops->close(ret->box, NULL), 0);
	}
	return r;
}

static void inside_finish(struct inside *in, struct outcome *ret)
{
	struct pollfd end = {.fd = in->process.pidfd, .events = POLLIN};
	siginfo_t info = {0};
	size_t used = 0;
	ssize_t n;

	(void)close(in->to);
	while ((n = read(in->from, ret->out + used, sizeof(ret->out) - 1 - used)) > 0)
		used += (size_t)n;
	ret->out[used] = '\0';
	(void)close(in->from);
	if (poll(&end, 1, PATIENCE_MS) != 1)
		(void)syscall(SYS_pidfd_send_signal, in->process.pidfd, SIGKILL, NULL, 0);
	assert_int_equal(waitid(P_PIDFD, (id_t)in->process.pidfd, &info, WEXITED), 0);
	ret->code = info.si_code;
	ret->status = info.si_status;
	(void)close(in->process.pidfd);
	assert_int_equal(in->box->ops->close(in->box, &ret->err), 0);
}

static void run_program(const struct bench *b, const char *name, const char *options,
			char *const *argv, struct outcome *ret)
{
	struct inside in;

	memset(ret, 0, sizeof(*ret));
	ret->r = inside_start(b, name, options, argv, NULL, &in, &ret->err);
	if (ret->r == 0)
		inside_finish(&in, ret);
}

static void run_script(const struct bench *b, const char *name, const char *options,
		       const char *script, struct outcome *ret)
{
	char sh[] = "busybox", ash[] = "sh", c[] = "-c";
	char *copy = strdup(script);
	char *argv[] = {sh, ash, c, copy, NULL};

	run_program(b, name, options, argv, ret);
	free(copy);
	if (ret->r < 0)
		print_message("%s\n", ret->err.msg);
}

static void assert_out(const struct outcome *o, const char *expected)
{
	assert_string_equal(o->out, expected);
	assert_int_equal(o->r, 0);
	assert_int_equal(o->code, CLD_EXITED);
	assert_int_equal(o->status, 0);
}
