/* SPDX-License-Identifier: MIT */
#include "cli/bench/play.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/log.h"
#include "cli/payload.h"
#include "cli/places.h"
#include "engine/instances.h"
#include "engine/random.h"
#include "trial/exec.h"

#define PADDING_MAX 4096

struct bench {
	const struct bench_plan *plan;
	struct places *places;
	struct engine_config config;
	/* Guests are renewed every round; the host is what it is. */
	struct instances hosts, guests;
	volatile sig_atomic_t *interrupted;
	struct bench_result *result;
	size_t n_points, n_cells, room;
	uint64_t deadline_ns; /* 0: none */
	char (*warmed)[64];   /* by cell: the instance that it was warmed up in */
	int null_fd;
};

/* One command in one cell. */
struct turn {
	const struct env_choice *env;
	size_t round, position, cell;
	uint64_t padding;
	struct instance *instance;
	struct trial_spec spec;
};

static size_t point_of(const struct bench *b, const struct turn *t)
{
	return t->cell % b->n_points;
}

/* "'sleep 3' in 'container', n=3": what a sentence is about. */
static char *name_turn(const struct bench *b, const struct turn *t, const char *what, char *buf,
		       size_t size)
{
	char point[96];

	bench_point_name(b->plan, point_of(b, t), point, sizeof(point));
	(void)snprintf(buf, size, "'%.60s' in '%s'%s%s", what, t->env->label, *point ? ", " : "",
		       point);
	return buf;
}

