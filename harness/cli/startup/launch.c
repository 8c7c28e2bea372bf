/* SPDX-License-Identifier: MIT */
/* A start by our own hand, every moment of it on one clock. */
#include "cli/startup/launch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/play.h"
#include "base/text.h"
#include "cli/payload.h"
#include "cli/places.h"
#include "machine/machine.h"
#include "trial/exec.h"

/* What a start may take, under emulation too; then something hangs. */
#define LAUNCH_NS (120 * NS_PER_S)

const char *const launch_moment_names[LAUNCH_MOMENTS] = {"qemu",      "kernel", "init",    "hello",
							 "box_up",    "exec",   "payload", "exit",
							 "power_off", "gone"};

/* The payload's word for when it began: CLOCK_REALTIME of its kernel. */
static int read_first(int fd, const struct trial_account *account, uint64_t *ret,
		      struct tare_err *err)
{
	char text[64], *end;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned long long told;

	text[n > 0 ? n : 0] = '\0';
	errno = 0;
	told = strtoull(text, &end, 10);
	if (n <= 0 || errno || *end != '\n' || end == text)
		return err_set(err, EBADMSG, "the payload does not tell when it began");
	*ret = told - (uint64_t)account->epoch_ns;
	if (*ret < account->up_ns || *ret > account->end_ns)
		return err_set(
			err, EBADMSG,
			"the payload began outside of its own life: a clock was set meanwhile");
	return 0;
}

static int run_payload(struct places *places, struct machine *machine, const struct env_choice *env,
		       volatile sig_atomic_t *interrupted, struct trial_account *ret,
		       uint64_t *ret_first, struct tare_err *err)
{
	char name[] = "tare-load", flag[] = PLAY_FIRST, *argv[] = {name, flag, NULL};
	cleanup_free char *path = text_format("PATH=" LAUNCH_PATH "%s", places->libexec_dir);
	char *given[] = {path, NULL};
	bool native = !machine->ops->is_guest && strcmp(env->box, "bare") == 0;
	cleanup_free char **envp = payload_variables(given, 1, native, payload_image(env) != NULL);
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	cleanup_close int out = memfd_create("tare-first", MFD_CLOEXEC);
	const struct machine_stdio stdio = {.fds = {null, out, null},
					    .deadline_ns = clock_now_ns() + LAUNCH_NS,
					    .stopped = interrupted,
					    .account = ret};
	struct trial_spec spec = {0};
	int status = 0, r;

	if (!path || !envp || null < 0 || out < 0)
		return err_set(err, ENOMEM, "out of memory or descriptors");
	r = site_spec(env, &spec, err);
	if (r == 0)
		r = machine->ops->exec(machine, &spec, argv, envp, NULL, &stdio, &status, err);
	trial_spec_clear(&spec);
	if (r < 0)
		return r;
	if (status)
		return err_set(err, EIO, "the payload ended with wait status 0x%x", status);
	return read_first(out, ret, ret_first, err);
}

static void put(struct launch_spans *spans, enum launch_moment moment, uint64_t asked_ns,
		uint64_t at_ns)
{
	if (at_ns > asked_ns && at_ns <= clock_now_ns())
		spans->at_ns[moment] = at_ns - asked_ns;
}

/* What a guest's description tells of its boot and, when it has ended, of its end. */
static void put_boot(struct launch_spans *spans, uint64_t asked_ns)
{
	static const struct {
		const char *name;
		enum launch_moment moment;
	} told[] = {{"qemu", LAUNCH_QEMU},
		    {"kernel", LAUNCH_KERNEL},
		    {"userspace", LAUNCH_INIT},
		    {"hello", LAUNCH_HELLO},
		    {"power_off", LAUNCH_POWER_OFF}};
	const json_t *boot = json_object_get(spans->instance, "boot");
	const json_t *at = json_object_get(boot, "spans");
	uint64_t begun = json_u64_or(boot, "begun_ns", 0);

	for (size_t i = 0; begun && i < sizeof(told) / sizeof(told[0]); i++)
		if (json_object_get(at, told[i].name))
			put(spans, told[i].moment, asked_ns,
			    begun + json_u64_or(at, told[i].name, 0));
	(void)snprintf(spans->boot, sizeof(spans->boot), "%s", json_string_or(boot, "kind", ""));
	(void)snprintf(spans->accel, sizeof(spans->accel), "%s",
		       json_string_or(spans->instance, "accel", ""));
}

static void put_account(struct launch_spans *spans, uint64_t asked_ns,
			const struct trial_account *account, uint64_t first_ns)
{
	uint64_t ahead = (uint64_t)account->ahead_ns;

	put(spans, LAUNCH_BOX_UP, asked_ns, account->up_ns + ahead);
	put(spans, LAUNCH_EXEC, asked_ns, account->exec_ns + ahead);
	put(spans, LAUNCH_PAYLOAD, asked_ns, first_ns + ahead);
	put(spans, LAUNCH_EXIT, asked_ns, account->end_ns + ahead);
	spans->uncertain_ns = account->uncertain_ns;
}

static int close_machine(struct machine *machine, struct launch_spans *spans, struct tare_err *err)
{
	const struct machine_ops *ops = machine->ops;
	int stopped = ops->stop ? ops->stop(machine, err) : 0, closed;

	spans->instance = ops->describe(machine);
	closed = ops->close(machine, stopped < 0 ? NULL : err);
	return stopped < 0 ? stopped : closed;
}

int launch_ourselves(struct places *places, const struct env_choice *env, unsigned int number,
		     volatile sig_atomic_t *interrupted, struct launch_spans *ret,
		     struct tare_err *err)
{
	const struct site site = places_site(places);
	const struct site_machine wanted = {.env = env, .number = number, .saved_will_do = true};
	struct trial_account account = {0};
	uint64_t asked_ns = clock_now_ns(), first_ns = 0;
	struct machine *machine;
	int r, q;

	*ret = (struct launch_spans){0};
	r = site_open(&site, &wanted, &machine, err);
	if (r < 0)
		return err_wrap(err, r, "'%s'", env->label);
	r = run_payload(places, machine, env, interrupted, &account, &first_ns, err);
	q = close_machine(machine, ret, r < 0 ? NULL : err);
	if (*interrupted)
		return -EINTR;
	if (r < 0 || q < 0)
		return err_wrap(err, r < 0 ? r : q, "'%s'", env->label);
	put(ret, LAUNCH_GONE, asked_ns, clock_now_ns());
	put_boot(ret, asked_ns);
	put_account(ret, asked_ns, &account, first_ns);
	return 0;
}
