/* SPDX-License-Identifier: MIT */
#pragma once
/* stored: an image as `tare image import` has put it down: its layers, each a folder in
 * overlayfs form, and what it says about running it.
 *
 * The store is a folder: names/NAME.json ("tare.image/1"), layers/DIFFID. It belongs to root
 * alone (mode 0700): layers have setuid files, which nobody outside may reach. A guest has a store
 * of the same form, with one layer: a disk on which all of them are merged. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tare_err;

/* What docker allows too (its overlay2 driver). */
#define STORED_LAYERS_MAX 127
#define STORED_ENV_MAX    256
#define STORED_PATH_SIZE  512
#define STORED_SCHEMA     "tare.image/1"

struct stored_image {
	json_t *about;
	char *layers[STORED_LAYERS_MAX]; /* their folders, the top one first */
	size_t n_layers;
	bool merged; /* its one layer hides nothing, so that nothing in it is marked */
	char *empty; /* a folder with nothing in it, made when it is needed */
	const char *env[STORED_ENV_MAX + 1]; /* NULL-ended; the texts are of `about` */
	const char *cwd;                     /* NULL: "/" */
	uid_t uid;                           /* inside */
	gid_t gid;
	int lock_fd; /* held: `tare image rm` leaves the store alone */
};

/* Where the store of a cache folder is. */
int stored_folder(const char *cache_dir, char ret[STORED_PATH_SIZE], struct tare_err *err);

/* -ENOENT: there is no such image. -EBADMSG: what is stored is damaged. */
int stored_read(const char *store, const char *name, struct stored_image *ret,
		struct tare_err *err);
/* The same from what the store would hold, for an image that is still being made. */
int stored_take(const char *store, json_t *about, struct stored_image *ret, struct tare_err *err);
void stored_clear(struct stored_image *image);

/* A folder's fd that shows all layers as one, read-only and mounted nowhere. */
int stored_view(const struct stored_image *image, struct tare_err *err);

/* What a process of the image has as its environment: first's, then the image's where they have
 * no such name. NULL-ended, freed by the caller; the texts are not. */
char **stored_environment(const struct stored_image *image, char *const *first);
