/* SPDX-License-Identifier: MIT */
#pragma once
/* net_service: who answers at the other end of a box's network: a thread of ours. */

struct tare_err;
struct net_service;

/* Listen in the network namespace that the calling thread is in. */
int net_service_start(struct net_service **ret, struct tare_err *err);
/* NULL is fine. */
void net_service_stop(struct net_service *service);
