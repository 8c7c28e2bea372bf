/* SPDX-License-Identifier: MIT */
/* What a guest may say while it runs a command: frames of its output, and its answer. The first
 * byte says how much of the input is frames. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "machine/machine.h"
#include "machine/vm/channel.h"
#include "machine/vm/console.h"
#include "machine/vm/exec.h"
#include "machine/vm/guest.h"

#define INPUT_MAX 60000 /* what the sockets hold at once: the guest never has to be waited for */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One end, from which these bytes come and then the end. */
static int said(const void *bytes, size_t size, int *ret_other)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
	    write(fds[1], bytes, size) != (ssize_t)size || shutdown(fds[1], SHUT_WR) < 0)
		abort();
	*ret_other = fds[1];
	return fds[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct trial_spec spec = {.env = "x", .machine = "vm", .box = "bare", .load = "exec"};
	char *const argv[] = {(char[]){"true"}, NULL};
	size_t frames = size ? (size - 1) * data[0] / 255 : 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), others[2], console_write, status;
	const struct machine_stdio stdio = {.fds = {null, null, null}};
	json_t *hello = json_object();
	struct guest guest = {0};

	(void)signal(SIGPIPE, SIG_IGN);
	if (size == 0 || size > INPUT_MAX || null < 0)
		goto out;
	qemu_init(&guest.qemu);
	guest.qemu.stdio_fd = said(data + 1, frames, &others[0]);
	guest.qemu.channel_fd = said(data + 1 + frames, size - 1 - frames, &others[1]);
	if (console_open(&guest.qemu.console, &console_write, NULL) < 0 ||
	    channel_open_restored(guest.qemu.channel_fd, hello, &guest.channel, NULL) < 0)
		abort();
	(void)vm_exec(&guest, &spec, argv, NULL, NULL, &stdio, &status, NULL);
	channel_close(guest.channel);
	console_close(guest.qemu.console);
	(void)close(console_write);
	(void)close(guest.qemu.stdio_fd);
	(void)close(guest.qemu.channel_fd);
	(void)close(others[0]);
	(void)close(others[1]);
out:
	json_decref(hello);
	(void)close(null);
	return 0;
}
