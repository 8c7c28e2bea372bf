/* SPDX-License-Identifier: MIT */
#pragma once
/* console: the last things a guest, and QEMU itself, had to say. Bounded; never blocks. */

#include <stdbool.h>
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

/* How such lines of a kernel begin. Out of memory: of the whole guest, not of a group in it. */
#define CONSOLE_PANIC         "Kernel panic"
#define CONSOLE_OUT_OF_MEMORY "Out of memory: Killed process"

/* Is it there, in what has been said lately? */
bool console_says(const struct console *console, const char *text);

void console_close(struct console *console); /* NULL is fine */
