/* SPDX-License-Identifier: MIT */
/* ps: the processes of a container, seen from inside and from outside. */

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/text.h"
#include "lab/lab.h"
#include "lab/run/data.h"
#include "lab/run/findings.h"
#include "lab/run/inside.h"
#include "lab/run/show.h"
#include "lab/run/work.h"
#include "report/doc.h"

extern const struct lab_ops lab_ops_ps; /* in the generated table */

#define PS   "/bin/ps"
#define ROWS 200
#define FEW  5 /* more than the shell and ps themselves is somebody else's */

static const struct lab_choice choices[] = {
	{"a", "all those of the machine"},
	{"b", "its own ones only, the first of them with number 1"},
	{"c", "its own ones only, with the numbers they have on the machine"},
	{"d", "its own ones, and the threads of the kernel"},
	{NULL, NULL},
};

static int probe(const char *cache_dir, const char *image, struct tare_err *err)
{
	(void)cache_dir;
	(void)image;
	if (access(PS, X_OK) < 0)
		return err_set(err, ENOTSUP, "there is no " PS ": install procps");
	return 0;
}

/* From outside: how many processes there are, and which of them is the script's shell. */
struct outside {
	char mark[64]; /* in its command line */
	size_t processes;
	long pid, pid_inside;
};

/* "NSpid:\t4711\t1": its number in each namespace, ours first. */
static void read_numbers(const char *pid, struct outside *o)
{
	cleanup_free char *path = text_format("/proc/%s/status", pid);
	char text[4096], *line;

	if (!path || fd_read_file_quiet(-1, path, text, sizeof(text)) < 0)
		return;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return;
	o->pid = strtol(line + 7, &line, 10);
	o->pid_inside = strtol(line, NULL, 10);
}

static void look(void *context)
{
	struct outside *o = context;
	cleanup_dir DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) { /* NOLINT(concurrency-mt-unsafe): our own */
		cleanup_free char *path = text_format("/proc/%s/cmdline", entry->d_name);
		char text[4096];
		ssize_t n;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		o->processes++;
		n = path ? fd_read_file_quiet(-1, path, text, sizeof(text)) : -1;
		if (n > 0 && memmem(text, (size_t)n, o->mark, strlen(o->mark)))
			read_numbers(entry->d_name, o);
	}
}

/* "  1 sh" */
static json_t *parse_ps(char *text)
{
	json_t *list = json_array();
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && json_array_size(list) < ROWS) {
		char name[32] = "";
		long pid = 0;

		if (sscanf(line, "%ld %31s", &pid, name) == 2) /* NOLINT(cert-err34-c) */
			(void)json_array_append_new(list,
						    json_pack("{s:I, s:s}", "pid", (json_int_t)pid,
							      "name", text_make_printable(name)));
	}
	return list;
}

static int carry_out(struct lab_work *work, struct tare_err *err)
{
	struct outside outside = {.pid = 0};
	cleanup_free char *script = NULL;
	cleanup_json json_t *seen = NULL;
	/* The machine's own ps, with the container's /proc. */
	struct lab_inside inside = {
		.env = "container,rootfs=host", .look = look, .context = &outside};
	int r;

	(void)snprintf(outside.mark, sizeof(outside.mark), "tare-lab-ps-%llu",
		       (unsigned long long)work->seed);
	script = text_format(": %s\n" PS " -e -o pid= -o comm=\necho\necho " LAB_READY
			     "\nread x || :",
			     outside.mark);
	if (!script)
		return err_set(err, ENOMEM, "out of memory");
	inside.script = script;
	r = lab_inside(work, &inside, err);
	if (r < 0)
		return r;
	seen = json_pack("{s:o, s:{s:I, s:I, s:I}}", "inside", parse_ps(inside.text), "outside",
			 "processes", (json_int_t)outside.processes, "pid", (json_int_t)outside.pid,
			 "pid_inside", (json_int_t)outside.pid_inside);
	return seen ? lab_keep_seen(work, seen, err) : err_set(err, ENOMEM, "out of memory");
}

/* What the list from inside says of the question. */
static void answer(const json_t *list, uint64_t outside, uint64_t pid_outside,
		   struct lab_findings *ret)
{
	bool one = false, same = false, kernel = false;
	const json_t *row;
	size_t i, n = json_array_size(list);

