/* SPDX-License-Identifier: MIT */
#include "kernel/net_link.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

/* The bucket of the shaper: 10 ms at the rate, and no less than a few of the largest packets that
 * a veth pair hands over (64 KiB with segmentation offload), which would else never get through;
 * the queue behind it holds four buckets more (tc-tbf(8)). */
#define BUCKET_NS_SHARE 100
#define BUCKET_LEAST    (128 * 1024)
#define QUEUE_BUCKETS   4

#define SHAPER "tbf"

#define GOING_NS (10 * NS_PER_S)

int net_link_failed(int code, const char *step, struct tare_err *err)
{
	/* libnl folds several errnos into one of its own. */
	int is = code == -NLE_PERM ? EPERM : code == -NLE_OPNOTSUPP ? ENOTSUP : EIO;

	if (code == -NLE_OBJ_NOTFOUND)
		is = ENOTSUP;
	return err_set(err, is, "step '%s': %s%s", step, nl_geterror(code),
		       is == ENOTSUP ? " (this kernel may lack it)" : "");
}

int net_link_namespace(void)
{
	/* Of the thread: that of the process is its first thread's. */
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

int net_link_within(int namespace, int (*what)(void *context, struct tare_err *err), void *context,
		    struct tare_err *err)
{
	cleanup_close int home = net_link_namespace();
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

int net_link_open(struct nl_sock **ret, struct tare_err *err)
{
	int r;

	*ret = nl_socket_alloc();
	if (!*ret)
		return err_set(err, ENOMEM, "out of memory");
	r = nl_connect(*ret, NETLINK_ROUTE);
	return r < 0 ? net_link_failed(r, "open netlink", err) : 0;
}

static int open_here(void *context, struct tare_err *err)
{
	return net_link_open(context, err);
}

int net_link_open_in(int namespace, struct nl_sock **ret, struct tare_err *err)
{
	return net_link_within(namespace, open_here, ret, err);
}

int net_link_add_pair(struct nl_sock *sock, const char *name, int other_namespace,
		      struct tare_err *err)
{
	struct rtnl_link *link = rtnl_link_veth_alloc();
	struct rtnl_link *peer = link ? rtnl_link_veth_get_peer(link) : NULL;
	int r;

	if (!peer)
		return err_set(err, ENOMEM, "out of memory");
	rtnl_link_set_name(link, name);
	rtnl_link_set_name(peer, name);
	rtnl_link_set_ns_fd(peer, other_namespace);
	r = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_link_put(peer);
	rtnl_link_put(link);
	return r < 0 ? net_link_failed(r, "make a veth pair", err) : 0;
}

int net_link_set_up(struct nl_sock *sock, const char *name, struct rtnl_link **ret,
		    struct tare_err *err)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int r;

	if (!change)
		return err_set(err, ENOMEM, "out of memory");
	r = rtnl_link_get_kernel(sock, 0, name, ret);
	if (r == 0) {
		rtnl_link_set_flags(change, IFF_UP);
		r = rtnl_link_change(sock, *ret, change, 0);
	}
	rtnl_link_put(change);
	return r < 0 ? net_link_failed(r, "bring the device up", err) : 0;
}

/* The kernel does it by a work of its own (net/core/link_watch.c), which waits where the machine is
 * busy. Since 6.8 to ask does it at once (rtnl_getlink). */
int net_link_await(struct nl_sock *sock, const char *name, struct tare_err *err)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t end_ns = clock_now_ns() + GOING_NS;

	for (;;) {
		struct rtnl_link *link;
		int r = rtnl_link_get_kernel(sock, 0, name, &link);
		bool going;

		if (r < 0)
			return net_link_failed(r, "ask whether the device is up", err);
		going = rtnl_link_get_operstate(link) == IF_OPER_UP;
		rtnl_link_put(link);
		if (going)
			return 0;
		if (clock_now_ns() > end_ns)
			return err_set(err, ETIMEDOUT,
				       "step 'wait for the device': '%s' is not up after %llu s",
				       name, GOING_NS / NS_PER_S);
		(void)nanosleep(&pause, NULL);
	}
}

int net_link_add_address(struct nl_sock *sock, struct rtnl_link *link, const char *address,
			 struct tare_err *err)
{
	struct rtnl_addr *addr = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	int r;

	if (!addr)
		return err_set(err, ENOMEM, "out of memory");
	r = nl_addr_parse(address, AF_INET, &local);
	if (r == 0)
		r = rtnl_addr_set_local(addr, local);
	rtnl_addr_set_ifindex(addr, rtnl_link_get_ifindex(link));
	if (r == 0)
		r = rtnl_addr_add(sock, addr, 0);
	nl_addr_put(local);
	rtnl_addr_put(addr);
	return r < 0 ? net_link_failed(r, "add the address", err) : 0;
}

