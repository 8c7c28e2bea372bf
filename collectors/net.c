/* SPDX-License-Identifier: MIT */
/* net: traffic, drops and queues of the network devices in the network namespace of a group's
 * processes, and of the other ends of those, from the kernel's own accounts. */

#include <fcntl.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "collector.h"
#include "common/members.h"
#include "common/series.h"
#include "kernel/net_account.h"
#include "kernel/net_link.h"

#define DEVICES_MAX 32

static const char *const figure_names[NET_FIGURES] = {
	[NET_RX_BYTES] = "rx_bytes",   [NET_RX_PACKETS] = "rx_packets",
	[NET_RX_ERRORS] = "rx_errors", [NET_RX_DROPPED] = "rx_dropped",
	[NET_TX_BYTES] = "tx_bytes",   [NET_TX_PACKETS] = "tx_packets",
	[NET_TX_ERRORS] = "tx_errors", [NET_TX_DROPPED] = "tx_dropped",
};
static const char *const queue_names[NET_QUEUE_FIGURES] = {
	[NET_QUEUE_BYTES] = "bytes",       [NET_QUEUE_PACKETS] = "packets",
	[NET_QUEUE_DROPS] = "drops",       [NET_QUEUE_OVERLIMITS] = "overlimits",
	[NET_QUEUE_REQUEUES] = "requeues", [NET_QUEUE_BACKLOG] = "backlog",
	[NET_QUEUE_LENGTH] = "length",
};

/* Of all devices but loopback, and of their other ends. */
enum column {
	C_RX,
	C_TX,
	C_BACKLOG,
	C_DROPS,
	C_OVERLIMITS,
	C_PEER_BACKLOG,
	C_PEER_DROPS,
	C_PEER_OVERLIMITS,
	COLUMNS,
};
static const char *const column_names[COLUMNS] = {
	[C_RX] = "rx_bytes",           [C_TX] = "tx_bytes",
	[C_BACKLOG] = "backlog",       [C_DROPS] = "drops",
	[C_OVERLIMITS] = "overlimits", [C_PEER_BACKLOG] = "peer_backlog",
	[C_PEER_DROPS] = "peer_drops", [C_PEER_OVERLIMITS] = "peer_overlimits",
};

struct devices {
	struct net_device items[DEVICES_MAX];
	size_t n, more;
};

struct view {
	uint64_t at_ns;
	struct devices near, far;
};

struct net_collector {
	struct collector collector;
	const struct cgroup *cgroup;
	struct nl_sock *near, *far; /* far NULL: where the other ends are is not known */
	int far_nsid;
	bool own; /* the namespace is not the one that we are in */
	bool begun, ended;
	char why[160]; /* nothing can be read; "": it can */
	struct view begin, now;
	uint64_t base[COLUMNS];
	struct series series;
};

extern const struct collector_ops collector_ops_net;

static int net_probe(struct tare_err *err)
{
	struct nl_sock *sock = NULL;
	int r = net_link_open(&sock, err);

	nl_socket_free(sock);
	return r < 0 ? -ENOTSUP : 0;
}

static int net_attach(const struct collector_target *target, struct collector **ret,
		      struct tare_err *err)
{
	struct net_collector *n;

	if (cgroup_v2_fd(target->cgroup) < 0)
		return err_set(err, ENOTSUP, "no cgroup v2 is mounted, which lists the processes");
	n = calloc(1, sizeof(*n));
	if (!n)
		return err_set(err, ENOMEM, "out of memory");
	n->collector.ops = &collector_ops_net;
	n->cgroup = target->cgroup;
	n->far_nsid = -1;
	for (size_t i = 0; i < COLUMNS; i++)
		series_add_column(&n->series, column_names[i]);
	*ret = &n->collector;
	return 0;
}

struct search {
	struct stat ours;
	int found; /* a namespace that is not ours; -1 */
	size_t n;  /* processes whose namespace is known */
};

static bool look_at(const char *pid, void *context)
{
	struct search *search = context;
	struct stat st;
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return true;
	search->n++;
	if (st.st_dev == search->ours.st_dev && st.st_ino == search->ours.st_ino)
		return true;
	search->found = take_fd(&fd);
	return false;
}

/* Of a box's processes some may be outside, as those of a runtime are: one that is inside counts.
 */
