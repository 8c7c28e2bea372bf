/* SPDX-License-Identifier: MIT */
#include "machine/uml/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

#define FD_PATH "/proc/self/fd/%d"

__attribute__((format(printf, 2, 3))) static void add(struct uml_args *args, const char *format,
						      ...)
{
	va_list list;

	if (args->n + 1 >= UML_ARGS_MAX)
		return; /* seen by uml_args_make() */
	va_start(list, format);
	if (vasprintf(&args->argv[args->n], format, list) < 0)
		args->argv[args->n] = NULL;
	va_end(list);
	args->n++;
}

int uml_args_make(struct uml_args *args, const struct uml_args_config *config, struct tare_err *err)
{
	*args = (struct uml_args){0};
	add(args, "linux.uml"); /* executed by its descriptor */
	add(args, "mem=%lluM", (unsigned long long)(config->memory_bytes >> 20));
	add(args, "initrd=" FD_PATH, UML_FD_INITRD);
	/* By default each console and line would open a terminal of the host's. */
	add(args, "con=null");
	add(args, "con0=null,fd:%d", UML_FD_CONSOLE);
	add(args, "ssl=null");
	add(args, "ssl0=fd:%d,fd:%d", UML_FD_CHANNEL, UML_FD_CHANNEL);
	add(args, "ssl1=fd:%d,fd:%d", UML_FD_STDIO, UML_FD_STDIO);
	add(args, "ssl2=fd:%d,fd:%d", UML_FD_PULSE, UML_FD_PULSE);
	add(args, "TARE_LINES=/dev/ttyS"); /* agent/init.h */
	if (config->disk)
		add(args, "ubd0=" FD_PATH, UML_FD_DISK);
	/* r: only read; c: shared, since others may have it too. */
	if (config->root_disk)
		add(args, "ubd1rc=" FD_PATH, UML_FD_ROOT_DISK);
	add(args, "uml_dir=%s/", config->folder);
	add(args, "umid=uml");
	/* Guests could mount the host's folders with hostfs; nothing is below a device, not even
	 * by way of "..". */
	add(args, "hostfs=/dev/null");
	add(args, "noreboot"); /* it would execute itself again */
	add(args, "quiet");
	add(args, "panic=-1");
	for (size_t i = 0; i < args->n; i++) {
		if (args->argv[i])
			continue;
		uml_args_clear(args);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

void uml_args_clear(struct uml_args *args)
{
	for (size_t i = 0; i < args->n; i++)
		free(args->argv[i]);
	*args = (struct uml_args){0};
}
