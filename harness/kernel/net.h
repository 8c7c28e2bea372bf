/* SPDX-License-Identifier: MIT */
#pragma once
/* net: a private network for one box or guest: a pair of virtual Ethernet devices, one inside, the
 * other in a network namespace that tare keeps to itself. Nothing of it is seen on the machine's
 * own network, and all of it is gone when the file descriptors are: there is nothing to clean up
 * after a kill -9.
 *
 * A box has the inner device itself. For a guest it lies in one more namespace, and is joined there
 * to the tap device that the guest's frames come from:
 *
 *   guest's eth0 = tap0 <-> eth0 ==== eth0 10.254.0.1
 *    10.254.0.2    '-- namespace --'  '-- namespace --'
 *
 * so that both ways are shaped as a box's are, by the device that sends, and a frame of the guest's
 * has nowhere else to go. */

#include <stdint.h>

struct tare_err;
struct net;

#define NET_INSIDE  "10.254.0.2" /* of the box's "eth0" */
#define NET_OUTSIDE "10.254.0.1" /* of the other end */
#define NET_PREFIX  "30"
/* At the other end services answer: what is sent to the one is thrown away, the other sends
 * on and on: discard and chargen of RFC 863 and 864, without chargen's pattern. A third sends
 * back what it gets: echo of RFC 862. */
#define NET_ECHO    7
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
/* Join it to a new tap device, of which *ret_fd is the guest's side (with IFF_VNET_HDR). The device
 * goes with the last copy of the descriptor. -ENOTSUP: the kernel lacks something. -ERANGE. */
int net_connect_tap(struct net *net, int *ret_fd, struct tare_err *err);
/* Of one that has been connected to a tap: the rate from now on, 0: no limit; read back. After a
 * failure net_rate() is as before, and either direction may have either rate. */
int net_set_rate(struct net *net, uint64_t bits_per_s, struct tare_err *err);
uint64_t net_rate(const struct net *net);
/* NULL is fine. */
void net_close(struct net *net);

/* In the guest: bring the device up that is its side of it. -ENODEV: there is none. */
int net_join(struct tare_err *err);
