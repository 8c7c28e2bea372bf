/* SPDX-License-Identifier: MIT */
#pragma once
/* net_link: the steps that a private network is made of, by rtnetlink, each in the network
 * namespace of its socket. -ENOTSUP: the kernel lacks what it takes. */

#include <stdint.h>

struct tare_err;
struct nl_sock;
struct rtnl_link;

/* Of the calling thread; a new descriptor, or -1. */
int net_link_namespace(void);
/* Do something in a network namespace (-1: a new one); the thread is back in its own afterwards.
 * A socket stays where it was made. */
int net_link_within(int namespace, int (*what)(void *context, struct tare_err *err), void *context,
		    struct tare_err *err);

/* In the namespace of the calling thread. On success and failure *ret is for nl_socket_free(). */
int net_link_open(struct nl_sock **ret, struct tare_err *err);
int net_link_open_in(int namespace, struct nl_sock **ret, struct tare_err *err);
/* A sentence for a failure of libnl's (code: its own). */
int net_link_failed(int code, const char *step, struct tare_err *err);

/* A pair of one name: one end where the socket is, the other in that namespace. */
int net_link_add_pair(struct nl_sock *sock, const char *name, int other_namespace,
		      struct tare_err *err);
/* *ret is for rtnl_link_put(). */
int net_link_set_up(struct nl_sock *sock, const char *name, struct rtnl_link **ret,
		    struct tare_err *err);
/* Until a device whose peer is up too sends what it is given: the kernel sets it going some time
 * after, and throws away what comes meanwhile. -ETIMEDOUT. */
int net_link_await(struct nl_sock *sock, const char *name, struct tare_err *err);
/* "10.254.0.2/30" */
int net_link_add_address(struct nl_sock *sock, struct rtnl_link *link, const char *address,
			 struct tare_err *err);
/* Whatever one device receives is sent by the other, and the kernel's own network looks at none of
 * it. */
int net_link_patch(struct nl_sock *sock, struct rtnl_link *from, struct rtnl_link *to,
		   struct tare_err *err);

/* Bytes that go through at once after a time without traffic, where there is a limit. */
int net_link_bucket_bytes(uint64_t bits_per_s);
/* Shape what the device sends, whatever held it before; 0: nothing does. Read back: -ERANGE when
 * the kernel holds another rate. */
int net_link_set_rate(struct nl_sock *sock, struct rtnl_link *link, uint64_t bits_per_s,
		      struct tare_err *err);
