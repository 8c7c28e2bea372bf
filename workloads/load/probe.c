/* SPDX-License-Identifier: MIT */
#include "load/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/probe.h"

#define BAITS     24
#define PROBE_S   10 /* after which a probe is ended */
#define BOOT_SIZE 40

static const char *baits[BAITS];
static size_t n_baits;

const char *probe_bait(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < n_baits; i++)
		if (strncmp(baits[i], name, length) == 0 && baits[i][length] == '=')
			return baits[i] + length + 1;
	return NULL;
}

long probe_bait_number(const char *name, long otherwise)
{
	const char *text = probe_bait(name);

	return text ? strtol(text, NULL, 10) : otherwise;
}

pid_t probe_bait_process(const char *name, struct probe_result *ret)
{
	const char *boot = probe_bait("boot");

	if (boot && strcmp(boot, probe_boot()) == 0)
		return (pid_t)probe_bait_number(name, 0);
	probe_say(ret, PROBE_CONTAINED, "another kernel is here than the one of outside");
	return 0;
}

static ssize_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

bool probe_may_damage(void)
{
	char line[2048];

	/* The mark is put on the kernel's command line by tare's own boots, and on no other. */
	return probe_bait("damage") && read_text("/proc/cmdline", line, sizeof(line)) > 0 &&
	       strstr(line, " tare.guest=1");
}

const char *probe_boot(void)
{
	static char id[BOOT_SIZE];

	if (!id[0]) {
		(void)read_text("/proc/sys/kernel/random/boot_id", id, sizeof(id));
		id[strcspn(id, "\n")] = '\0';
	}
	return id;
}

void probe_item(struct probe_result *ret, const char *fmt, ...)
{
	va_list ap;

	if (ret->n_items == PROBE_ITEMS)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(ret->items[ret->n_items++], PROBE_ITEM_SIZE, fmt, ap);
	va_end(ap);
}

void probe_item_namespace(struct probe_result *ret, const char *name)
{
	char path[64], link[64] = "";
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n > 0)
		probe_item(ret, "%.8s %s", probe_boot(), link);
}

void probe_say(struct probe_result *ret, enum probe_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	ret->outcome = outcome;
	va_start(ap, fmt);
	(void)vsnprintf(ret->evidence, sizeof(ret->evidence), fmt, ap);
	va_end(ap);
}

void probe_say_call(struct probe_result *ret, long r, const char *what)
{
	if (r < 0)
		probe_say(ret, PROBE_CONTAINED, "%s: %s", what, strerrorname_np(errno));
	else
		probe_say(ret, PROBE_SUCCEEDED, "%s: done", what);
}

void probe_say_right(struct probe_result *ret, long r, const char *what)
{
	if (r < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES))
		probe_say(ret, PROBE_CONTAINED, "%s: %s", what, strerrorname_np(errno));
	else
		probe_say(ret, PROBE_SUCCEEDED, "%s: the right is there (%s)", what,
			  r < 0 ? strerrorname_np(errno) : "done");
}

void probe_open_for_writing(struct probe_result *ret, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		probe_say(ret, PROBE_CONTAINED, "%s: not to be seen", path);
	else if (fd < 0)
		probe_say(ret, PROBE_CONTAINED, "open %s for writing: %s", path,
			  strerrorname_np(errno));
	else
		probe_say(ret, PROBE_SUCCEEDED, "%s is open for writing; nothing was written",
			  path);
	if (fd >= 0)
		(void)close(fd);
}

void probe_write(struct probe_result *ret, const char *path, const char *text)
{
	char before[512], after[512];
	int fd;

	probe_open_for_writing(ret, path);
	if (ret->outcome != PROBE_SUCCEEDED || !probe_may_damage())
		return;
	(void)read_text(path, before, sizeof(before));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		probe_say(ret, PROBE_CONTAINED, "write to %s: %s", path, strerrorname_np(errno));
	} else {
		(void)read_text(path, after, sizeof(after));
		after[strcspn(after, "\n")] = '\0';
		probe_say(ret, PROBE_SUCCEEDED, "wrote %s, which now reads '%.60s'", path, after);
		(void)pwrite(fd, before, strlen(before), 0);
	}
	if (fd >= 0)
		(void)close(fd);
}