static int add_ingress(struct nl_sock *sock, struct rtnl_link *link, struct tare_err *err)
{
	struct rtnl_qdisc *ingress = rtnl_qdisc_alloc();
	int r;

	if (!ingress)
		return err_set(err, ENOMEM, "out of memory");
	rtnl_tc_set_link(TC_CAST(ingress), link);
	rtnl_tc_set_parent(TC_CAST(ingress), TC_H_INGRESS);
	r = rtnl_tc_set_kind(TC_CAST(ingress), "ingress");
	if (r == 0)
		r = rtnl_qdisc_add(sock, ingress, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_qdisc_put(ingress);
	return r < 0 ? net_link_failed(r, "take what a device receives (qdisc ingress)", err) : 0;
}

/* The filter holds a reference of its own afterwards. */
static int add_redirect(struct rtnl_cls *filter, int to)
{
	struct rtnl_act *redirect = rtnl_act_alloc();
	int r;

	if (!redirect)
		return -NLE_NOMEM;
	r = rtnl_tc_set_kind(TC_CAST(redirect), "mirred");
	if (r == 0)
		r = rtnl_mirred_set_action(redirect, TCA_EGRESS_REDIR);
	if (r == 0)
		r = rtnl_mirred_set_policy(redirect, TC_ACT_STOLEN);
	if (r == 0)
		r = rtnl_mirred_set_ifindex(redirect, (uint32_t)to);
	if (r == 0)
		r = rtnl_u32_add_action(filter, redirect);
	rtnl_act_put(redirect);
	return r;
}

int net_link_patch(struct nl_sock *sock, struct rtnl_link *from, struct rtnl_link *to,
		   struct tare_err *err)
{
	int r = add_ingress(sock, from, err);
	struct rtnl_cls *filter;

	if (r < 0)
		return r;
	filter = rtnl_cls_alloc();
	if (!filter)
		return err_set(err, ENOMEM, "out of memory");
	rtnl_tc_set_link(TC_CAST(filter), from);
	rtnl_tc_set_parent(TC_CAST(filter), TC_H_MAKE(TC_H_INGRESS, 0));
	r = rtnl_tc_set_kind(TC_CAST(filter), "u32");
	rtnl_cls_set_protocol(filter, ETH_P_ALL);
	rtnl_cls_set_prio(filter, 1);
	if (r == 0) /* a mask without bits: every frame */
		r = rtnl_u32_add_key_uint32(filter, 0, 0, 0, 0);
	if (r == 0)
		r = rtnl_u32_set_cls_terminal(filter);
	if (r == 0)
		r = add_redirect(filter, rtnl_link_get_ifindex(to));
	if (r == 0)
		r = rtnl_cls_add(sock, filter, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_cls_put(filter);
	return r < 0 ? net_link_failed(r, "hand frames on (filter u32, action mirred)", err) : 0;
}

/* What the kernel says the device's root qdisc lets through, in bytes per second; -1: all. */
static int read_rate(struct nl_sock *sock, int index, int *ret, struct tare_err *err)
{
	struct nl_cache *cache = NULL;
	struct rtnl_qdisc *now;
	int r = rtnl_qdisc_alloc_cache(sock, &cache);

	if (r < 0)
		return net_link_failed(r, "read the rate back", err);
	*ret = -1;
	now = rtnl_qdisc_get_by_parent(cache, index, TC_H_ROOT);
	if (now) {
		if (strcmp(rtnl_tc_get_kind(TC_CAST(now)), SHAPER) == 0)
			*ret = rtnl_qdisc_tbf_get_rate(now);
		rtnl_qdisc_put(now);
	}
	nl_cache_free(cache);
	return 0;
}

int net_link_bucket_bytes(uint64_t bits_per_s)
{
	int bucket = (int)(bits_per_s / 8) / BUCKET_NS_SHARE;

	return bucket > BUCKET_LEAST ? bucket : BUCKET_LEAST;
}

/* bytes_per_s -1: none. */
static int replace_shaper(struct nl_sock *sock, struct rtnl_link *link, int bytes_per_s, int bucket,
			  struct tare_err *err)
{
	struct rtnl_qdisc *shaper = rtnl_qdisc_alloc();
	int r;

	if (!shaper)
		return err_set(err, ENOMEM, "out of memory");
	rtnl_tc_set_link(TC_CAST(shaper), link);
	rtnl_tc_set_parent(TC_CAST(shaper), TC_H_ROOT);
	r = rtnl_tc_set_kind(TC_CAST(shaper), SHAPER);
	if (r == 0 && bytes_per_s >= 0) {
		rtnl_qdisc_tbf_set_rate(shaper, bytes_per_s, bucket, 0);
		rtnl_qdisc_tbf_set_limit(shaper, bucket * QUEUE_BUCKETS);
		r = rtnl_qdisc_add(sock, shaper, NLM_F_CREATE | NLM_F_REPLACE);
	} else if (r == 0) {
		r = rtnl_qdisc_delete(sock, shaper);
	}
	rtnl_qdisc_put(shaper);
	return r < 0 ? net_link_failed(r, "limit the rate (qdisc tbf)", err) : 0;
}

int net_link_set_rate(struct nl_sock *sock, struct rtnl_link *link, uint64_t bits_per_s,
		      struct tare_err *err)
{
	int wanted = bits_per_s ? (int)(bits_per_s / 8) : -1, held;
	int index = rtnl_link_get_ifindex(link);
	int r = read_rate(sock, index, &held, err);

	if (r < 0 || held == wanted)
		return r;
	r = replace_shaper(sock, link, wanted, net_link_bucket_bytes(bits_per_s), err);
	if (r == 0)
		r = read_rate(sock, index, &held, err);
	if (r == 0 && held != wanted)
		return err_set(err, ERANGE,
			       "limit 'net-rate': %d bytes per second were set, and "
			       "the kernel holds %d (-1: no limit)",
			       wanted, held);
	return r;
}