static int find_near(struct net_collector *n, int *ret, struct tare_err *err)
{
	cleanup_close int ours = net_link_namespace();
	struct search search = {.found = -1};

	if (ours < 0 || fstat(ours, &search.ours) < 0)
		return err_errno(err, "open our network namespace");
	(void)members_each(cgroup_v2_fd(n->cgroup), look_at, &search);
	if (search.n == 0) {
		(void)snprintf(n->why, sizeof(n->why),
			       "no process was in the group whose network could be looked at");
		return 0;
	}
	n->own = search.found >= 0;
	*ret = n->own ? search.found : take_fd(&ours);
	return 0;
}

static int read_devices(struct nl_sock *sock, struct devices *ret, struct tare_err *err)
{
	int r = net_account_read(sock, ret->items, DEVICES_MAX, &ret->more, err);

	ret->n = r < 0 ? 0 : (size_t)r;
	return r < 0 ? r : 0;
}

static int take_view(struct net_collector *n, struct tare_err *err)
{
	int r = read_devices(n->near, &n->now.near, err);

	n->now.at_ns = clock_now_ns();
	return r < 0 || !n->far ? r : read_devices(n->far, &n->now.far, err);
}

/* The other ends of a box's devices lie in one place. */
static void open_far(struct net_collector *n, int namespace)
{
	const struct devices *near = &n->now.near;
	size_t i = 0;

	while (i < near->n && (!near->items[i].peer || near->items[i].peer_nsid < 0))
		i++;
	if (i == near->n)
		return;
	cleanup_close int far = net_account_namespace(namespace, near->items[i].peer_nsid);
	if (far < 0)
		return;
	if (net_link_open_in(far, &n->far, NULL) < 0) {
		nl_socket_free(n->far);
		n->far = NULL;
	}
	n->far_nsid = near->items[i].peer_nsid;
}

static int open_ends(struct net_collector *n, struct tare_err *err)
{
	cleanup_close int namespace = -1;
	int r = find_near(n, &namespace, err);

	if (r < 0 || n->why[0])
		return r;
	/* Only another's namespace takes a right to enter. */
	r = n->own ? net_link_open_in(namespace, &n->near, err) : net_link_open(&n->near, err);
	if (r < 0)
		return r;
	r = read_devices(n->near, &n->now.near, err);
	if (r == 0 && n->own)
		open_far(n, namespace);
	return r;
}

static const struct net_device *find(const struct devices *devices, int index)
{
	static const struct net_device none;

	for (size_t i = 0; i < devices->n; i++)
		if (devices->items[i].index == index)
			return &devices->items[i];
	return &none;
}

/* The other end, or one without an index. */
static const struct net_device *peer_of(const struct net_collector *n, const struct view *view,
					const struct net_device *device)
{
	bool known = n->far && device->peer && device->peer_nsid == n->far_nsid;

	return find(&view->far, known ? device->peer : 0);
}

static void add_up(const struct net_collector *n, const struct view *view, uint64_t sum[COLUMNS])
{
	memset(sum, 0, COLUMNS * sizeof(*sum));
	for (size_t i = 0; i < view->near.n; i++) {
		const struct net_device *device = &view->near.items[i];
		const struct net_device *peer = peer_of(n, view, device);

		if (device->loopback)
			continue;
		sum[C_RX] += device->figures[NET_RX_BYTES];
		sum[C_TX] += device->figures[NET_TX_BYTES];
		sum[C_BACKLOG] += device->queue[NET_QUEUE_BACKLOG];
		sum[C_DROPS] += device->queue[NET_QUEUE_DROPS];
		sum[C_OVERLIMITS] += device->queue[NET_QUEUE_OVERLIMITS];
		sum[C_PEER_BACKLOG] += peer->queue[NET_QUEUE_BACKLOG];
		sum[C_PEER_DROPS] += peer->queue[NET_QUEUE_DROPS];
		sum[C_PEER_OVERLIMITS] += peer->queue[NET_QUEUE_OVERLIMITS];
	}
}

static int net_snapshot(struct collector *collector, enum collector_moment moment,
			struct tare_err *err)
{
	struct net_collector *n = (struct net_collector *)collector;
	int r = 0;

