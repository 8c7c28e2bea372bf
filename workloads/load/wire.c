/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

#define OURS   "10.254.0.2"
#define THEIRS "10.254.0.1"

static int bind_failed(struct tare_err *err)
{
	if (errno == EADDRNOTAVAIL)
		return err_set(err, ENOTSUP,
			       "no network device of the box's own with the address %s (the "
			       "environments container,net=veth and vm,guest-net=tap have one)",
			       OURS);
	return err_errno(err, "bind to %s", OURS);
}

int wire_connect(enum wire_service service, int buffer, struct tare_err *err)
{
	int size = service == WIRE_CHARGEN ? SO_RCVBUF : SO_SNDBUF;
	struct sockaddr_in ours = {.sin_family = AF_INET};
	struct sockaddr_in theirs = {.sin_family = AF_INET,
				     .sin_port = htons((unsigned short)service)};
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, "socket");
	if (setsockopt(fd, SOL_SOCKET, size, &buffer, sizeof(buffer)) < 0)
		return err_errno(err, "set the size of a socket's buffer");
	(void)inet_pton(AF_INET, OURS, &ours.sin_addr);
	(void)inet_pton(AF_INET, THEIRS, &theirs.sin_addr);
	/* From the box's own address, so that nothing is ever sent into somebody's network. */
	if (bind(fd, (const struct sockaddr *)&ours, sizeof(ours)) < 0)
		return bind_failed(err);
	if (connect(fd, (const struct sockaddr *)&theirs, sizeof(theirs)) < 0)
		return err_errno(err, "connect to %s", THEIRS);
	return take_fd(&fd);
}
