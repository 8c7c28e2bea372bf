/* SPDX-License-Identifier: MIT */
#pragma once
/* net_account: what the kernel has counted at network devices and in the queues before them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tare_err;
struct nl_sock;

/* IFLA_STATS64 */
enum net_figure {
	NET_RX_BYTES,
	NET_RX_PACKETS,
	NET_RX_ERRORS,
	NET_RX_DROPPED,
	NET_TX_BYTES,
	NET_TX_PACKETS,
	NET_TX_ERRORS,
	NET_TX_DROPPED,
	NET_FIGURES,
};

/* Of the root qdisc, TCA_STATS2. The last two are levels. */
enum net_queue_figure {
	NET_QUEUE_BYTES,
	NET_QUEUE_PACKETS,
	NET_QUEUE_DROPS,
	NET_QUEUE_OVERLIMITS,
	NET_QUEUE_REQUEUES,
	NET_QUEUE_BACKLOG,
	NET_QUEUE_LENGTH,
	NET_QUEUE_FIGURES,
};
#define NET_QUEUE_LEVELS NET_QUEUE_BACKLOG /* the first of them */

struct net_device {
	char name[16];
	int index;
	bool loopback;
	int peer;      /* the index of a veth's other end; 0: none */
	int peer_nsid; /* where that is, as this namespace numbers others; -1: here */
	uint64_t figures[NET_FIGURES];
	char qdisc[16]; /* its kind; "": none */
	uint64_t queue[NET_QUEUE_FIGURES];
};

/* In the namespace of the socket. Gives back how many were put into ret; *ret_more: for how many
 * there was no room. */
int net_account_read(struct nl_sock *sock, struct net_device *ret, size_t room, size_t *ret_more,
		     struct tare_err *err);
/* The namespace of that number, if it is our own or one we have open: a new descriptor. -1: it is
 * neither, or it could not be found out. */
int net_account_namespace(int namespace, int nsid);
