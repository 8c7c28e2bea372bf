/* SPDX-License-Identifier: MIT */
/* command: somebody else's runtime: any command that takes the payload's words after its own, and
 * hands stdin and stdout through. The limits under test are its business; tare's own group around
 * it holds nothing but what keeps the machine safe. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "box/box.h"
#include "box/command/words.h"
#include "box/common/spawn.h"

extern const struct box_ops box_ops_command;

struct command_box {
	struct box box;
	const struct box_place *place;
	struct words words;
};

static const struct box_option command_options[] = {
	{"command", "TEXT", "env",
	 "the words before the payload's; {cpus}, {memory}, ... are the limits; takes the rest"},
	{0},
};

static int command_probe(struct tare_err *err)
{
	(void)err;
	return 0;
}

static int command_open(const struct box_config *config, struct box **ret, struct tare_err *err)
{
	struct command_box *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, ENOMEM, "command: out of memory");
	c->box.ops = &box_ops_command;
	c->place = config->place;
	r = words_make(box_option(&box_ops_command, config->options, "command"), config->name,
		       config->limits, &c->words, err);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = &c->box;
	return 0;
}

static int command_start(struct box *box, const struct box_exec *exec, struct box_process *ret,
			 struct tare_err *err)
{
	const struct command_box *c = (const struct command_box *)box;
	const struct spawn spawn = {.box = "command", .journal = c->place->journal};
	struct box_exec whole = *exec;
	cleanup_free char **argv = NULL;
	size_t n = 0;

	while (exec->argv[n])
		n++;
	argv = calloc(c->words.n + n + 1, sizeof(*argv));
	if (!argv)
		return err_set(err, ENOMEM, "command: out of memory");
	memcpy(argv, c->words.items, c->words.n * sizeof(*argv));
	memcpy(argv + c->words.n, exec->argv, n * sizeof(*argv));
	whole.argv = argv;
	return spawn_start(&spawn, &whole, ret, err);
}

static int command_close(struct box *box, struct tare_err *err)
{
	struct command_box *c = (struct command_box *)box;

	(void)err;
	words_clear(&c->words);
	free(c);
	return 0;
}

const struct box_ops box_ops_command = {
	.name = "command",
	.summary = "somebody else's runtime, which limits by itself: command=TEXT",
	.options = command_options,
	.limits_itself = true,
	.probe = command_probe,
	.open = command_open,
	.start = command_start,
	.close = command_close,
};
