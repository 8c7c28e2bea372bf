/* SPDX-License-Identifier: MIT */
/* tare-agent: carries trials out for a tare on the other side of a channel. As a guest's first
 * process it makes a system first; with --channel-fd it is an ordinary process. */

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/first.h"
#include "agent/init.h"
#include "agent/serve.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/units.h"
#include "kernel/journal.h"
#include "machine/vm/message.h"
#include "trial/trial.h"

struct agent_options {
	int channel_fd, stdio_fd;
	const char *load_path;
	const char *dir;         /* for what is made; the work folder is below it */
	struct journal *journal; /* NULL in a guest, which vanishes as a whole */
	bool in_guest;
};

static int serve_in(const struct agent_options *options, const char *work_dir, struct tare_err *err)
{
	char cache[256], prefix[96] = "tare-agent";
	struct trial_place place = {
		.box = {.load_path = options->load_path,
			.cache_dir = cache,
			.work_dir = work_dir,
			.journal = options->journal,
			.in_guest = !options->journal},
		.group_prefix = prefix,
		.kernel_is_ours = options->in_guest,
	};
	const struct serve_config config = {
		.place = &place,
		.channel_fd = options->channel_fd,
		.stdio_fd = options->stdio_fd,
		.set_up_rest = options->journal ? NULL : init_set_up_rest,
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
		.lines = getenv(INIT_LINES) != NULL,
	};
	int r;

	(void)snprintf(cache, sizeof(cache), "%.200s/cache", options->dir);
	if (options->journal)
		(void)snprintf(prefix, sizeof(prefix), "tare-%s", journal_name(options->journal));
	(void)signal(SIGPIPE, SIG_IGN);
	if ((r = fd_make_dirs(cache, err)) < 0 || (r = fd_make_dirs(work_dir, err)) < 0 ||
	    (r = cgroup_layout_read(&place.layout, err)) < 0)
		return r;
	return serve(&config, err);
}

static int serve_guest(struct tare_err *err)
{
	struct agent_options options = {
		.load_path = "/bin/tare-load", .dir = "/run/tare", .in_guest = true};

	options.channel_fd = init_open_port(MESSAGE_PORT, err);
	if (options.channel_fd < 0)
		return options.channel_fd;
	options.stdio_fd = init_open_port(MESSAGE_STDIO_PORT, NULL);
	return serve_in(&options, "/work", err);
}

/* The console's reader is a person who asks why a guest died. */
static int tell(int r, const struct tare_err *err)
{
	if (r < 0)
		(void)dprintf(STDERR_FILENO, "tare-agent: %s\n", err->msg);
	return r < 0 ? 1 : 0;
}

static _Noreturn void run_guest(void)
{
	struct tare_err err = {0};
	sigset_t was;
	int status, r;
	pid_t agent;

	init_mark_first_instruction();
	r = init_set_up(&err);
	if (r < 0) {
		(void)tell(r, &err);
		init_leave(INIT_LEFT_FAILED);
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	(void)setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	first_hold_signals(&was);
	agent = fork();
	if (agent == 0) {
		(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
		_exit(tell(serve_guest(&err), &err));
	}
	status = first_mind(agent);
	if (WIFSIGNALED(status))
		(void)dprintf(STDERR_FILENO, "tare-agent: killed by signal %d\n", WTERMSIG(status));
	init_leave(status == 0 ? INIT_LEFT_CLEAN : INIT_LEFT_FAILED);
}

static int read_fd(const char *name, const char *text, int *ret, struct tare_err *err)
{
	uint64_t fd;
	int r = units_parse_count(name, text, 0, 1023, &fd, err);

	if (r == 0)
		*ret = (int)fd;
	return r;
}

static int read_options(int argc, char **argv, struct agent_options *options, struct tare_err *err)
{
	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		int r = 0;

		if (strcmp(argv[i], "--channel-fd") == 0)
			r = read_fd(argv[i], value, &options->channel_fd, err);
		else if (strcmp(argv[i], "--stdio-fd") == 0)
			r = read_fd(argv[i], value, &options->stdio_fd, err);
		else if (strcmp(argv[i], "--load") == 0)
			options->load_path = value;
		else if (strcmp(argv[i], "--dir") == 0)
			options->dir = value;
		else
			r = err_set(err, EINVAL, "unknown flag '%.40s'", argv[i]);
		if (r < 0)
			return r;
	}
	if (options->channel_fd < 0 || !options->load_path || !options->dir)
		return err_set(err, EINVAL,
			       "usage: tare-agent --channel-fd N [--stdio-fd N] --load PATH --dir "
			       "DIR (it is started by tare)");
	return 0;
}

int main(int argc, char **argv)
{
	struct agent_options options = {.channel_fd = -1, .stdio_fd = -1};
	struct tare_err err = {0};
	char work[256];
	int r;

	if (getpid() == 1)
		run_guest();
	r = read_options(argc, argv, &options, &err);
	if (r < 0) {
		(void)tell(r, &err);
		return 2;
	}
	(void)snprintf(work, sizeof(work), "%.200s/work", options.dir);
	r = journal_open(&options.journal, &err);
	if (r < 0)
		return tell(r, &err);
	r = serve_in(&options, work, &err);
	/* The other side closed: that is how a host process is told to end. */
	if (r == -EPIPE) {
		err = (struct tare_err){0};
		r = 0;
	}
	if (journal_close(options.journal, &err) < 0 && r == 0)
		r = -EIO;
	return tell(r, &err);
}
