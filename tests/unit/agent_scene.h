/* SPDX-License-Identifier: MIT */
#pragma once
/* agent_scene: tare-agent as a host process, on socketpairs instead of virtio ports. */

#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/fd.h"
#include "machine/vm/channel.h"
#include "trial/trial.h"

struct agent {
	pid_t pid;
	int fd, stdio_fd;
	struct channel *channel;
};

/* Below the temporary folder: a journal takes no path elsewhere. */
static char agent_folder[] = "/tmp/tare-unit-XXXXXX";

static inline uint64_t agent_soon(void)
{
	return clock_now_ns() + 30 * NS_PER_S;
}

static inline int agent_spawn(struct agent *agent, int channel_fd, int stdio_fd)
{
	char program[512], load[512];
	char channel_flag[] = "--channel-fd", nine[] = "9", load_flag[] = "--load";
	char dir_flag[] = "--dir", stdio_flag[] = "--stdio-fd", eight[] = "8";
	/* The last flag is given only where there is such a stream. */
	char *argv[] = {program, channel_flag, nine,         load_flag,
			load,    dir_flag,     agent_folder, stdio_fd < 0 ? NULL : stdio_flag,
			eight,   NULL};
	posix_spawn_file_actions_t actions;
	char *envp[] = {NULL};
	int r;

	(void)snprintf(program, sizeof(program), "%s/tare-agent", TARE_BINARY_DIR);
	(void)snprintf(load, sizeof(load), "%s/tare-load", TARE_BINARY_DIR);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, channel_fd, 9);
	if (stdio_fd >= 0)
		(void)posix_spawn_file_actions_adddup2(&actions, stdio_fd, 8);
	r = posix_spawn(&agent->pid, program, &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : -1;
}

static inline int agent_start(struct agent *agent, int with_stdio)
{
	int channel[2], stdio[2] = {-1, -1}, r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0 ||
	    (with_stdio && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stdio) < 0))
		return -1;
	r = agent_spawn(agent, channel[1], stdio[1]);
	(void)close(channel[1]);
	if (with_stdio)
		(void)close(stdio[1]);
	agent->fd = channel[0];
	agent->stdio_fd = stdio[0];
	return r < 0 ? r : channel_open(agent->fd, agent_soon(), &agent->channel, NULL);
}

/* Closing the channel is how the agent is told to end; it does so with status 0. */
static inline int agent_stop(struct agent *agent)
{
	int status;

	channel_close(agent->channel);
	(void)close(agent->fd);
	if (agent->stdio_fd >= 0)
		(void)close(agent->stdio_fd);
	return waitpid(agent->pid, &status, 0) == agent->pid && status == 0 ? 0 : -1;
}

static inline struct trial_spec agent_getppid_in(const char *box)
{
	struct trial_spec spec = {.env = "vm", .machine = "vm", .load = "getppid"};

	(void)snprintf(spec.box, sizeof(spec.box), "%s", box);
	spec.options = json_object();
	spec.params = json_object();
	spec.collectors = json_array();
	return spec;
}

static inline int agent_make_folder(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	return mkdtemp(agent_folder) ? 0 : -1;
}

static inline int agent_remove_folder(void **state)
{
	(void)state;
	return fd_remove_tree(agent_folder, NULL);
}
