/* SPDX-License-Identifier: MIT */
#pragma once
/* log: everything that is no result, on stderr; one progress line with the time left when
 * stderr is a terminal, plain lines now and then when it is not. */

#include <stdbool.h>
#include <stdint.h>

/* quiet: errors only. NO_COLOR, TERM=dumb and a stderr that is no terminal switch colour off. */
void log_setup(bool quiet, bool verbose);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How far it is, from 0 to 1, and what is being done now. The first call, and any with a
 * smaller fraction than the one before, begins anew. The time left is reckoned from the pace
 * so far. */
void log_progress(double fraction, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The time left as who calls reckons it, for the next log_progress(); 0: by the pace. */
void log_progress_left(uint64_t left_ns);
/* Wipe the line; also before results are printed. */
void log_progress_end(void);

/* True: colours may be used on stdout. */
bool log_stdout_has_color(void);
