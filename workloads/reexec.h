/* SPDX-License-Identifier: MIT */
#pragma once
/* reexec: tare-load with this as its only argument ends at once with status 0, before it does
 * anything else: what forkexec executes. */

#define REEXEC_EXIT "--exit"