static int note_instance(struct bench *b, const struct instance *instance, struct tare_err *err)
{
	const char *id = json_string_or(instance->described, "id", "");
	const json_t *known;
	size_t i;

	json_array_foreach(b->result->instances, i, known)
	{
		if (strcmp(json_string_or(known, "id", ""), id) == 0)
			return 0;
	}
	return json_array_append(b->result->instances, instance->described) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

static int find_instance(struct bench *b, struct turn *t, struct tare_err *err)
{
	const struct machine_ops *ops = NULL;
	struct limits on_machine;
	int r = machine_find(t->env->machine, &ops, err);

	if (r == 0)
		r = site_spec(t->env, &t->spec, err);
	if (r < 0)
		return r;
	machine_split_limits(ops, t->env->machine_options, t->env->box, &b->plan->limits,
			     &on_machine, &t->spec.limits);
	/* A guest has CPUs of its own, which are pinned. */
	if (!ops->is_guest && b->result->players_cpu >= 0)
		t->spec.cpus = 1ULL << b->result->players_cpu;
	r = instances_get(ops->is_guest ? &b->guests : &b->hosts, t->env, &on_machine, &t->instance,
			  err);
	return r < 0 ? r : note_instance(b, t->instance, err);
}

/* Where the folder is that all environments have of one kind, and that is there from one command
 * to the next. */
static const char *work_path(const struct turn *t)
{
	const struct box_ops *box = NULL;

	if (box_find(t->env->box, &box, NULL) == 0 && box_changes_root(box, t->env->options))
		return "/work";
	return t->instance->machine->work_dir;
}

static int exec_with(struct bench *b, const struct turn *t, char *const *argv, char *const *envp,
		     struct trial_account *account, char *sha256, int *ret_status,
		     struct tare_err *err)
{
	struct machine *machine = t->instance->machine;
	const struct machine_stdio stdio = {
		/* Our stdout is the result's. */
		.fds = {b->null_fd, STDERR_FILENO, STDERR_FILENO},
		.none = !b->plan->show_output,
		.deadline_ns = b->deadline_ns,
		.stopped = b->interrupted,
		.account = account,
		.program_sha256 = sha256,
	};
	int r = machine->ops->exec(machine, &t->spec, argv, envp, b->plan->cwd, &stdio, ret_status,
				   err);

	if (r == -EPIPE || r == -ETIMEDOUT)
		t->instance->broken = true;
	if (*b->interrupted)
		return -EINTR;
	if (r == 0 && WIFSIGNALED(*ret_status) && WTERMSIG(*ret_status) == SIGKILL &&
	    b->deadline_ns && clock_now_ns() >= b->deadline_ns)
		return -ETIME;
	return r;
}

static int exec_one(struct bench *b, const struct turn *t, char *const *argv,
		    struct trial_account *account, int *ret_status, struct tare_err *err)
{
	const struct bench_plan *plan = b->plan;
	bool native = !t->instance->machine->ops->is_guest && strcmp(t->env->box, "bare") == 0;
	cleanup_free char *work = text_format("TARE_WORK=%s", work_path(t));
	/* The environment is part of a program's memory layout: see `tare run`. */
	cleanup_free char *padding = text_format("TARE_PADDING=%0*d", (int)t->padding + 1, 0);
	cleanup_free char **given = calloc(plan->n_variables + 3, sizeof(*given));
	cleanup_free char **envp = NULL;
	struct tare_err why = {0};
	char name[192], sha256[DIGEST_SIZE] = "";
	bool wants;
	int r;

	if (!work || !padding || !given)
		return err_set(err, ENOMEM, "out of memory");
	given[0] = work;
	given[1] = padding;
	for (size_t i = 0; i < plan->n_variables; i++)
		given[2 + i] = plan->variables[i];
	envp = payload_variables(given, plan->n_variables + 2, native,
				 payload_image(t->env) != NULL);
	if (!envp)
		return err_set(err, ENOMEM, "out of memory");
	/* Once: it costs a guest more than most commands do. */
	wants = account && json_is_null(json_array_get(b->result->programs, t->cell));
	r = exec_with(b, t, argv, envp, account, wants ? sha256 : NULL, ret_status, &why);
	if (r == 0 && wants && sha256[0])
		(void)json_array_set_new(b->result->programs, t->cell, json_string(sha256));
	if (r == 0 || r == -EINTR || r == -ETIME)
		return r;
	/* No such program is the user's to mend, and so is one that is not executable. */
	return err_set(err, r == -EACCES ? EINVAL : -r, "%s: %s",
		       name_turn(b, t, argv[0], name, sizeof(name)), why.msg);
}

/* status: not 0. */
static int failed(const struct bench *b, const struct turn *t, const char *what, int status,
		  struct tare_err *err)
{
	const char *hint = b->plan->show_output
				   ? "--ignore-failure goes on"
				   : "--show-output shows why, --ignore-failure goes on";
	char name[192];

	name_turn(b, t, what, name, sizeof(name));
	if (WIFSIGNALED(status))
		return err_set(err, ECHILD, "%s was killed by signal %d: %s", name,
			       WTERMSIG(status), hint);
	return err_set(err, ECHILD, "%s ended with status %d: %s", name, WEXITSTATUS(status), hint);
}

static int exec_script(struct bench *b, const struct turn *t, const char *script,
		       struct tare_err *err)
{
	char sh[] = "sh", flag[] = "-c";
	cleanup_free char *text = NULL;
	int status = 0, r;

	if (!script)
		return 0;
	r = bench_substitute(b->plan, point_of(b, t), script, &text, err);
	if (r < 0)
		return r;
	r = exec_one(b, t, (char *const[]){sh, flag, text, NULL}, NULL, &status, err);
	return r == 0 && status ? failed(b, t, script, status, err) : r;
}

static int add_run(struct bench *b, const struct turn *t, int status,
		   const struct trial_account *account, struct tare_err *err)
{
	struct bench_result *result = b->result;
	struct bench_run run = {.round = t->round,
				.position = t->position,
				.env = t->cell / b->n_points,
				.point = point_of(b, t),
				.padding = t->padding,
				.wall_ns = account->end_ns - account->up_ns,
				.user_us = account->user_us,
				.system_us = account->system_us,
				.status = status};

	(void)snprintf(run.instance, sizeof(run.instance), "%s",
		       json_string_or(t->instance->described, "id", ""));
	if (result->n_runs == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct bench_run *more = realloc(result->runs, room * sizeof(*more));

		if (!more)
			return err_set(err, ENOMEM, "out of memory");
		result->runs = more;
		b->room = room;
	}
	result->runs[result->n_runs++] = run;
	return 0;
}

static int play_command(struct bench *b, const struct turn *t, bool counts, struct tare_err *err)
{
	struct trial_account account = {0};
	char **words = NULL;
	int status = 0, r = exec_script(b, t, b->plan->prepare, err);

	if (r == 0)
		r = bench_words(b->plan, point_of(b, t), &words, err);
	if (r < 0)
		return r;
	r = exec_one(b, t, words, &account, &status, err);
	if (r == 0 && status && !b->plan->ignore_failure)
		r = failed(b, t, b->plan->command[0], status, err);
	bench_free_words(words);
	return r == 0 && counts ? add_run(b, t, status, &account, err) : r;
}

/* In an instance that has not seen it yet it is warmed up: a guest that was just booted is cold. */
static int play_cell(struct bench *b, struct turn *t, struct tare_err *err)
{
	char(*warmed)[64] = &b->warmed[t->cell];
	int r = find_instance(b, t, err);
	const char *id;

	if (r < 0)
		return r;
	id = json_string_or(t->instance->described, "id", "");
	if (strcmp(*warmed, id) != 0) {
		(void)snprintf(*warmed, sizeof(*warmed), "%s", id);
		for (uint64_t i = 0; i < b->plan->asked.warmup && r == 0; i++)
			r = play_command(b, t, false, err);
	}
	return r < 0 ? r : play_command(b, t, true, err);
}

static struct turn turn_of(const struct bench *b, size_t round, size_t position, size_t cell)
{
	const struct env_choice *env = &b->plan->envs->items[cell / b->n_points];
	struct turn t = {.env = env, .round = round, .position = position, .cell = cell};
	char point[96];
	struct random random = random_for(
		b->plan->asked.seed, "bench", round,
		bench_point_name(b->plan, cell % b->n_points, point, sizeof(point)), env->label);

	t.padding = random_below(&random, PADDING_MAX);
	return t;
}

static int play_cells(struct bench *b, size_t round, struct tare_err *err)
{
	struct random random = random_for(b->plan->asked.seed, "bench", round, "", "order");
	size_t order[BENCH_CELLS_MAX];
	int r = 0;

	random_permute(&random, order, b->n_cells);
	for (size_t i = 0; i < b->n_cells && r == 0; i++) {
		struct turn t = turn_of(b, round, i, order[i]);

		log_progress((double)b->result->n_runs /
				     (double)(b->plan->asked.rounds * b->n_cells),
			     "round %zu: %s", round + 1, t.env->label);
		r = play_cell(b, &t, err);
		trial_spec_clear(&t.spec);
		if (*b->interrupted)
			r = -EINTR;
	}
	return r;
}

static int play_round(void *context, size_t round, struct tare_err *err)
{
	struct bench *b = context;
	int r = b->plan->boot_once ? 0 : instances_close_all(&b->guests, err);

	return r < 0 ? r : play_cells(b, round, err);
}

/* Once in each cell, where there is still something to clean. */
static int clean_up(struct bench *b, struct tare_err *err)
{
	int r = 0;

	if (!b->plan->cleanup || strcmp(b->result->rounds.end, "interrupted") == 0)
		return 0;
	b->deadline_ns = 0;
	for (size_t cell = 0; cell < b->n_cells && r == 0; cell++) {
		struct turn t = turn_of(b, b->result->rounds.n, cell, cell);

		r = find_instance(b, &t, err);
		if (r == 0)
			r = exec_script(b, &t, b->plan->cleanup, err);
		trial_spec_clear(&t.spec);
	}
	return r == -EINTR ? 0 : r;
}

/* The last CPU that we may use, as in `tare run`; we wait where we are woken soonest. A command
 * that was given CPUs has those, and so have we, whose child it is: -1. */
static int choose_cpu(const struct bench_plan *plan, cpu_set_t *ret_ours)
{
	cpu_set_t one;
	int last = engine_last_cpu();

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(*ret_ours), ret_ours) < 0)
		CPU_ZERO(ret_ours);
	if (plan->limits.cpuset || CPU_COUNT(ret_ours) == 0 || last < 0)
		return -1;
	CPU_SET((unsigned int)last, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	return last;
}