	if (moment == COLLECTOR_BEGIN)
		r = open_ends(n, err);
	if (r == 0 && !n->why[0])
		r = take_view(n, err);
	if (r < 0)
		return r;
	if (moment == COLLECTOR_END) {
		n->ended = true;
		return 0;
	}
	n->begun = true;
	n->begin = n->now;
	add_up(n, &n->begin, n->base);
	return 0;
}

static int net_sample(struct collector *collector, uint64_t now_ns, struct tare_err *err)
{
	struct net_collector *n = (struct net_collector *)collector;
	uint64_t sum[COLUMNS];
	int r;

	if (!n->begun || n->why[0])
		return 0;
	r = take_view(n, err);
	if (r < 0)
		return r;
	add_up(n, &n->now, sum);
	for (size_t i = 0; i < COLUMNS; i++)
		if (i != C_BACKLOG && i != C_PEER_BACKLOG)
			sum[i] -= n->base[i];
	return series_add(&n->series, now_ns - n->begin.at_ns, sum, err);
}

static json_t *device_to_json(const struct net_device *begin, const struct net_device *end)
{
	json_t *object = json_object(), *queue = json_object();

	for (size_t i = 0; i < NET_FIGURES; i++)
		(void)json_put(object, figure_names[i],
			       json_u64(end->figures[i] - begin->figures[i]));
	(void)json_put(queue, "kind", json_string(end->qdisc));
	for (size_t i = 0; i < NET_QUEUE_FIGURES; i++)
		(void)json_put(
			queue, queue_names[i],
			json_u64(end->queue[i] - (i < NET_QUEUE_LEVELS ? begin->queue[i] : 0)));
	if (end->qdisc[0])
		(void)json_put(object, "qdisc", json_incref(queue));
	json_decref(queue);
	return object;
}

static bool is_used(const struct net_device *begin, const struct net_device *end)
{
	return memcmp(begin->figures, end->figures, sizeof(end->figures)) != 0;
}

static json_t *devices_to_json(const struct net_collector *n, uint64_t *ret_vanished)
{
	json_t *list = json_object();

	for (size_t i = 0; i < n->now.near.n; i++) {
		const struct net_device *end = &n->now.near.items[i];
		const struct net_device *begin = find(&n->begin.near, end->index);
		const struct net_device *peer = peer_of(n, &n->now, end);
		json_t *device;

		if (!is_used(begin, end))
			continue;
		device = device_to_json(begin, end);
		if (peer->index)
			(void)json_put(device, "peer",
				       device_to_json(find(&n->begin.far, peer->index), peer));
		(void)json_put(list, end->name, device);
	}
	*ret_vanished = 0;
	for (size_t i = 0; i < n->begin.near.n; i++)
		*ret_vanished += !find(&n->now.near, n->begin.near.items[i].index)->index;
	return list;
}

static int net_read(struct collector *collector, json_t **ret, struct tare_err *err)
{
	const struct net_collector *n = (const struct net_collector *)collector;
	uint64_t vanished;
	json_t *devices;

	if (!n->ended)
		return err_set(err, EINVAL, "read before its two snapshots");
	if (n->why[0]) {
		*ret = json_pack("{s:s}", "unsupported", n->why);
		return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	devices = devices_to_json(n, &vanished);
	*ret = json_pack(
		"{s:s, s:o, s:o, s:{s:o, s:o, s:o}}", "namespace", n->own ? "own" : "shared",
		"devices", devices, "wall_ns", json_u64(n->now.at_ns - n->begin.at_ns), "lost",
		"points", json_u64(n->series.lost), "devices",
		json_u64(n->now.near.more + n->now.far.more), "vanished", json_u64(vanished));
	if (*ret && n->series.n_points)
		(void)json_put(*ret, "series", series_to_json(&n->series));
	return *ret ? 0 : err_set(err, ENOMEM, "out of memory");
}

static void net_detach(struct collector *collector)
{
	struct net_collector *n = (struct net_collector *)collector;

	if (!n)
		return;
	nl_socket_free(n->near);
	nl_socket_free(n->far);
	series_clear(&n->series);
	free(n);
}

const struct collector_ops collector_ops_net = {
	.name = "net",
	.summary = "traffic, drops and queues of network devices at both ends, by rtnetlink",
	.probe = net_probe,
	.attach = net_attach,
	.snapshot = net_snapshot,
	.sample = net_sample,
	.read = net_read,
	.detach = net_detach,
};
