/* SPDX-License-Identifier: MIT */
#include "kernel/net_account.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/net_namespace.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/net_link.h"

#define NAMESPACE_LINK "net:["

static const rtnl_link_stat_id_t figures[NET_FIGURES] = {
	[NET_RX_BYTES] = RTNL_LINK_RX_BYTES,   [NET_RX_PACKETS] = RTNL_LINK_RX_PACKETS,
	[NET_RX_ERRORS] = RTNL_LINK_RX_ERRORS, [NET_RX_DROPPED] = RTNL_LINK_RX_DROPPED,
	[NET_TX_BYTES] = RTNL_LINK_TX_BYTES,   [NET_TX_PACKETS] = RTNL_LINK_TX_PACKETS,
	[NET_TX_ERRORS] = RTNL_LINK_TX_ERRORS, [NET_TX_DROPPED] = RTNL_LINK_TX_DROPPED,
};

static const enum rtnl_tc_stat queue_figures[NET_QUEUE_FIGURES] = {
	[NET_QUEUE_BYTES] = RTNL_TC_BYTES,       [NET_QUEUE_PACKETS] = RTNL_TC_PACKETS,
	[NET_QUEUE_DROPS] = RTNL_TC_DROPS,       [NET_QUEUE_OVERLIMITS] = RTNL_TC_OVERLIMITS,
	[NET_QUEUE_REQUEUES] = RTNL_TC_REQUEUES, [NET_QUEUE_BACKLOG] = RTNL_TC_BACKLOG,
	[NET_QUEUE_LENGTH] = RTNL_TC_QLEN,
};

static void read_device(struct rtnl_link *link, struct net_device *ret)
{
	const char *name = rtnl_link_get_name(link), *type = rtnl_link_get_type(link);
	int32_t nsid = -1;

	*ret = (struct net_device){.index = rtnl_link_get_ifindex(link), .peer_nsid = -1};
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "");
	ret->loopback = rtnl_link_get_flags(link) & IFF_LOOPBACK;
	/* Of other types, the link is to the device below. */
	if (type && strcmp(type, "veth") == 0) {
		ret->peer = rtnl_link_get_link(link);
		if (rtnl_link_get_link_netnsid(link, &nsid) == 0)
			ret->peer_nsid = nsid;
	}
	for (size_t i = 0; i < NET_FIGURES; i++)
		ret->figures[i] = rtnl_link_get_stat(link, figures[i]);
}

static void read_queue(struct nl_cache *qdiscs, struct net_device *device)
{
	struct rtnl_qdisc *root = rtnl_qdisc_get_by_parent(qdiscs, device->index, TC_H_ROOT);
	const char *kind = root ? rtnl_tc_get_kind(TC_CAST(root)) : NULL;

	if (kind)
		(void)snprintf(device->qdisc, sizeof(device->qdisc), "%s", kind);
	for (size_t i = 0; kind && i < NET_QUEUE_FIGURES; i++)
		device->queue[i] = rtnl_tc_get_stat(TC_CAST(root), queue_figures[i]);
	if (root)
		rtnl_qdisc_put(root);
}

int net_account_read(struct nl_sock *sock, struct net_device *ret, size_t room, size_t *ret_more,
		     struct tare_err *err)
{
	struct nl_cache *links = NULL, *qdiscs = NULL;
	struct nl_object *object;
	size_t n = 0;
	int r = rtnl_link_alloc_cache(sock, AF_UNSPEC, &links);

	*ret_more = 0;
	if (r < 0)
		return net_link_failed(r, "read the network devices", err);
	r = rtnl_qdisc_alloc_cache(sock, &qdiscs);
	if (r < 0) {
		nl_cache_free(links);
		return net_link_failed(r, "read the qdiscs", err);
	}
	for (object = nl_cache_get_first(links); object; object = nl_cache_get_next(object)) {
		if (n == room) {
			++*ret_more;
			continue;
		}
		read_device((struct rtnl_link *)object, &ret[n]);
		read_queue(qdiscs, &ret[n++]);
	}
	nl_cache_free(qdiscs);
	nl_cache_free(links);
	return (int)n;
}

static int take_nsid(struct nl_msg *msg, void *nsid)
{
	struct nlattr *found =
		nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct rtgenmsg), NETNSA_NSID);

	if (found)
		*(int32_t *)nsid = (int32_t)nla_get_u32(found);
	return NL_OK;
}

/* How the socket's namespace numbers that of a descriptor; -1: it has no number, or it is none. */
static int32_t nsid_of(struct nl_sock *sock, int fd)
{
	struct rtgenmsg general = {.rtgen_family = AF_UNSPEC};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNSID, 0);
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int32_t nsid = -1;

	if (msg && cb && nlmsg_append(msg, &general, sizeof(general), NLMSG_ALIGNTO) == 0 &&
	    nla_put_u32(msg, NETNSA_FD, (uint32_t)fd) == 0 &&
	    nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, take_nsid, &nsid) == 0 &&
	    nl_send_auto(sock, msg) >= 0)
		(void)nl_recvmsgs(sock, cb);
	nl_cb_put(cb);
	nlmsg_free(msg);
	return nsid;
}

/* Among what we have open. A copy of it, or -1. */
static int find_open(struct nl_sock *sock, int nsid)
{
	cleanup_dir DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char link[32];

	/* readdir: no other thread has this stream. */
	while (dir && (entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		int fd = (int)strtol(entry->d_name, NULL, 10);

		link[n > 0 ? n : 0] = '\0';
		if (strncmp(link, NAMESPACE_LINK, strlen(NAMESPACE_LINK)) == 0 &&
		    nsid_of(sock, fd) == nsid)
			return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	return -1;
}

int net_account_namespace(int namespace, int nsid)
{
	cleanup_close int own = net_link_namespace();
	struct nl_sock *sock = NULL;
	int found = -1;

	if (nsid < 0 || own < 0)
		return -1;
	if (net_link_open_in(namespace, &sock, NULL) == 0) {
		/* An answer is all that comes for a question. */
		nl_socket_disable_auto_ack(sock);
		found = nsid_of(sock, own) == nsid ? take_fd(&own) : find_open(sock, nsid);
	}
	nl_socket_free(sock);
	return found;
}
