/* SPDX-License-Identifier: MIT */
/* What the collector `net` sees at both ends of a pair of devices, held against what was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kernel/net.h"
#include "kernel/net_link.h"
#include "scene.h"

#define BLOCK     65536
#define BLOCKS    64
#define DATAGRAM  1400
#define SOCKETS   8
#define DATAGRAMS 200 /* of each socket */
#define HEADERS   66  /* of Ethernet, IPv4, TCP with its timestamps */
#define SMALLEST  42  /* a packet without content: ARP, UDP */
#define NOISE     20  /* other packets: of ARP, of a connection, of IPv6 when a device comes up */
#define RATE      1000000

/* What the child tells through pages that it shares with us. */
static uint64_t *told;

static int connect_out(int type, unsigned short port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, NET_OUTSIDE, &address.sin_addr) != 1 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(124);
	return fd;
}

/* When the other end has closed, it has had all of it. */
static void part_stream(void)
{
	static char block[BLOCK];
	int fd = connect_out(SOCK_STREAM, NET_DISCARD);
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	for (int i = 0; i < BLOCKS; i++)
		if (send(fd, block, BLOCK, MSG_NOSIGNAL) != BLOCK)
			_exit(123);
	if (shutdown(fd, SHUT_WR) < 0 || recv(fd, block, 1, 0) != 0 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		_exit(122);
	told[0] = (uint64_t)BLOCKS * BLOCK + info.tcpi_bytes_retrans;
	(void)close(fd);
}

/* Each socket may have so much under way, that together it is more than the queue holds. */
static void part_datagrams(void)
{
	static char block[DATAGRAM];
	int fds[SOCKETS];

	/* Until the other end's address is known, datagrams wait elsewhere. */
	(void)close(connect_out(SOCK_STREAM, NET_DISCARD));
	for (size_t i = 0; i < SOCKETS; i++)
		fds[i] = connect_out(SOCK_DGRAM, NET_DISCARD);
	for (size_t k = 0; k < DATAGRAMS; k++)
		for (size_t i = 0; i < SOCKETS; i++)
			told[0] += send(fds[i], block, DATAGRAM, MSG_DONTWAIT) == DATAGRAM;
}

static void part_loopback(void)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(NET_DISCARD),
					    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	static char block[DATAGRAM];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < DATAGRAMS; i++)
		(void)sendto(fd, block, DATAGRAM, 0, (const struct sockaddr *)&address,
			     sizeof(address));
	(void)close(fd);
}

static void part_nothing(void)
{
}

struct start {
	struct scene *scene;
	void (*part)(void);
};

static int start_child(void *context, struct tare_err *err)
{
	const struct start *start = context;

	(void)err;
	scene_start(start->scene, start->part);
	return 0;
}

/* A child in a network namespace of its own, joined to another one of ours. */
static json_t *play_in_pair(uint64_t bits_per_s, void (*part)(void))
{
	struct scene scene;
	struct start start = {&scene, part};
	struct tare_err err = {0};
	struct net *net = NULL;
	struct collector *collector;
	json_t *seen;

	*told = 0;
	scene_need(net_open(bits_per_s, &net, &err), &err);
	scene_open(&scene, 0, NULL);
	collector = scene_attach(&scene, "net");
	scene_need(net_link_within(-1, start_child, &start, &err), &err);
	scene_need(net_connect(net, scene.pid, &err), &err);
	scene_play(&scene);
	assert_int_equal(scene.status, 0);
	seen = scene_read(collector);
	scene_close(&scene);
	net_close(net);
	assert_string_equal(json_string_or(seen, "namespace", ""), "own");
	return seen;
}

static uint64_t amount(const json_t *device, const char *key)
{
	return json_u64_or(device, key, UINT64_MAX);
}

static const json_t *eth0(const json_t *seen)
{
	const json_t *device = json_object_get(json_object_get(seen, "devices"), "eth0");

	assert_non_null(device);
	assert_non_null(json_object_get(device, "peer"));
	return device;
}

/* What the one end sends, the other receives, and nothing is lost on the way. */
static void assert_pair(const json_t *device)
{
	const json_t *peer = json_object_get(device, "peer");

	assert_int_equal(amount(device, "tx_bytes"), amount(peer, "rx_bytes"));
	assert_int_equal(amount(device, "rx_bytes"), amount(peer, "tx_bytes"));
	assert_int_equal(amount(device, "tx_packets"), amount(peer, "rx_packets"));
	assert_int_equal(amount(device, "rx_packets"), amount(peer, "tx_packets"));
	assert_int_equal(amount(device, "tx_errors") + amount(device, "rx_errors"), 0);
}

/* A device counts what it is handed as one packet, however large it is; each with its headers. */
static void assert_sent(const json_t *counts, const char *bytes, const char *packets)
{
	uint64_t n = amount(counts, packets), all = amount(counts, bytes);

	assert_true(all >= *told + SMALLEST * n);
	assert_in_range(all, *told + HEADERS * n - NOISE * HEADERS,
			*told + HEADERS * n + NOISE * HEADERS);
}

