/* SPDX-License-Identifier: MIT */
/* A whole program: the environment's own sqlite3, to which a transaction is told at a time over a
 * pipe. It moves a unit from one account to another, so that the database neither grows nor
 * wears; that both rows have changed is looked at each time. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "folder.h"
#include "param.h"
#include "tool.h"
#include "workload.h"

#define ACCOUNTS 1000

struct sqlite {
	struct folder folder;
	struct tool tool;
	unsigned long long changes; /* of rows since the program was started */
	unsigned int next;          /* account that pays */
};

/* Lines for the program, each with one line as its answer. */
static int ask_for(struct sqlite *s, const char *line, const char *wanted, struct tare_err *err)
{
	char answer[256];
	int r = tool_ask(&s->tool, line, answer, sizeof(answer), err);

	if (r < 0 || strcmp(answer, wanted) == 0)
		return r;
	return err_set(err, EIO, "sqlite3 answers '%.160s' where '%s' is due", answer, wanted);
}

static int make_accounts(struct sqlite *s, const char *journal, const char *sync,
			 struct tare_err *err)
{
	char line[512], wanted[16];
	int r;

	(void)snprintf(line, sizeof(line), "PRAGMA journal_mode=%s;\n", journal);
	r = ask_for(s, line, journal, err);
	if (r < 0)
		return r;
	(void)snprintf(line, sizeof(line),
		       "PRAGMA synchronous=%s;"
		       "CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER, owner TEXT);"
		       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d)"
		       "INSERT INTO account SELECT i, 1000, printf('%%080d', i) FROM n;"
		       "SELECT total_changes();\n",
		       sync, ACCOUNTS);
	s->changes = ACCOUNTS;
	(void)snprintf(wanted, sizeof(wanted), "%d", ACCOUNTS);
	return ask_for(s, line, wanted, err);
}

static int sqlite_setup(void *state, const char *const *params, struct tare_err *err)
{
	static const char *const journals[] = {"delete", "wal"}, *const syncs[] = {"full", "off"};
	struct sqlite *s = state;
	int journal = param_choice("journal", params[0], "delete|wal", err), sync, r;
	char path[sizeof(s->folder.path) + 2];
	/* No file of settings: a user's would make it another program. */
	const char *const argv[] = {"sqlite3", "-batch", "-bail", "-init", "/dev/null", path, NULL};

	if (journal < 0)
		return journal;
	sync = param_choice("sync", params[1], "full|off", err);
	if (sync < 0)
		return sync;
	r = tool_find(&s->tool, "sqlite3", "sqlite3", err);
	if (r < 0 || (r = folder_make(&s->folder, 1, err)) < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/f", s->folder.path);
	r = tool_start(&s->tool, argv, err);
	return r < 0 ? r : make_accounts(s, journals[journal], syncs[sync], err);
}

static int transact(struct sqlite *s, struct tare_err *err)
{
	unsigned int from = s->next % ACCOUNTS + 1, to = (s->next + ACCOUNTS / 2) % ACCOUNTS + 1;
	char line[256], wanted[32];

	s->next++;
	s->changes += 2;
	(void)snprintf(wanted, sizeof(wanted), "%llu", s->changes);
	(void)snprintf(line, sizeof(line),
		       "BEGIN;UPDATE account SET balance=balance-1 WHERE id=%u;"
		       "UPDATE account SET balance=balance+1 WHERE id=%u;COMMIT;"
		       "SELECT total_changes();\n",
		       from, to);
	return ask_for(s, line, wanted, err);
}

static int sqlite_run(void *state, uint64_t iters, struct tare_err *err)
{
	int r = 0;

	for (uint64_t i = 0; i < iters && r == 0; i++)
		r = transact(state, err);
	return r;
}

static size_t sqlite_programs(const void *state, struct play_program *programs)
{
	programs[0] = ((const struct sqlite *)state)->tool.file;
	return 1;
}

static void sqlite_teardown(void *state)
{
	static const char *const beside[] = {"f-journal", "f-wal", "f-shm"};
	struct sqlite *s = state;

	tool_end(&s->tool);
	for (size_t i = 0; s->folder.path[0] && i < sizeof(beside) / sizeof(*beside); i++)
		(void)unlinkat(s->folder.fd, beside[i], 0);
	folder_remove(&s->folder);
}

const struct workload workload_sqlite = {
	.name = "sqlite",
	.summary = "whole program: transactions by the environment's own sqlite3, on /work",
	.op = "a transaction of two updates, told to sqlite3 over a pipe and answered",
	.groups = "program",
	.rate = "transactions_per_s",
	.params =
		(const struct workload_param[]){
			{"journal", "its rollback journal: delete|wal", "delete"},
			{"sync", "its waiting for the disk: full|off", "full"},
			{NULL, NULL, NULL}},
	.state_size = sizeof(struct sqlite),
	.setup = sqlite_setup,
	.run = sqlite_run,
	.programs = sqlite_programs,
	.teardown = sqlite_teardown,
};