static void put_text(const char *text)
{
	(void)putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			(void)printf("\\%c", c);
		else if (c < ' ' || c > '~')
			(void)printf("\\u%04x", c);
		else
			(void)putchar(c);
	}
	(void)putchar('"');
}

static void put_result(const struct probe *probe, const struct probe_result *result)
{
	static const char *const outcomes[] = {"seen", "contained", "succeeded", "not-applicable"};

	(void)printf(
		"{\"name\":\"%s\",\"kind\":\"%s\",\"outcome\":\"%s\",\"evidence\":", probe->name,
		probe->kind == PROBE_NAME ? "name" : "attack", outcomes[result->outcome]);
	put_text(result->evidence);
	(void)printf(",\"items\":[");
	for (size_t i = 0; i < result->n_items; i++) {
		(void)printf("%s", i ? "," : "");
		put_text(result->items[i]);
	}
	(void)printf("]}\n");
}

/* The filter kills by SIGSYS; any other death is no answer. */
static void say_death(struct probe_result *ret, const struct probe *probe, int signal)
{
	bool filtered = signal == SIGSYS && probe->kind == PROBE_ATTACK;

	if (ret->outcome != PROBE_SUCCEEDED)
		probe_say(ret, filtered ? PROBE_CONTAINED : PROBE_NOT_APPLICABLE, "ended by SIG%s",
			  sigabbrev_np(signal));
}

/* In a child: an attack may end in the death of who attempts it. */
static void run_one(const struct probe *probe)
{
	struct probe_result *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	if (shared == MAP_FAILED)
		return;
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)signal(SIGALRM, SIG_DFL);
		(void)alarm(PROBE_S);
		probe_say(shared, probe->kind == PROBE_NAME ? PROBE_SEEN : PROBE_CONTAINED, "%s",
			  "");
		probe->run(shared);
		_exit(0);
	}
	if (child < 0)
		probe_say(shared, PROBE_NOT_APPLICABLE, "fork: %s", strerrorname_np(errno));
	else if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
		say_death(shared, probe, WTERMSIG(status));
	put_result(probe, shared);
	(void)munmap(shared, sizeof(*shared));
}

static bool is_asked(const char *name, int argc, char **argv)
{
	bool any = false;

	for (int i = 0; i < argc; i++) {
		if (strchr(argv[i], '='))
			continue;
		any = true;
		if (strcmp(argv[i], name) == 0 || strcmp(argv[i], "all") == 0)
			return true;
	}
	return !any;
}

static bool is_known(const char *name)
{
	for (const struct probe_set *const *set = probe_set_table; *set; set++)
		for (const struct probe *p = (*set)->probes; p->name; p++)
			if (strcmp(p->name, name) == 0)
				return true;
	return strcmp(name, "all") == 0;
}

static void list_probes(void)
{
	for (const struct probe_set *const *set = probe_set_table; *set; set++)
		for (const struct probe *p = (*set)->probes; p->name; p++) {
			(void)printf("{\"name\":\"%s\",\"kind\":\"%s\",\"changes_machine\":%s,"
				     "\"summary\":",
				     p->name, p->kind == PROBE_NAME ? "name" : "attack",
				     p->changes_machine ? "true" : "false");
			put_text(p->summary);
			(void)printf("}\n");
		}
}

int probe_command(int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], PROBE_AM_I_ROOT) == 0)
		return geteuid() == 0 ? PROBE_IS_ROOT : 0;
	if (argc == 1 && strcmp(argv[0], "list") == 0) {
		list_probes();
		return fflush(stdout) != 0;
	}
	for (int i = 0; i < argc; i++) {
		if (strchr(argv[i], '=') && n_baits < BAITS) {
			baits[n_baits++] = argv[i];
		} else if (!is_known(argv[i])) {
			(void)fprintf(stderr, "tare-load: no probe '%.64s'\n", argv[i]);
			return 2;
		}
	}
	for (const struct probe_set *const *set = probe_set_table; *set; set++)
		for (const struct probe *p = (*set)->probes; p->name; p++)
			if (is_asked(p->name, argc, argv))
				run_one(p);
	return fflush(stdout) != 0;
}
