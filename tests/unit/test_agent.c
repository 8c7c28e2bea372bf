/* SPDX-License-Identifier: MIT */
/* The agent as a host process on a socketpair: the same code that serves in a guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_scene.h"
#include "base/err.h"
#include "base/json.h"

static int start_agent(void **state)
{
	static struct agent agent;

	*state = &agent;
	return agent_start(&agent, false);
}

static int stop_agent(void **state)
{
	return agent_stop(*state);
}

static void the_hello_describes_its_kernel(void **state)
{
	const struct agent *agent = *state;
	const json_t *hello = channel_hello(agent->channel);

	assert_string_not_equal(json_string_or(hello, "kernel", ""), "");
	assert_true(json_u64_or(hello, "cpus", 0) > 0);
	assert_true(json_object_size(json_object_get(hello, "mitigations")) > 0);
}

static void clocks_are_compared(void **state)
{
	const struct agent *agent = *state;
	struct channel_clock clock;

	assert_int_equal(channel_ping(agent->channel, 5, agent_soon(), &clock, NULL), 0);
	/* One kernel here: the two readings are of one clock. */
	assert_true(clock.guest_ns + clock.rtt_ns >= clock.host_ns);
	assert_true(clock.host_ns + clock.rtt_ns >= clock.guest_ns);
}

static void play_a_trial(struct agent *agent, const char *box)
{
	const struct play_request request = {.kind = PLAY_SLICE, .lead_in = 5, .iters = 1000};
	struct trial_spec spec = agent_getppid_in(box);
	struct trial_slice slice = {0};
	cleanup_json json_t *record = NULL;
	struct tare_err err = {0};
	unsigned int player;

	assert_int_equal(channel_start(agent->channel, &spec, agent_soon(), &player, &err), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			channel_slice(agent->channel, player, &request, agent_soon(), &slice, &err),
			0);
		assert_int_equal(slice.ops, 1000);
		assert_true(slice.ns > 0 && !slice.ended);
	}
	assert_int_equal(channel_finish(agent->channel, player, agent_soon(), &record, &err), 0);
	assert_string_equal(json_string_or(record, "status", ""), "ok");
	assert_int_equal(json_u64_or(json_object_get(record, "load"), "ops", 0), 3000);
	assert_int_equal(json_u64_or(json_object_get(record, "load"), "lead_in", 0), 15);
	assert_int_equal(strlen(json_string_or(record, "sha256", "")), 64);
	trial_spec_clear(&spec);
}

static void a_trial_is_carried_out_bare(void **state)
{
	play_a_trial(*state, "bare");
}

static void a_trial_is_carried_out_in_a_container(void **state)
{
	if (geteuid() != 0)
		skip();
	play_a_trial(*state, "container");
}

static void a_failure_comes_back_as_one_sentence(void **state)
{
	struct agent *agent = *state;
	struct trial_spec spec = agent_getppid_in("bare");
	struct tare_err err = {0};
	unsigned int player;

	(void)snprintf(spec.load, sizeof(spec.load), "nosuch");
	assert_true(channel_start(agent->channel, &spec, agent_soon(), &player, &err) < 0);
	assert_non_null(strstr(err.msg, "in the guest: "));
	assert_non_null(strstr(err.msg, "nosuch"));
	(void)snprintf(spec.box, sizeof(spec.box), "contaner");
	err = (struct tare_err){0};
	assert_true(channel_start(agent->channel, &spec, agent_soon(), &player, &err) < 0);
	assert_non_null(strstr(err.msg, "did you mean 'container'"));
	trial_spec_clear(&spec);
	/* And it goes on serving. */
	play_a_trial(agent, "bare");
}

static void calls_that_make_no_sense_are_refused(void **state)
{
	struct agent *agent = *state;

	assert_true(channel_call(agent->channel, "dance", NULL, agent_soon(), NULL, NULL) ==
		    -ENOSYS);
	assert_true(channel_call(agent->channel, "slice", json_pack("{s:i}", "player", 7),
				 agent_soon(), NULL, NULL) == -ESRCH);
	assert_true(channel_call(agent->channel, "finish", NULL, agent_soon(), NULL, NULL) ==
		    -ENOENT);
	assert_true(channel_call(agent->channel, "start", NULL, agent_soon(), NULL, NULL) < 0);
	assert_true(channel_call(agent->channel, "exec", NULL, agent_soon(), NULL, NULL) ==
		    -ENOTSUP);
	/* The host's network is not a guest's. */
	assert_true(channel_call(agent->channel, "network", NULL, agent_soon(), NULL, NULL) ==
		    -ENOTSUP);
	assert_int_equal(channel_call(agent->channel, "ping", NULL, agent_soon(), NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_hello_describes_its_kernel, start_agent,
						stop_agent),
		cmocka_unit_test_setup_teardown(clocks_are_compared, start_agent, stop_agent),
		cmocka_unit_test_setup_teardown(a_trial_is_carried_out_bare, start_agent,
						stop_agent),
		cmocka_unit_test_setup_teardown(a_trial_is_carried_out_in_a_container, start_agent,
						stop_agent),
		cmocka_unit_test_setup_teardown(a_failure_comes_back_as_one_sentence, start_agent,
						stop_agent),
		cmocka_unit_test_setup_teardown(calls_that_make_no_sense_are_refused, start_agent,
						stop_agent),
	};

	return cmocka_run_group_tests_name("agent", tests, agent_make_folder, agent_remove_folder);
}
