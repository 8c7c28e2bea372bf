/* SPDX-License-Identifier: MIT */
#pragma once
/* console: the last things a guest, and QEMU itself, had to say. Bounded; never blocks. */

#include <stddef.h>

struct tare_err;
struct console;

/* *ret_write_fd is for QEMU: non-blocking, so that a guest that floods its console while we do not
 * read holds up nobody but itself. */
int console_open(struct console **ret, int *ret_write_fd, struct tare_err *err);

/* Readable when there is something to drain. Owned by the console. */
int console_fd(const struct console *console);
/* Take what is there: 1, or 0 when the other side is closed. */
int console_drain(struct console *console);

/* Its last lines as one printable line, "LINE | LINE", the newest whole ones that fit; "" for
 * none. Gives back buf. */
char *console_last_words(const struct console *console, char *buf, size_t size);

void console_close(struct console *console); /* NULL is fine */