static void what_is_sent_is_counted_with_its_headers(void **state)
{
	json_t *seen = play_in_pair(0, part_stream);
	const json_t *device = eth0(seen), *queue = json_object_get(device, "qdisc");

	(void)state;
	assert_sent(device, "tx_bytes", "tx_packets");
	assert_pair(device);
	/* Without a limit nothing queues: the device has no qdisc, or one that does nothing. */
	if (queue) {
		assert_int_equal(amount(queue, "drops"), 0);
		assert_int_equal(amount(queue, "overlimits"), 0);
	}
	json_decref(seen);
}

/* tbf cuts what it is handed into what goes over the wire, and counts that. */
static void a_limit_is_seen_in_the_queue_before_it(void **state)
{
	json_t *seen = play_in_pair(100 * RATE, part_stream);
	const json_t *device = eth0(seen), *queue = json_object_get(device, "qdisc");
	const json_t *other = json_object_get(json_object_get(device, "peer"), "qdisc");

	(void)state;
	assert_sent(device, "tx_bytes", "tx_packets");
	assert_pair(device);
	assert_string_equal(json_string_or(queue, "kind", ""), "tbf");
	assert_sent(queue, "bytes", "packets");
	assert_true(amount(queue, "packets") > amount(device, "tx_packets"));
	assert_true(amount(queue, "overlimits") > 0);
	assert_int_equal(amount(queue, "backlog"), 0);
	/* The other direction has a limit too, and does not come near it. */
	assert_string_equal(json_string_or(other, "kind", ""), "tbf");
	assert_int_equal(amount(other, "overlimits") + amount(other, "drops"), 0);
	json_decref(seen);
}

static void what_a_queue_has_no_room_for_is_a_drop(void **state)
{
	json_t *seen = play_in_pair(RATE, part_datagrams);
	const json_t *device = eth0(seen), *queue = json_object_get(device, "qdisc");
	uint64_t packets = amount(queue, "packets"), drops = amount(queue, "drops"),
		 length = amount(queue, "length");

	(void)state;
	assert_true(drops > 0);
	assert_true(amount(queue, "overlimits") > 0);
	assert_true(length > 0);
	assert_in_range(amount(queue, "backlog"), length * SMALLEST, length * (DATAGRAM + 94));
	assert_in_range(packets + drops + length, *told, *told + NOISE);
	json_decref(seen);

	seen = play_in_pair(0, part_datagrams);
	device = eth0(seen);
	assert_in_range(amount(device, "tx_packets"), *told, *told + NOISE);
	assert_int_equal(amount(device, "tx_dropped"), 0);
	queue = json_object_get(device, "qdisc");
	assert_true(!queue || amount(queue, "drops") == 0);
	json_decref(seen);
}

static void a_namespace_that_is_the_machine_s_is_called_shared(void **state)
{
	struct scene scene;
	struct collector *collector;
	const json_t *device;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	collector = scene_attach(&scene, "net");
	scene_start(&scene, part_loopback);
	scene_play(&scene);
	seen = scene_read(collector);
	assert_string_equal(json_string_or(seen, "namespace", ""), "shared");
	device = json_object_get(json_object_get(seen, "devices"), "lo");
	assert_true(amount(device, "tx_packets") >= DATAGRAMS);
	assert_true(amount(device, "rx_bytes") >= DATAGRAMS * (DATAGRAM + 28));
	assert_null(json_object_get(device, "peer"));
	json_decref(seen);
	scene_close(&scene);
}

static void without_a_process_there_is_no_network_to_look_at(void **state)
{
	struct scene scene;
	struct tare_err err = {0};
	struct collector *collector;
	json_t *seen;

	(void)state;
	scene_open(&scene, 0, NULL);
	collector = scene_attach(&scene, "net");
	scene_need(collector->ops->snapshot(collector, COLLECTOR_BEGIN, &err), &err);
	scene_need(collector->ops->sample(collector, 1, &err), &err);
	scene_need(collector->ops->snapshot(collector, COLLECTOR_END, &err), &err);
	seen = scene_read(collector);
	assert_non_null(strstr(json_string_or(seen, "unsupported", ""), "no process"));
	json_decref(seen);
	scene_start(&scene, part_nothing);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_sent_is_counted_with_its_headers, scene_teardown),
		cmocka_unit_test_teardown(a_limit_is_seen_in_the_queue_before_it, scene_teardown),
		cmocka_unit_test_teardown(what_a_queue_has_no_room_for_is_a_drop, scene_teardown),
		cmocka_unit_test_teardown(a_namespace_that_is_the_machine_s_is_called_shared,
					  scene_teardown),
		cmocka_unit_test_teardown(without_a_process_there_is_no_network_to_look_at,
					  scene_teardown),
	};

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
