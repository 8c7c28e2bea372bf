/* SPDX-License-Identifier: MIT */
/* Tasks until there are enough, or the kernel refuses one more: where a limit of tasks stops it
 * shows in their number. */

#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "pages.h"
#include "param.h"
#include "partner.h"
#include "workload.h"

#define CHILDREN_MAX 32768
#define HOLD         (10 * NS_PER_MS)
#define STACK_SIZE   ((size_t)64 << 10)
/* Tasks that outlive us are bounded by themselves, wherever they have got to. */
#define ORPHAN_S     20
#define CHURN_NAP    NS_PER_MS
#define FILL_STEP    (1 << 20)

struct fork_many {
	uint64_t wanted, n_children, refused;
	pid_t (*start)(struct fork_many *s, struct tare_err *err);
	bool threads;
	pid_t *children;
	uint64_t fill;
	pid_t filler; /* 0: not yet */
};

static __attribute__((noreturn)) void child_life(void *state)
{
	(void)state;
	for (;;)
		(void)pause();
}

static pid_t start_fork(struct fork_many *s, struct tare_err *err)
{
	(void)s;
	return partner_start(child_life, NULL, err);
}

static pid_t start_clone3(struct fork_many *s, struct tare_err *err)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	pid_t parent = getpid();
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	(void)s;
	if (pid < 0)
		return err_errno(err, "clone3");
	if (pid > 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	child_life(NULL);
}

static void *thread_life(void *state)
{
	(void)state;
	for (;;)
		(void)pause();
	return NULL;
}

static pid_t start_thread(struct fork_many *s, struct tare_err *err)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	(void)s;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	r = pthread_create(&thread, &attributes, thread_life, NULL);
	(void)pthread_attr_destroy(&attributes);
	if (r)
		return err_set(err, r, "start a thread");
	return 1;
}

/* Of a child that does not end with us: it keeps our stdout open, for who counts those. */
static void outlive(void)
{
	(void)close(STDIN_FILENO);
	(void)alarm(ORPHAN_S);
}

static pid_t start_orphan(struct fork_many *s, struct tare_err *err)
{
	pid_t pid = fork();

	(void)s;
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid > 0)
		return pid;
	outlive();
	child_life(NULL);
}

/* Each forks a successor and ends, over and over: whoever kills them has to be faster. */
static __attribute__((noreturn)) void churn(void)
{
	const struct timespec nap = {.tv_nsec = CHURN_NAP};
	uint64_t end_ns = clock_now_ns() + ORPHAN_S * NS_PER_S;

	for (;;) {
		pid_t pid = fork();

		if (pid > 0 || clock_now_ns() > end_ns)
			_exit(EXIT_SUCCESS);
		(void)nanosleep(&nap, NULL);
	}
}

static pid_t start_churn(struct fork_many *s, struct tare_err *err)
{
	pid_t pid = fork();

	(void)s;
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid > 0)
		return pid;
	outlive();
	churn();
}

/* One more child, which takes memory until it has so much, or is killed for it. */
static pid_t start_filler(struct fork_many *s, struct tare_err *err)
{
	pid_t pid = fork();
	char *base;

	if (pid < 0)
		return err_errno(err, "fork");
	if (pid > 0)
		return pid;
	outlive();
	if (pages_map(s->fill, &base, err) < 0)
		_exit(EXIT_FAILURE);
	pages_touch(base, s->fill, pages_size());
	child_life(NULL);
}

static const struct {
	const char *name;
	pid_t (*start)(struct fork_many *s, struct tare_err *err);
} ways[] = {
	{"fork", start_fork},     {"clone3", start_clone3}, {"thread", start_thread},
	{"orphan", start_orphan}, {"churn", start_churn},
};

static int choose_way(struct fork_many *s, const char *name, struct tare_err *err)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, name) == 0) {
			s->start = ways[i].start;
			s->threads = s->start == start_thread;
			return 0;
		}
	}
	return err_set(err, EINVAL, "by: '%.40s' is not one of fork|clone3|thread|orphan|churn",
		       name);
}

static int fork_many_setup(void *state, const char *const *params, struct tare_err *err)
{
	struct fork_many *s = state;
	int r;

	if ((r = units_parse_count("n", params[0], 1, CHILDREN_MAX, &s->wanted, err)) < 0 ||
	    (r = choose_way(s, params[1], err)) < 0 ||
	    (r = param_size("fill", params[2], 0, 1ULL << 40, FILL_STEP, &s->fill, err)) < 0)
		return r;
	/* What churns is handed to us when its parent has ended, and nobody waits for it. */
	if (s->start == start_churn &&
	    (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || signal(SIGCHLD, SIG_IGN) == SIG_ERR))
		return err_errno(err, "take orphans in");
	s->children = calloc(s->wanted, sizeof(*s->children));
	return s->children ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int fork_many_run(void *state, uint64_t iters, struct tare_err *err)
{
	const struct timespec hold = {.tv_nsec = HOLD};
	struct fork_many *s = state;

	for (uint64_t i = 0; i < iters; i++) {
		struct tare_err why = {0};
		pid_t pid;

		if (s->n_children == s->wanted && s->fill && !s->filler) {
			s->filler = start_filler(s, err);
			if (s->filler < 0)
				return s->filler;
			continue;
		}
		if (s->refused || s->n_children == s->wanted) {
			(void)nanosleep(&hold, NULL);
			continue;
		}
		pid = s->start(s, &why);
		if (pid == -EAGAIN)
			s->refused++;
		else if (pid < 0)
			return err_set(err, -pid, "%s", why.msg);
		else
			s->children[s->n_children++] = pid;
	}
	return 0;
}

static size_t fork_many_figures(const void *state, uint64_t ns, struct play_figure *figures)
{
	const struct fork_many *s = state;

	(void)ns;
	figures[0] = (struct play_figure){.name = "children", .value = (double)s->n_children};
	figures[1] = (struct play_figure){.name = "refused", .value = (double)s->refused};
	return 2;
}

/* Threads end with the process; what churns ends by itself, and its numbers are others' by now. */
static void fork_many_teardown(void *state)
{
	struct fork_many *s = state;
	bool ours = !s->threads && s->start != start_churn;

	for (uint64_t i = 0; ours && i < s->n_children; i++)
		(void)kill(s->children[i], SIGKILL);
	for (uint64_t i = 0; ours && i < s->n_children; i++)
		partner_reap(s->children[i]);
	if (s->filler > 0) {
		(void)kill(s->filler, SIGKILL);
		partner_reap(s->filler);
	}
	free(s->children);
}

const struct workload workload_fork_many = {
	.name = "fork-many",
	.summary = "fork children that wait, until there are enough or one is refused",
	.op = "a fork(2), or 10 ms of sleep once there are n children or one was refused",
	.groups = "limits",
	.params =
		(const struct workload_param[]){
			{"n", "children that are wanted", "64"},
			{"by",
			 "how: fork|clone3|thread, orphan (outlives "
			 "us), churn (forks its successor and ends)",
			 "fork"},
			{"fill", "memory that one more child takes then, MiB", "0M"},
			{NULL, NULL, NULL}},
	.state_size = sizeof(struct fork_many),
	.solo = true,
	.safety = "pids-limit=256,memory=256M",
	.setup = fork_many_setup,
	.run = fork_many_run,
	.figures = fork_many_figures,
	.teardown = fork_many_teardown,
};
