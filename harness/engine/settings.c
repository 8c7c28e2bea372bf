/* SPDX-License-Identifier: MIT */
#include "engine/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "kernel/journal.h"

#define CPUS "/sys/devices/system/cpu/"

static const struct {
	const char *paths, *value;
} still[] = {
	{CPUS "cpufreq/policy*/scaling_governor", "performance"},
	/* intel_pstate has the first of these; other drivers the second. */
	{CPUS "intel_pstate/no_turbo", "1"},
	{CPUS "cpufreq/boost", "0"},
};

static int write_setting(const char *path, const char *value, struct tare_err *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return err_errno(err, "set '%s' to '%s'", path, value);
	return 0;
}

static int change(struct journal *journal, const char *path, const char *value, json_t *changed,
		  struct tare_err *err)
{
	cleanup_free char *entry = NULL;
	char was[256];
	ssize_t n = fd_read_file(AT_FDCWD, path, was, sizeof(was), err);
	int r;

	if (n < 0)
		return (int)n;
	was[strcspn(was, "\n")] = '\0';
	if (strcmp(was, value) == 0)
		return 0;
	entry = text_format("%s\t%s", path, was);
	if (!entry)
		return err_set(err, ENOMEM, "out of memory");
	if ((r = journal_note(journal, JOURNAL_SETTING, entry, err)) < 0 ||
	    (r = write_setting(path, value, err)) < 0)
		return r;
	return json_array_append_new(changed, json_pack("{s:s, s:s, s:s}", "path", path, "was", was,
							"set", value)) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

int settings_hold_still(struct journal *journal, json_t *changed, struct tare_err *err)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(still) / sizeof(*still); i++) {
		glob_t found;

		/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
		if (glob(still[i].paths, 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; r == 0 && k < found.gl_pathc; k++)
			r = change(journal, found.gl_pathv[k], still[i].value, changed, err);
		any = true;
		globfree(&found);
	}
	if (r == 0 && !any)
		return err_set(
			err, ENOTSUP,
			"this kernel does not set the CPUs' frequency: there is none to hold "
			"still");
	return r;
}
