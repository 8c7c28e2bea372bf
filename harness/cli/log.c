/* SPDX-License-Identifier: MIT */
#include "cli/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

/* Plain lines are this far apart, in time or in progress. */
#define PLAIN_INTERVAL_NS (10 * NS_PER_S)
#define PLAIN_STEP        0.1

static struct {
	bool quiet, verbose, terminal, color;
	bool line;        /* a progress line stands on the terminal */
	uint64_t left_ns; /* as who calls reckons it; 0: not said */
	double fraction, plain_fraction;
	uint64_t begun_ns, plain_ns;
} state;

static bool color_wanted(int fd)
{
	/* Called from the main thread only, before any other is made. */
	const char *no_color = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe) */
	const char *term = getenv("TERM");         /* NOLINT(concurrency-mt-unsafe) */

	return isatty(fd) && !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
}

void log_setup(bool quiet, bool verbose)
{
	state.quiet = quiet;
	state.verbose = verbose;
	state.terminal = isatty(STDERR_FILENO);
	state.color = color_wanted(STDERR_FILENO);
}

bool log_stdout_has_color(void)
{
	return color_wanted(STDOUT_FILENO);
}

static void wipe_line(void)
{
	if (state.line)
		(void)fputs("\r\033[K", stderr);
	state.line = false;
}

__attribute__((format(printf, 3, 0))) static void say(const char *color, const char *word,
						      const char *fmt, va_list ap)
{
	wipe_line();
	if (word)
		(void)fprintf(stderr, "%s%s:%s ", state.color ? color : "", word,
			      state.color ? "\033[0m" : "");
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("\033[31m", "tare", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	if (state.quiet)
		return;
	va_start(ap, fmt);
	say("\033[33m", "warning", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (state.quiet)
		return;
	va_start(ap, fmt);
	say("", NULL, fmt, ap);
	va_end(ap);
}

void log_verbose(const char *fmt, ...)
{
	va_list ap;

	if (!state.verbose)
		return;
	va_start(ap, fmt);
	say("", NULL, fmt, ap);
	va_end(ap);
}

static void print_left(double fraction, uint64_t now, char *buf, size_t size)
{
	uint64_t gone = now - state.begun_ns, left;

	buf[0] = '\0';
	if (state.left_ns == 0 && (fraction <= 0 || fraction > 1 || gone < NS_PER_S))
		return;
	left = state.left_ns ? state.left_ns / NS_PER_S
			     : (uint64_t)((double)gone * (1 - fraction) / fraction / NS_PER_S);
	state.left_ns = 0;
	(void)snprintf(buf, size, " %llu:%02llu left", (unsigned long long)(left / 60),
		       (unsigned long long)(left % 60));
}

static int terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

void log_progress(double fraction, const char *fmt, ...)
{
	uint64_t now = clock_now_ns();
	char what[256], left[32];
	va_list ap;
	bool anew = state.begun_ns == 0 || fraction < state.fraction;

	if (state.quiet)
		return;
	if (anew)
		state.begun_ns = now;
	state.fraction = fraction;
	if (!state.terminal && !anew && now - state.plain_ns < PLAIN_INTERVAL_NS &&
	    fraction - state.plain_fraction < PLAIN_STEP)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	print_left(fraction, now, left, sizeof(left));
	if (state.terminal) {
		char line[320];

		(void)snprintf(line, sizeof(line), "%3.0f %%%s  %s", fraction * 100, left, what);
		wipe_line();
		(void)fprintf(stderr, "%.*s", terminal_width() - 1, line);
		state.line = true;
	} else {
		(void)fprintf(stderr, "%3.0f %%%s  %s\n", fraction * 100, left, what);
		state.plain_ns = now;
		state.plain_fraction = fraction;
	}
	(void)fflush(stderr);
}

void log_progress_left(uint64_t left_ns)
{
	state.left_ns = left_ns;
}

void log_progress_end(void)
{
	wipe_line();
	state.begun_ns = 0;
	state.fraction = 0;
	(void)fflush(stderr);
}
