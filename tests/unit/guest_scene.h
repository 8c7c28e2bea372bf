/* SPDX-License-Identifier: MIT */
#pragma once
/* guest_scene: guests opened through the machine interface, as the engine does. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/places.h"
#include "machine/machine.h"
#include "machine/vm/image.h"

/* Options of a guest that is soon there, whatever this machine can do. */
#define FAST "{\"boot\": \"restore\", \"accel\": \"tcg\"}"

static struct places scene_places;
static const struct machine_ops *scene_ops;
static struct machine *scene_open_one; /* a failed assertion jumps past the test's own close */

static inline void scene_need(int r, const struct tare_err *err)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s (%d)\n", err->msg, r);
	fail();
}

/* Status 77 is how a test program says that it cannot run here. */
static inline int scene_cannot(const struct tare_err *err)
{
	(void)fprintf(stderr, "skipped: %s\n", err->msg);
	(void)places_close(&scene_places, NULL);
	exit(77); // NOLINT(concurrency-mt-unsafe): there is one thread
}

static inline int scene_setup(void **state)
{
	struct tare_err err = {0};
	struct image image;

	(void)state;
	(void)setenv("TARE_LIBEXEC", TARE_BINARY_DIR, 0); // NOLINT(concurrency-mt-unsafe)
	scene_need(machine_find("vm", &scene_ops, &err), &err);
	if (geteuid() != 0)
		(void)err_set(&err, EPERM, "guests with limits need root");
	if (err.code || scene_ops->probe(&err) < 0)
		return scene_cannot(&err);
	scene_need(places_find(&scene_places, &err), &err);
	scene_need(places_open(&scene_places, true, &err), &err);
	const struct image_config config = {.cache_dir = scene_places.cache_dir,
					    .libexec_dir = scene_places.libexec_dir,
					    .journal = scene_places.journal};

	if (image_ensure(&config, &image, &err) < 0)
		return scene_cannot(&err);
	image_release(&image);
	return 0;
}

static inline int scene_teardown(void **state)
{
	struct tare_err err = {0};

	(void)state;
	scene_need(places_close(&scene_places, &err), &err);
	return 0;
}

static inline int scene_end_test(void **state)
{
	(void)state;
	if (scene_open_one)
		(void)scene_open_one->ops->close(scene_open_one, NULL);
	scene_open_one = NULL;
	return 0;
}

static inline int scene_try(const char *options, const struct limits *limits, struct tare_err *err)
{
	static unsigned int number;
	json_t *object = json_loads(options, 0, NULL);
	char name[80];
	int r;

	assert_non_null(object);
	(void)snprintf(name, sizeof(name), "%s-t%u", scene_places.group_prefix, number++);
	struct machine_config config = {.place = &scene_places.trial,
					.options = object,
					.limits = limits ? *limits : (struct limits){0},
					.cpus = 1,
					.name = name,
					.journal = scene_places.journal,
					.cache_dir = scene_places.cache_dir,
					.libexec_dir = scene_places.libexec_dir};

	r = scene_ops->open(&config, &scene_open_one, err);
	json_decref(object);
	return r;
}

static inline struct machine *scene_open(const char *options, const struct limits *limits)
{
	struct tare_err err = {0};

	scene_need(scene_try(options, limits, &err), &err);
	return scene_open_one;
}

static inline int scene_close(struct tare_err *err)
{
	struct machine *machine = scene_open_one;

	scene_open_one = NULL;
	return machine->ops->close(machine, err);
}

static inline int scene_start(const char *box, const char *load, enum trial_mode mode,
			      machine_player *ret, struct tare_err *err)
{
	struct trial_spec spec = {.env = "x", .machine = "vm", .mode = mode};
	int r;

	(void)snprintf(spec.box, sizeof(spec.box), "%s", box);
	(void)snprintf(spec.load, sizeof(spec.load), "%s", load);
	r = scene_open_one->ops->start(scene_open_one, &spec, ret, err);
	return r;
}

static inline int scene_play(machine_player player, uint64_t iters, struct trial_slice *ret,
			     struct tare_err *err)
{
	const struct play_request request = {
		.magic = PLAY_MAGIC, .kind = PLAY_SLICE, .lead_in = 10, .iters = iters};

	return scene_open_one->ops->slice(scene_open_one, player, &request, ret, err);
}

/* The first child of a process: QEMU; 0: there is none. */
static inline pid_t scene_qemu_of(pid_t parent)
{
	char path[64], text[512], *at = text;
	FILE *f;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	f = fopen(path, "re");
	assert_non_null(f);
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	(void)fclose(f);
	pid = strtol(at, &at, 10);
	return (pid_t)pid;
}

static inline pid_t scene_qemu(void)
{
	return scene_qemu_of(getpid());
}

/* Files of guests that are left in the folder under test. */
static inline size_t scene_disks(void)
{
	char command[600];
	size_t n = 0;
	FILE *f;

	(void)snprintf(command, sizeof(command), "ls -A '%s'", scene_places.work_dir);
	f = popen(command, "re"); // NOLINT(cert-env33-c): a path of our own
	assert_non_null(f);
	for (char line[512]; fgets(line, sizeof(line), f);)
		n++;
	(void)pclose(f);
	return n;
}
