/* SPDX-License-Identifier: MIT */
#include "kernel/net.h"

#include <fcntl.h>
#include <linux/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kernel/net_service.h"

#define DEVICE "eth0"

/* The bucket of the shaper: 10 ms at the rate, and no less than a few of the largest packets that
 * a veth pair hands over (64 KiB with segmentation offload), which would else never get through;
 * the queue behind it holds four buckets more (tc-tbf(8)). */
#define BUCKET_NS_SHARE 100
#define BUCKET_LEAST    (128 * 1024)
#define QUEUE_BUCKETS   4

struct net {
	int namespace; /* of the other end */
	uint64_t bits_per_s;
	struct net_service *service;
};

struct end {
	struct nl_sock *sock; /* in the end's namespace */
	const char *address;
};

static int nl_failed(int code, const char *step, struct tare_err *err)
{
	/* libnl folds several errnos into one of its own. */
	int is = code == -NLE_PERM ? EPERM : code == -NLE_OPNOTSUPP ? ENOTSUP : EIO;

	if (code == -NLE_OBJ_NOTFOUND)
		is = ENOTSUP;
	return err_set(err, is, "step '%s': %s%s", step, nl_geterror(code),
		       is == ENOTSUP ? " (this kernel may lack it)" : "");
}

static int own_namespace(void)
{
	/* Of the thread: that of the process is its first thread's. */
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Do something in a network namespace (-1: a new one); the thread is back in its own afterwards.
 * A socket stays where it was made. */
static int within(int namespace, int (*what)(void *context, struct tare_err *err), void *context,
		  struct tare_err *err)
{
	cleanup_close int home = own_namespace();
	int r;

	if (home < 0)
		return err_errno(err, "step 'open our network namespace'");
	if ((namespace < 0 ? unshare(CLONE_NEWNET) : setns(namespace, CLONE_NEWNET)) < 0)
		return err_errno(err, namespace < 0 ? "step 'make a network namespace'"
						    : "step 'enter a network namespace'");
	r = what(context, err);
	if (setns(home, CLONE_NEWNET) < 0)
		return err_errno(err, "step 'return to our network namespace'");
	return r;
}

static int open_netlink(void *context, struct tare_err *err)
{
	struct end *end = context;
	int r;

	end->sock = nl_socket_alloc();
	if (!end->sock)
		return err_set(err, ENOMEM, "out of memory");
	r = nl_connect(end->sock, NETLINK_ROUTE);
	return r < 0 ? nl_failed(r, "open netlink", err) : 0;
}

static int set_up(struct nl_sock *sock, const char *device, struct rtnl_link **ret,
		  struct tare_err *err)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int r;

	if (!change)
		return err_set(err, ENOMEM, "out of memory");
	r = rtnl_link_get_kernel(sock, 0, device, ret);
	if (r == 0) {
		rtnl_link_set_flags(change, IFF_UP);
		r = rtnl_link_change(sock, *ret, change, 0);
	}
	rtnl_link_put(change);
	return r < 0 ? nl_failed(r, "bring the device up", err) : 0;
}

static int add_address(const struct end *end, struct rtnl_link *link, struct tare_err *err)
{
	struct rtnl_addr *addr = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	char text[32];
	int r;

	(void)snprintf(text, sizeof(text), "%s/%d", end->address, NET_PREFIX);
	if (!addr)
		return err_set(err, ENOMEM, "out of memory");
	r = nl_addr_parse(text, AF_INET, &local);
	if (r == 0)
		r = rtnl_addr_set_local(addr, local);
	rtnl_addr_set_ifindex(addr, rtnl_link_get_ifindex(link));
	if (r == 0)
		r = rtnl_addr_add(end->sock, addr, 0);
	nl_addr_put(local);
	rtnl_addr_put(addr);
	return r < 0 ? nl_failed(r, "add the address", err) : 0;
}

/* What the kernel says the device's root qdisc is. */
static int check_rate(struct nl_sock *sock, int index, int bytes_per_s, struct tare_err *err)
{
	struct nl_cache *cache = NULL;
	struct rtnl_qdisc *now;
	int r = rtnl_qdisc_alloc_cache(sock, &cache), held = -1;

	if (r < 0)
		return nl_failed(r, "read the rate back", err);
	now = rtnl_qdisc_get_by_parent(cache, index, TC_H_ROOT);
	if (now) {
		held = rtnl_qdisc_tbf_get_rate(now);
		rtnl_qdisc_put(now);
	}
	nl_cache_free(cache);
	if (held != bytes_per_s)
		return err_set(err, ERANGE,
			       "limit 'net-rate': %d bytes per second were set, and "
			       "the kernel holds %d",
			       bytes_per_s, held);
	return 0;
}

