/* SPDX-License-Identifier: MIT */
#pragma once
/* reasons: the names of why a virtual CPU left its guest. */

#include <stdint.h>

#define REASON_SIZE 48

/* "HLT", or the number of what has no name here: "vmx 0x7b". Gives back buf. */
const char *reason_name(uint32_t kind, uint32_t reason, char buf[REASON_SIZE]);
/* "vmx", "svm", "isa 3": whose the reasons of exits are. Gives back buf. */
const char *reason_isa(uint32_t kind, char buf[REASON_SIZE]);
