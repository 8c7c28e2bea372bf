/* SPDX-License-Identifier: MIT */
#include "agent/serve.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/init.h"
#include "agent/lacks.h"
#include "agent/oom.h"
#include "agent/serve_exec.h"
#include "agent/serve_image.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "check/run/account.h"
#include "kernel/mitigations.h"
#include "kernel/net.h"
#include "machine/vm/message.h"
#include "trial/trial.h"

#define PLAYERS_MAX      32
/* An answer that the host does not read within this time has no reader. */
#define WRITE_TIMEOUT_NS (60 * NS_PER_S)

struct server {
	const struct serve_config *config;
	struct message_stream *stream;
	struct serve_stdio stdio;
	struct trial *players[PLAYERS_MAX];
	bool shutdown;
};

/* What is made from here on is, or is not, what the agent was called for. A host process has no say
 * in that. */
static void make_payload(const struct server *s, bool payload)
{
	if (!s->config->place->box.in_guest)
		return;
	if (payload)
		oom_as_payload();
	else
		oom_as_agent(0);
}

static void read_clocksource(char *buf, size_t size)
{
	if (fd_read_file_quiet(AT_FDCWD,
			       "/sys/devices/system/clocksource/clocksource0/current_clocksource",
			       buf, size) < 0)
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static json_t *hello(const struct serve_config *config)
{
	char clocksource[64];
	struct utsname name = {0};

	read_clocksource(clocksource, sizeof(clocksource));
	(void)uname(&name);
	return json_pack("{s:{s:s, s:s, s:s, s:I, s:I, s:b, s:s, s:I, s:o}}", "hello", "agent",
			 TARE_VERSION, "kernel", name.release, "clocksource", clocksource, "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes",
			 (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "btf",
			 access("/sys/kernel/btf/vmlinux", R_OK) == 0, "cgroup_mode",
			 cgroup_layout_mode(&config->place->layout), "pid", (json_int_t)getpid(),
			 "mitigations", mitigations_read());
}

static int call_ping(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	char clocksource[64];

	(void)s;
	(void)arguments;
	(void)err;
	read_clocksource(clocksource, sizeof(clocksource));
	*ret = json_pack("{s:o, s:s}", "monotonic_ns", json_u64(clock_now_ns()), "clocksource",
			 clocksource);
	return 0;
}

static int call_start(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	struct trial_spec spec = {0};
	unsigned int player = 0;
	int r;

	while (player < PLAYERS_MAX && s->players[player])
		player++;
	if (player == PLAYERS_MAX)
		return err_set(err, EMFILE, "more than %d players", PLAYERS_MAX);
	r = trial_spec_from_json(json_object_get(arguments, "trial"), &spec, err);
	if (r < 0)
		return r;
	make_payload(s, true);
	r = trial_start(s->config->place, &spec, &s->players[player], err);
	make_payload(s, false);
	trial_spec_clear(&spec);
	*ret = json_pack("{s:i}", "player", (int)player);
	return r;
}

static int find_player(struct server *s, const json_t *arguments, struct trial ***ret,
		       struct tare_err *err)
{
	uint64_t player;
	int r = json_read_u64(arguments, "player", &player, err);

	if (r < 0)
		return r;
	if (player >= PLAYERS_MAX || !s->players[player])
		return err_set(err, ESRCH, "no player %llu", (unsigned long long)player);
	*ret = &s->players[player];
	return 0;
}

static int call_slice(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	struct play_request request = {
		.kind = (uint32_t)json_u64_or(arguments, "kind", PLAY_SLICE),
		.lead_in = json_u64_or(arguments, "lead_in", 0),
		.iters = json_u64_or(arguments, "iters", 0),
		.duration_ns = json_u64_or(arguments, "duration_ns", 0),
	};
	struct trial_slice slice = {0};
	struct trial **player;
	int r = find_player(s, arguments, &player, err);

	if (r < 0)
		return r;
	if (request.kind != PLAY_SLICE && request.kind != PLAY_SOLO)
		return err_set(err, EINVAL, "slice: no turn of kind %u", request.kind);
	r = trial_slice(*player, &request, &slice, err);
	*ret = json_pack("{s:o, s:o, s:b}", "ops", json_u64(slice.ops), "ns", json_u64(slice.ns),
			 "ended", slice.ended);
	return r;
}

static int call_finish(struct server *s, const json_t *arguments, json_t **ret,
		       struct tare_err *err)
{
	struct trial **player, *trial;
	json_t *record = NULL;
	int r = find_player(s, arguments, &player, err);

	if (r < 0)
		return r;
	trial = *player;
	*player = NULL;
	r = trial_finish(trial, &record, err);
	*ret = json_pack("{s:o*}", "record", record);
	return r;
}

static int call_abort(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	struct trial **player, *trial;
	int r = find_player(s, arguments, &player, err);

	if (r < 0)
		return r;
	trial = *player;
	*player = NULL;
	*ret = json_object();
	return trial_abort(trial, err);
}

static int call_exec(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	return serve_exec(s->config->place, &s->stdio, arguments, ret, err);
}

static int carry_out_check(struct server *s, const struct check_request *request, json_t **ret,
			   struct tare_err *err)
{
	int r;

	make_payload(s, true);
	r = check_carry_out(s->config->place, request, ret, err);
	make_payload(s, false);
	return r;
}

static int call_check(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	struct check_request request;
	json_t *account = NULL;
	int r = check_request_from_json(arguments, &request, err);

	if (r == 0)
		r = carry_out_check(s, &request, &account, err);
	*ret = json_pack("{s:o*}", "account", account);
	return r;
}

static int call_image(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	*ret = json_object();
	return serve_image(s->config->place, arguments, err);
}

/* A host's own network is not ours to furnish. */
static int call_network(struct server *s, const json_t *arguments, json_t **ret,
			struct tare_err *err)
{
	(void)arguments;
	*ret = json_object();
	if (!s->config->place->box.in_guest)
		return err_set(err, ENOTSUP, "network: this agent is in no guest");
	return net_join(err);
}

static int call_footprint(struct server *s, const json_t *arguments, json_t **ret,
			  struct tare_err *err)
{
	(void)s;
	(void)arguments;
	(void)err;
	*ret = json_pack("{s:o}", "rss_bytes", json_u64(init_rss_bytes()));
	return 0;
}

static int call_lacks(struct server *s, const json_t *arguments, json_t **ret, struct tare_err *err)
{
	(void)s;
	(void)arguments;
	(void)err;
	*ret = json_pack("{s:o}", "lacks", lacks_list());
	return 0;
}

static int call_shutdown(struct server *s, const json_t *arguments, json_t **ret,
			 struct tare_err *err)
{
	(void)arguments;
	(void)err;
	s->shutdown = true;
	*ret = json_object();
	return 0;
}

static const struct {
	const char *name;
	int (*carry_out)(struct server *s, const json_t *arguments, json_t **ret,
			 struct tare_err *err);
} calls[] = {
	{"ping", call_ping},           {"start", call_start},       {"slice", call_slice},
	{"finish", call_finish},       {"abort", call_abort},       {"exec", call_exec},
	{"check", call_check},         {"shutdown", call_shutdown}, {"image", call_image},
	{"footprint", call_footprint}, {"lacks", call_lacks},       {"network", call_network},
};

static int carry_out(struct server *s, const json_t *call, json_t **ret, struct tare_err *err)
{
	const char *name;
	int r = json_read_string(call, "call", &name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].carry_out(s, call, ret, err);
	}
	return err_set(err, ENOSYS, "no call '%.40s'", name);
}

static int answer(struct server *s, const json_t *call, struct tare_err *err)
{
	cleanup_json json_t *reply = json_object();
	json_t *ok = NULL;
	struct tare_err why = {0};
	int r = carry_out(s, call, &ok, &why);

	(void)json_object_set_new(reply, "id", json_u64(json_u64_or(call, "id", 0)));
	if (r < 0) {
		json_decref(ok);
		(void)json_object_set_new(reply, "error",
					  json_pack("{s:i, s:s}", "errno", -r, "message", why.msg));
	} else {
		(void)json_object_set_new(reply, "ok", ok);
	}
	return message_write(s->stream, reply, clock_now_ns() + WRITE_TIMEOUT_NS, err);
}

static int serve_calls(struct server *s, struct tare_err *err)
{
	cleanup_json json_t *greeting = hello(s->config);
	int r = message_write(s->stream, greeting, clock_now_ns() + WRITE_TIMEOUT_NS, err);

	if (r == 0 && s->config->set_up_rest)
		r = s->config->set_up_rest(err);
	while (r == 0 && !s->shutdown) {
		cleanup_json json_t *call = NULL;

		r = message_read(s->stream, MESSAGE_NEVER, &call, err);
		if (r == 0)
			r = answer(s, call, err);
	}
	return r;
}

int serve(const struct serve_config *config, struct tare_err *err)
{
	struct server s = {.config = config,
			   .stdio = {.fd = config->stdio_fd, .lines = config->lines}};
	int r = message_open(config->channel_fd, &s.stream, err);

	/* Left to itself jansson reads /dev/urandom, for which a kernel that has just booted on a
	 * CPU without RDRAND gathers jitter for a second (try_to_generate_entropy). Nobody floods
	 * our tables: the host is trusted. */
	json_object_seed(1);
	if (r < 0)
		return r;
	make_payload(&s, false);
	r = serve_calls(&s, err);
	for (size_t i = 0; i < PLAYERS_MAX; i++)
		(void)trial_abort(s.players[i], NULL);
	message_close(s.stream);
	return r;
}
