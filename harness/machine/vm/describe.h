/* SPDX-License-Identifier: MIT */
#pragma once
/* describe: what a result says of a guest. */

#include <jansson.h>

struct guest;
struct vm;

/* What does not come from the guest each time it is asked for; new reference. */
json_t *vm_describe_running(const struct vm *vm);
/* "boot" of it; new reference. */
json_t *vm_describe_boot(const struct vm *vm);
/* What a guest that has been taken down adds to its description. */
void vm_describe_end(const struct guest *guest, json_t *described);
