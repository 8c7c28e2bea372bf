/* SPDX-License-Identifier: MIT */
#pragma once
/* net: a private network for one box: a pair of virtual Ethernet devices, one inside, the other in
 * a network namespace that tare keeps to itself. Nothing of it is seen on the machine's own
 * network, and all of it is gone when the file descriptors are: there is nothing to clean up after
 * a kill -9. */

#include <stdint.h>

struct tare_err;
struct net;

#define NET_INSIDE  "10.254.0.2" /* of the box's "eth0" */
#define NET_OUTSIDE "10.254.0.1" /* of the other end */
#define NET_PREFIX  30
/* At the other end two services answer: what is sent to the one is thrown away, the other sends
 * on and on: discard and chargen of RFC 863 and 864, without chargen's pattern. */
#define NET_DISCARD 9
#define NET_CHARGEN 19

/* Bytes that go through at once after a time without traffic, where there is a limit. */
int net_bucket_bytes(uint64_t bits_per_s);

/* Make the namespace of the other end, and the services in it. bits_per_s: the most that either
 * direction carries, 0: no limit. -EPERM: root is needed. */
int net_open(uint64_t bits_per_s, struct net **ret, struct tare_err *err);
/* Join it to the network namespace of a process, which must be new: the devices, addresses and
 * rates are read back from the kernel. -ENOTSUP: the kernel lacks veth or tbf. -ERANGE: it holds
 * another rate than was asked. */
int net_connect(struct net *net, int pid, struct tare_err *err);
/* NULL is fine. */
void net_close(struct net *net);
