/* SPDX-License-Identifier: MIT */
#include "machine/vm/console.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

#define CONSOLE_RING  16384
#define SEPARATOR     " | "
#define CONSOLE_READS 64 /* a guest that writes for ever must not keep us here */

struct console {
	int fd;
	size_t end; /* bytes ever taken; the newest is ring[(end - 1) % CONSOLE_RING] */
	char ring[CONSOLE_RING];
};

int console_open(struct console **ret, int *ret_write_fd, struct tare_err *err)
{
	struct console *console = calloc(1, sizeof(*console));
	int fds[2];

	if (!console)
		return err_set(err, ENOMEM, "out of memory");
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(console);
		return err_errno(err, "pipe");
	}
	console->fd = fds[0];
	*ret_write_fd = fds[1];
	*ret = console;
	return 0;
}

int console_fd(const struct console *console)
{
	return console->fd;
}

int console_drain(struct console *console)
{
	char chunk[4096];

	for (int i = 0; i < CONSOLE_READS; i++) {
		ssize_t n = read(console->fd, chunk, sizeof(chunk));

		if (n == 0)
			return 0;
		if (n < 0)
			return 1;
		for (ssize_t k = 0; k < n; k++)
			console->ring[console->end++ % CONSOLE_RING] = chunk[k];
	}
	return 1;
}

/* The ring in order, printable, without empty lines and without a newline at the end. */
static size_t unroll(const struct console *console, char *text)
{
	size_t kept = console->end < CONSOLE_RING ? console->end : CONSOLE_RING;
	size_t n = 0;

	for (size_t back = kept; back > 0; back--) {
		char c = console->ring[(console->end - back) % CONSOLE_RING];

		if (c == '\r' || (c == '\n' && (n == 0 || text[n - 1] == '\n')))
			continue;
		text[n++] = (char)(c == '\n' || (c >= ' ' && c <= '~') ? c : '?');
	}
	while (n > 0 && text[n - 1] == '\n')
		n--;
	return n;
}

/* Where the newest whole lines begin that fit into size with SEPARATOR between them; if not even
 * the last one does, its end. */
static size_t first_that_fits(const char *text, size_t n, size_t size)
{
	size_t cost = 0, begin = n;

	for (size_t i = n; i > 0; i--) {
		cost += text[i - 1] == '\n' ? sizeof(SEPARATOR) - 1 : 1;
		if (cost >= size)
			return begin < n ? begin : i;
		if (i == 1 || text[i - 2] == '\n')
			begin = i - 1;
	}
	return begin;
}

char *console_last_words(const struct console *console, char *buf, size_t size)
{
	char text[CONSOLE_RING];
	size_t n = unroll(console, text), used = 0;
	/* Behind it come registers and a trace, which say less. */
	const char *panic = memmem(text, n, CONSOLE_PANIC, sizeof(CONSOLE_PANIC) - 1);
	size_t first = panic ? (size_t)(panic - text) : first_that_fits(text, n, size);

	for (size_t i = first; i < n; i++) {
		const char *piece = text[i] == '\n' ? SEPARATOR : &text[i];
		size_t length = text[i] == '\n' ? sizeof(SEPARATOR) - 1 : 1;

		if (used + length >= size)
			break;
		memcpy(buf + used, piece, length);
		used += length;
	}
	buf[used] = '\0';
	return buf;
}

bool console_says(const struct console *console, const char *words)
{
	char text[CONSOLE_RING];
	size_t n = unroll(console, text);

	return memmem(text, n, words, strlen(words)) != NULL;
}

void console_close(struct console *console)
{
	if (!console)
		return;
	(void)close(console->fd);
	free(console);
}