	json_array_foreach(list, i, row)
	{
		one |= json_u64_or(row, "pid", 0) == 1;
		same |= pid_outside && json_u64_or(row, "pid", 0) == pid_outside;
		kernel |= strcmp(json_string_or(row, "name", ""), "kthreadd") == 0;
	}
	if (n == 0 || outside == 0)
		return;
	if (n <= FEW && same)
		ret->key[0] = 'c';
	else if (n <= FEW && one)
		ret->key[0] = 'b';
	else if (2 * n > outside)
		ret->key[0] = 'a';
	else if (kernel)
		ret->key[0] = 'd';
}

static int judge(const struct lab_data *data, struct lab_findings *ret, struct tare_err *err)
{
	const json_t *list = json_object_get(data->seen, "inside");
	const json_t *outside = json_object_get(data->seen, "outside");
	uint64_t processes = json_u64_or(outside, "processes", 0);
	uint64_t pid = json_u64_or(outside, "pid", 0);
	uint64_t inside = json_u64_or(outside, "pid_inside", 0);

	(void)err;
	ret->planned = 2;
	ret->done = (json_array_size(list) > 0) + (processes > 0);
	if (json_array_size(list))
		lab_add_exact(ret, "listed-inside", "processes that ps lists inside",
			      (double)json_array_size(list), "counted");
	if (processes)
		lab_add_exact(ret, "outside", "processes of the machine at that moment",
			      (double)processes, "counted");
	if (inside)
		lab_add_exact(ret, "number-inside", "the shell's number inside", (double)inside,
			      "as the kernel says (NSpid)");
	if (pid)
		lab_add_exact(ret, "number-outside", "the number of the same process outside",
			      (double)pid, "as the kernel says (NSpid)");
	if (ret->done == 2)
		ret->outcome = inside == 1 && pid > 1 && json_array_size(list) <= FEW
				       ? LAB_CONFIRMED
				       : LAB_REFUTED;
	answer(list, processes, pid, ret);
	lab_say_verdict(ret,
			"inside, ps lists %zu processes and the shell is number %llu; outside, the "
			"same process has number %llu, among %llu processes",
			json_array_size(list), (unsigned long long)inside, (unsigned long long)pid,
			(unsigned long long)processes);
	return 0;
}

static int show(const struct lab_data *data, struct doc *doc, struct tare_err *err)
{
	cleanup_table struct table table = {
		.n_columns = 2, .head = {"number inside", "program"}, .number = {true}};
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(data->seen, "inside"), i, row)
	{
		int r = i < ROWS ? table_row(&table, err) : 0;

		if (r < 0 || i >= ROWS)
			return r;
		table_cell(&table, 0, TONE_PLAIN, "%llu",
			   (unsigned long long)json_u64_or(row, "pid", 0));
		table_cell(&table, 1, TONE_PLAIN, "%s", json_string_or(row, "name", "?"));
	}
	if (table.n_rows) {
		doc->ops->heading(doc, 2, "What ps listed inside");
		doc->ops->table(doc, &table);
	}
	return 0;
}

const struct lab_ops lab_ops_ps = {
	.name = "ps",
	.summary = "the processes of a container, seen from inside and from outside",
	.aim = "See that a container is processes of the machine, under other numbers.",
	.background =
		"There is no object in the kernel that is called a container. What there is are "
		"processes, and each belongs to a namespace of process numbers, which may lie "
		"inside "
		"of another one. A process has a number in its own namespace and in each one "
		"around "
		"it. ps reads /proc, and a /proc shows the namespace that it was mounted in. In "
		"this "
		"lab the machine's own ps runs in a container that has the machine's files, so "
		"that "
		"only the namespaces make the difference. A guest's processes, in contrast, are "
		"nothing to the machine but memory of one process, the virtual machine.",
	.question =
		"'ps -e' is run in a container that has nothing but a shell. Which processes does "
		"it list?",
	.choices = choices,
	.claim = "Inside, the shell is number 1 and nobody else's process is listed; outside, the "
		 "same process is one among all others, under another number.",
	.discuss = "Find a process of a container of your own from outside (NSpid in "
		   "/proc/PID/status) and end it from there. What happens inside when number 1 "
		   "ends, and why?",
	.probe = probe,
	.carry_out = carry_out,
	.judge = judge,
	.show = show,
};
