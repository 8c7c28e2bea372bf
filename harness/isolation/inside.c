/* SPDX-License-Identifier: MIT */
#include "isolation/inside.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "box/box.h"
#include "isolation/answer.h"
#include "isolation/bait.h"
#include "isolation/capture.h"
#include "machine/machine.h"

#define ARGUMENTS 160
#define RUN_NS    (60 * NS_PER_S)
#define GUEST_NS  (240 * NS_PER_S) /* emulated, it is slow */
#define PATH_WORK "mount=/work"

struct inside {
	const struct isolation_plan *plan;
	struct machine *machine;
};

/* argv of `tare-load probe`: its texts belong to the bait and the list. */
static void make_arguments(const char *load, const struct bait *bait, const json_t *probes,
			   const char *const *extra, char *argv[ARGUMENTS])
{
	size_t n = 0, i;
	json_t *name;

/* execve takes no const, and changes nothing. NOLINTBEGIN(performance-no-int-to-ptr) */
#define PUT(text)                                                                                  \
	do {                                                                                       \
		if (n < ARGUMENTS - 1)                                                             \
			argv[n++] = (char *)(uintptr_t)(text);                                     \
	} while (0)
	PUT(load);
	PUT("probe");
	for (i = 0; bait && i < bait->n; i++)
		PUT(bait->words[i]);
	for (; extra && *extra; extra++)
		PUT(*extra);
	json_array_foreach(probes, i, name)
	{
		PUT(json_string_value(name));
	}
#undef PUT
	/* NOLINTEND(performance-no-int-to-ptr) */
	argv[n] = NULL;
}

static int read_answer(const struct capture *c, json_t **ret, struct tare_err *err)
{
	if (c->too_long)
		return err_set(err, EFBIG, "the answer from inside is longer than %u bytes",
			       ANSWER_MAX);
	return answer_parse(c->bytes, c->n, ret, err);
}

static int wait_bounded(pid_t pid, uint64_t deadline_ns)
{
	int status = 0;

	for (;;) {
		const struct timespec tick = {.tv_nsec = 2 * (long)NS_PER_MS};

		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (clock_now_ns() > deadline_ns)
			(void)kill(pid, SIGKILL); /* our own child, not reaped yet */
		(void)nanosleep(&tick, NULL);
	}
}

int inside_nothing(const char *load_path, const struct bait *bait, const json_t *probes,
		   const char *extra, json_t **ret, struct tare_err *err)
{
	const char *const more[] = {extra, NULL};
	uint64_t deadline = clock_now_ns() + RUN_NS;
	posix_spawn_file_actions_t actions;
	char *argv[ARGUMENTS];
	struct capture capture;
	int out, r;
	pid_t pid;

	make_arguments(load_path, bait, probes, more, argv);
	r = capture_start(&capture, ANSWER_MAX, deadline, &out, err);
	if (r < 0)
		return r;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, out, 1);
	r = posix_spawn(&pid, load_path, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(out);
	if (r == 0)
		(void)wait_bounded(pid, deadline);
	capture_stop(&capture);
	r = r ? err_set(err, r, "run '%s' failed", load_path) : read_answer(&capture, ret, err);
	capture_clear(&capture);
	return r;
}

int inside_open(const struct isolation_plan *plan, const struct env_choice *env,
		struct inside **ret, struct tare_err *err)
{
	struct inside *inside = calloc(1, sizeof(*inside));
	static unsigned int number;
	const struct site_machine wanted = {.env = env, .number = number};
	int r;

	if (!inside)
		return err_set(err, ENOMEM, "out of memory");
	inside->plan = plan;
	number++;
	r = site_open(&plan->site, &wanted, &inside->machine, err);
	if (r < 0)
		free(inside);
	else
		*ret = inside;
	return r;
}

bool inside_is_guest(const struct inside *inside)
{
	return inside->machine->ops->is_guest;
}

static bool has_root(const struct env_choice *env, bool guest)
{
	const struct box_ops *ops;

	if (box_find(env->box, &ops, NULL) < 0)
		return false;
	return guest || box_changes_root(ops, env->options);
}

static int run_captured(struct inside *inside, const struct env_choice *env, char **argv,
			char **envp, struct capture *capture, struct tare_err *err)
{
	uint64_t ns = inside_is_guest(inside) ? GUEST_NS : RUN_NS;
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct machine_stdio stdio = {.deadline_ns = clock_now_ns() + ns};
	struct trial_spec spec;
	int out, status = 0, r;

	if (null < 0)
		return err_errno(err, "open /dev/null");
	/* A guest takes another 30 s to be given up. */
	r = capture_start(capture, ANSWER_MAX, stdio.deadline_ns + ns, &out, err);
	if (r < 0)
		return r;
	stdio.fds[0] = null;
	stdio.fds[1] = out;
	stdio.fds[2] = null;
	r = site_spec(env, &spec, err);
	if (r == 0)
		r = inside->machine->ops->exec(inside->machine, &spec, argv, envp, NULL, &stdio,
					       &status, err);
	trial_spec_clear(&spec);
	(void)close(out);
	capture_stop(capture);
	return r;
}

int inside_run(struct inside *inside, const struct env_choice *env, const struct bait *bait,
	       const json_t *probes, json_t **ret, uid_t *ret_uid, struct tare_err *err)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *few[] = {path, NULL}, *argv[ARGUMENTS];
	bool guest = inside_is_guest(inside), root = has_root(env, guest);
	bool native = !guest && strcmp(env->box, "bare") == 0;
	const struct trial_place *place = inside->plan->site.place;
	char mount[600];
	/* Leave to damage is given to guests only; the probe looks for the guest's mark itself. */
	const char *const extra[] = {root ? PATH_WORK : mount, guest ? "damage=1" : NULL, NULL};
	struct capture capture = {0};
	int r;

	(void)snprintf(mount, sizeof(mount), "mount=%s", place->box.work_dir);
	make_arguments(root ? "/bin/tare-load" : place->box.load_path, bait, probes, extra, argv);
	r = run_captured(inside, env, argv, native ? environ : few, &capture, err);
	if (r == 0)
		r = read_answer(&capture, ret, err);
	*ret_uid = guest ? (uid_t)-1 : capture.uid;
	capture_clear(&capture);
	return r;
}

int inside_close(struct inside *inside, struct tare_err *err)
{
	int r = inside->machine->ops->close(inside->machine, err);

	free(inside);
	return r;
}