static void say_warning(const struct engine_progress *progress, void *context)
{
	(void)context;
	if (progress->said)
		log_warn("%s: %s", progress->load, progress->said);
}

static int begin(struct bench *b, struct tare_err *err)
{
	static const struct campaign none; /* what a machine is, its environment says alone */
	struct places *places = b->places;
	cpu_set_t ours;
	int cpu = choose_cpu(b->plan, &ours);

	b->n_points = bench_points(b->plan);
	b->n_cells = b->n_points * b->plan->envs->n;
	b->result->rounds = rounds_begin(&b->plan->asked);
	b->result->rounds.cpu = cpu < 0 ? 0 : cpu;
	b->deadline_ns = b->result->rounds.deadline_ns;
	b->warmed = calloc(b->n_cells, sizeof(*b->warmed));
	b->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	b->result->instances = json_array();
	b->result->programs = json_array();
	for (size_t i = 0; i < b->n_cells; i++)
		(void)json_array_append_new(b->result->programs, json_null());
	b->result->players_cpu = cpu;
	if (!b->warmed || !b->result->instances)
		return err_set(err, ENOMEM, "out of memory");
	if (b->null_fd < 0)
		return err_errno(err, "open /dev/null");
	b->config = (struct engine_config){.campaign = &none,
					   .place = &places->trial,
					   .journal = places->journal,
					   .cache_dir = places->cache_dir,
					   .libexec_dir = places->libexec_dir,
					   .players_cpu = cpu < 0 ? 0 : cpu,
					   .progress = say_warning};
	b->hosts = (struct instances){
		.config = &b->config, .players_cpu = b->config.players_cpu, .cpus = ours};
	b->guests = b->hosts;
	b->guests.number = INSTANCES_MAX; /* the two count on their own, and share names */
	return 0;
}

int bench_play(const struct bench_plan *plan, struct places *places,
	       volatile sig_atomic_t *interrupted, struct bench_result *ret, struct tare_err *err)
{
	struct bench b = {
		.plan = plan, .places = places, .interrupted = interrupted, .result = ret};
	int r, q;

	*ret = (struct bench_result){0};
	r = begin(&b, err);
	if (r == 0)
		r = rounds_play(&ret->rounds, play_round, &b, err);
	if (r == 0)
		r = clean_up(&b, err);
	log_progress_end();
	q = instances_close_all(&b.guests, r < 0 ? NULL : err);
	r = r < 0 ? r : q;
	q = instances_close_all(&b.hosts, r < 0 ? NULL : err);
	json_decref(b.guests.ended);
	free(b.warmed);
	if (b.null_fd > 0)
		(void)close(b.null_fd);
	return r < 0 ? r : q;
}

void bench_result_clear(struct bench_result *result)
{
	rounds_clear(&result->rounds);
	json_decref(result->instances);
	json_decref(result->programs);
	free(result->runs);
}
