/* SPDX-License-Identifier: MIT */
/* The least that can be a guest's first process: loads what the channel needs, says one byte on it,
 * and answers each byte with one. Without libc's stdio. */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* order: names of modules, one a line. */
static void load_modules(void)
{
	static char order[4096];
	int fd = open("/order", O_RDONLY);
	char *at = order, *end;

	if (fd < 0 || read(fd, order, sizeof(order) - 1) < 0)
		_exit(1);
	(void)close(fd);
	for (; (end = strchr(at, '\n')); at = end + 1) {
		*end = '\0';
		fd = open(at, O_RDONLY);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			_exit(2);
		(void)close(fd);
	}
}

/* The first port; which number its device has hangs on what other devices there are. */
static int open_port(void)
{
	char path[] = "/dev/vport0p1";
	char *number = path + strlen("/dev/vport");

	for (; *number < '9'; ++*number) {
		int fd = open(path, O_RDWR);

		if (fd >= 0)
			return fd;
	}
	return -1;
}

int main(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	char byte = 'b';
	int fd;

	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0)
		_exit(3);
	load_modules();
	while ((fd = open_port()) < 0)
		(void)nanosleep(&pause, NULL);
	for (;;) {
		if (write(fd, &byte, 1) != 1)
			(void)nanosleep(&pause, NULL);
		while (read(fd, &byte, 1) != 1)
			(void)nanosleep(&pause, NULL);
	}
}
