/* SPDX-License-Identifier: MIT */
#pragma once
/* protection: for each probe, what a box that isolates claims of it, and the environment in which
 * the protection is switched off, so that an attack can be shown to work. */

#include <jansson.h>
#include <stdbool.h>

enum protection_claim { CLAIM_NOTHING, CLAIM_PRIVATE, CLAIM_NOT_SHARED, CLAIM_CONTAINED };

enum protection_where {
	SHOWN_NOWHERE,
	SHOWN_ON_HOST,    /* harmless */
	SHOWN_IN_GUEST,   /* its success changes the machine */
	SHOWN_WITHOUT_BOX /* the protection is in every box: shown by a plain child of ours */
};

struct protection {
	const char *probe;
	enum protection_claim claim;
	enum protection_where where;
	const char *off; /* "container,pid=host" */
};

extern const struct protection protections[]; /* ended by probe NULL */

const struct protection *protection_of(const char *probe);
/* One of the box's options is one of those that switch this protection off. */
bool protection_is_off(const struct protection *protection, const json_t *options);
/* None of the protections that hold the machine itself is switched off. */
bool protection_is_whole(const json_t *options);
