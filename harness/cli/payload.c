/* SPDX-License-Identifier: MIT */
#include "cli/payload.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "box/common/imaged.h"

char **payload_variables(char *const *given, size_t n_given, bool native, bool image)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char home[] = "HOME=/root";
	size_t n = 0, room = n_given + 4;
	char **envp;

	for (char **e = environ; native && *e; e++)
		room++;
	envp = calloc(room, sizeof(*envp));
	if (!envp)
		return NULL;
	/* The first of two with one name counts. */
	for (size_t i = n_given; i > 0; i--)
		envp[n++] = given[i - 1];
	for (char **e = environ; *e; e++)
		if (native || strncmp(*e, "TERM=", 5) == 0)
			envp[n++] = *e;
	if (!native && !image) {
		envp[n++] = path;
		envp[n++] = home;
	}
	return envp;
}

const char *payload_image(const struct env_choice *env)
{
	const char *name = json_string_value(json_object_get(env->options, "image"));

	return name && strcmp(name, IMAGED_NONE) != 0 ? name : NULL;
}
