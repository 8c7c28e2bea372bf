/* SPDX-License-Identifier: MIT */
#include "kernel/net.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "kernel/net_link.h"
#include "kernel/net_service.h"

#define DEVICE     "eth0"
#define TAP        "tap0"
#define TAP_SOURCE "/dev/net/tun"

struct net {
	int namespace; /* of the other end */
	int inside;    /* of a tap; -1: there is none */
	uint64_t bits_per_s;
	struct net_service *service;
};

int net_bucket_bytes(uint64_t bits_per_s)
{
	return net_link_bucket_bytes(bits_per_s);
}

/* address NULL: none. Each end shapes what it sends; so both directions are limited. */
static int furnish_end(struct nl_sock *sock, const char *address, uint64_t bits_per_s,
		       struct tare_err *err)
{
	struct rtnl_link *link = NULL;
	int r = net_link_set_up(sock, DEVICE, &link, err);

	if (r == 0 && address)
		r = net_link_add_address(sock, link, address, err);
	if (r == 0 && bits_per_s)
		r = net_link_set_rate(sock, link, bits_per_s, err);
	if (link)
		rtnl_link_put(link);
	return r;
}

static int open_far_end(void *context, struct tare_err *err)
{
	struct net *net = context;

	net->namespace = net_link_namespace();
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
	net->namespace = net->inside = -1;
	net->bits_per_s = bits_per_s;
	r = net_link_within(-1, open_far_end, net, err);
	if (r < 0) {
		net_close(net);
		return err_wrap(err, r, "network");
	}
	*ret = net;
	return 0;
}

/* Make the pair. inner_address NULL: none. */
static int connect_ends(const struct net *net, int inside, const char *inner_address,
			struct tare_err *err)
{
	struct nl_sock *outer = NULL, *inner = NULL;
	int r = net_link_open_in(net->namespace, &outer, err);

	if (r == 0)
		r = net_link_open_in(inside, &inner, err);
	if (r == 0)
		r = net_link_add_pair(outer, DEVICE, inside, err);
	if (r == 0)
		r = furnish_end(outer, NET_OUTSIDE "/" NET_PREFIX, net->bits_per_s, err);
	if (r == 0)
		r = furnish_end(inner, inner_address, net->bits_per_s, err);
	/* Else the first frames are lost, and who is there waits a second to ask again. */
	if (r == 0)
		r = net_link_await(outer, DEVICE, err);
	if (r == 0)
		r = net_link_await(inner, DEVICE, err);
	nl_socket_free(outer);
	nl_socket_free(inner);
	return r;
}

int net_connect(struct net *net, int pid, struct tare_err *err)
{
	cleanup_close int inside = -1;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	inside = open(path, O_RDONLY | O_CLOEXEC);
	if (inside < 0)
		return err_errno(err, "network: open %s", path);
	return err_wrap(err, connect_ends(net, inside, NET_INSIDE "/" NET_PREFIX, err), "network");
}

struct tap {
	int namespace, fd;
};

static int open_tap(void *context, struct tare_err *err)
{
	struct tap *tap = context;
	struct ifreq request = {.ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	tap->namespace = net_link_namespace();
	if (tap->namespace < 0)
		return err_errno(err, "step 'keep the network namespace'");
	tap->fd = open(TAP_SOURCE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap->fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return err_set(err, ENOTSUP,
			       "there is no '" TAP_SOURCE "': this kernel has no tap devices, or "
			       "its module tun is not loaded");
	if (tap->fd < 0)
		return err_errno(err, "open '" TAP_SOURCE "'");
	if (ioctl(tap->fd, TUNSETIFF, &request) < 0)
		return err_errno(err, "step 'make a tap device'");
	return 0;
}

/* Whatever comes from the guest leaves by the pair, and the other way round. */
static int patch_tap(int namespace, struct tare_err *err)
{
	struct rtnl_link *tap = NULL, *device = NULL;
	struct nl_sock *sock = NULL;
	int r = net_link_open_in(namespace, &sock, err);

	if (r == 0)
		r = net_link_set_up(sock, TAP, &tap, err);
	if (r == 0)
		r = net_link_set_up(sock, DEVICE, &device, err);
	if (r == 0)
		r = net_link_patch(sock, tap, device, err);
	if (r == 0)
		r = net_link_patch(sock, device, tap, err);
	if (tap)
		rtnl_link_put(tap);
	if (device)
		rtnl_link_put(device);
	nl_socket_free(sock);
	return r;
}

int net_connect_tap(struct net *net, int *ret_fd, struct tare_err *err)
{
	struct tap tap = {-1, -1};
	int r = net_link_within(-1, open_tap, &tap, err);

	if (r == 0)
		r = connect_ends(net, tap.namespace, NULL, err);
	if (r == 0)
		r = patch_tap(tap.namespace, err);
	if (r < 0) {
		cleanup_closep(&tap.fd);
		cleanup_closep(&tap.namespace);
		return err_wrap(err, r, "network");
	}
	net->inside = tap.namespace;
	*ret_fd = tap.fd;
	return 0;
}

static int set_rate_in(int namespace, uint64_t bits_per_s, struct tare_err *err)
{
	struct rtnl_link *link = NULL;
	struct nl_sock *sock = NULL;
	int r = net_link_open_in(namespace, &sock, err);

	if (r == 0)
		r = net_link_set_up(sock, DEVICE, &link, err);
	if (r == 0)
		r = net_link_set_rate(sock, link, bits_per_s, err);
	if (link)
		rtnl_link_put(link);
	nl_socket_free(sock);
	return r;
}

int net_set_rate(struct net *net, uint64_t bits_per_s, struct tare_err *err)
{
	int r = set_rate_in(net->namespace, bits_per_s, err);

	if (r == 0)
		r = set_rate_in(net->inside, bits_per_s, err);
	if (r == 0)
		net->bits_per_s = bits_per_s;
	return err_wrap(err, r, "network");
}

uint64_t net_rate(const struct net *net)
{
	return net->bits_per_s;
}

void net_close(struct net *net)
{
	if (!net)
		return;
	net_service_stop(net->service);
	cleanup_closep(&net->namespace);
	cleanup_closep(&net->inside);
	free(net);
}

int net_join(struct tare_err *err)
{
	struct nl_sock *sock = NULL;
	int r;

	if (!if_nametoindex(DEVICE))
		return err_set(err, ENODEV,
			       "the guest has no network device '" DEVICE "': its kernel lacks "
			       "virtio_net");
	r = net_link_open(&sock, err);
	if (r == 0)
		r = furnish_end(sock, NET_INSIDE "/" NET_PREFIX, 0, err);
	nl_socket_free(sock);
	return err_wrap(err, r, "network");
}