int net_bucket_bytes(uint64_t bits_per_s)
{
	int bucket = (int)(bits_per_s / 8) / BUCKET_NS_SHARE;

	return bucket > BUCKET_LEAST ? bucket : BUCKET_LEAST;
}

/* Each end shapes what it sends; so both directions are limited. */
static int limit_rate(const struct end *end, struct rtnl_link *link, uint64_t bits_per_s,
		      struct tare_err *err)
{
	struct rtnl_qdisc *tbf = rtnl_qdisc_alloc();
	int bytes = (int)(bits_per_s / 8), bucket = net_bucket_bytes(bits_per_s), r;

	if (!tbf)
		return err_set(err, ENOMEM, "out of memory");
	rtnl_tc_set_link(TC_CAST(tbf), link);
	rtnl_tc_set_parent(TC_CAST(tbf), TC_H_ROOT);
	r = rtnl_tc_set_kind(TC_CAST(tbf), "tbf");
	if (r == 0) {
		rtnl_qdisc_tbf_set_rate(tbf, bytes, bucket, 0);
		rtnl_qdisc_tbf_set_limit(tbf, bucket * QUEUE_BUCKETS);
		r = rtnl_qdisc_add(end->sock, tbf, NLM_F_CREATE | NLM_F_EXCL);
	}
	rtnl_qdisc_put(tbf);
	if (r < 0)
		return nl_failed(r, "limit the rate (qdisc tbf)", err);
	return check_rate(end->sock, rtnl_link_get_ifindex(link), bytes, err);
}

static int furnish_end(const struct end *end, uint64_t bits_per_s, struct tare_err *err)
{
	struct rtnl_link *link = NULL;
	int r = set_up(end->sock, DEVICE, &link, err);

	if (r == 0)
		r = add_address(end, link, err);
	if (r == 0 && bits_per_s)
		r = limit_rate(end, link, bits_per_s, err);
	if (link)
		rtnl_link_put(link);
	return r;
}

static int add_pair(const struct end *outer, int inner_namespace, struct tare_err *err)
{
	struct rtnl_link *link = rtnl_link_veth_alloc();
	struct rtnl_link *peer = link ? rtnl_link_veth_get_peer(link) : NULL;
	int r;

	if (!peer)
		return err_set(err, ENOMEM, "out of memory");
	rtnl_link_set_name(link, DEVICE);
	rtnl_link_set_name(peer, DEVICE);
	rtnl_link_set_ns_fd(peer, inner_namespace);
	r = rtnl_link_add(outer->sock, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(peer);
	rtnl_link_put(link);
	return r < 0 ? nl_failed(r, "make a veth pair", err) : 0;
}

static int open_far_end(void *context, struct tare_err *err)
{
	struct net *net = context;

	net->namespace = own_namespace();
	if (net->namespace < 0)
		return err_errno(err, "step 'keep the network namespace'");
	return net_service_start(&net->service, err);
}

int net_open(uint64_t bits_per_s, struct net **ret, struct tare_err *err)
{
	struct net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return err_set(err, ENOMEM, "out of memory");
	net->namespace = -1;
	net->bits_per_s = bits_per_s;
	r = within(-1, open_far_end, net, err);
	if (r < 0) {
		net_close(net);
		return err_wrap(err, r, "network");
	}
	*ret = net;
	return 0;
}

int net_connect(struct net *net, int pid, struct tare_err *err)
{
	struct end outer = {.address = NET_OUTSIDE}, inner = {.address = NET_INSIDE};
	cleanup_close int inside = -1;
	char path[48];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	inside = open(path, O_RDONLY | O_CLOEXEC);
	if (inside < 0)
		return err_errno(err, "network: open %s", path);
	r = within(net->namespace, open_netlink, &outer, err);
	if (r == 0)
		r = within(inside, open_netlink, &inner, err);
	if (r == 0)
		r = add_pair(&outer, inside, err);
	if (r == 0)
		r = furnish_end(&outer, net->bits_per_s, err);
	if (r == 0)
		r = furnish_end(&inner, net->bits_per_s, err);
	nl_socket_free(outer.sock);
	nl_socket_free(inner.sock);
	return err_wrap(err, r, "network");
}

void net_close(struct net *net)
{
	if (!net)
		return;
	net_service_stop(net->service);
	cleanup_closep(&net->namespace);
	free(net);
}
