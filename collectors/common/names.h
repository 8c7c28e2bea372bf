/* SPDX-License-Identifier: MIT */
#pragma once
/* names: of system calls and errors, as a record writes them. */

#include <stddef.h>
#include <stdint.h>

#define NAMES_SIZE 48

/* "getppid"; "syscall_467" for one that libseccomp does not know. Gives back buf. */
const char *names_syscall(unsigned int number, char *buf, size_t size);

/* "EAGAIN"; "ERESTARTSYS" and its like, which the kernel keeps to itself; "errno_530". */
const char *names_errno(unsigned int code, char *buf, size_t size);
