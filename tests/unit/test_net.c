/* SPDX-License-Identifier: MIT */
/* A guest's network without a guest: frames are written to the tap device as QEMU would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "kernel/net.h"

#define ECHOES   400
#define QUIET    300  /* ms */
#define PATIENCE 5000 /* ms, for what must come */
#define PAYLOAD  1400
/* So low that a bucket, 90 of the echoes, is 131 s: how long a burst takes matters to nobody. */
#define LOW_RATE 8000

static const unsigned char ours[ETH_ALEN] = {0x52, 0x54, 0, 0xfe, 0, 2};
static unsigned char theirs[ETH_ALEN]; /* once they have said it */

struct frame {
	struct virtio_net_hdr header;
	struct ether_header ethernet;
	union {
		struct ether_arp arp;
		struct {
			struct ip ip;
			struct icmp icmp;
			unsigned char payload[PAYLOAD];
		} __attribute__((packed)) echo;
	};
} __attribute__((packed));

static void address_frame(struct frame *frame, uint16_t type, const unsigned char *to)
{
	*frame = (struct frame){.ethernet.ether_type = htons(type)};
	memcpy(frame->ethernet.ether_dhost, to, ETH_ALEN);
	memcpy(frame->ethernet.ether_shost, ours, ETH_ALEN);
}

static uint16_t checksum(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void put(int tap, const struct frame *frame, size_t size)
{
	assert_int_equal(write(tap, frame, size), size);
}

/* The next frame that comes to the guest; false: none within the time. */
static bool get(int tap, int timeout_ms, struct frame *ret)
{
	struct pollfd p = {.fd = tap, .events = POLLIN};

	return poll(&p, 1, timeout_ms) > 0 && read(tap, ret, sizeof(*ret)) > 0;
}

/* Who has the other end's address? The kernel there answers, and learns ours. */
static bool is_answered(int tap)
{
	static const unsigned char all[ETH_ALEN] = {255, 255, 255, 255, 255, 255};
	struct frame ask, answer;

	address_frame(&ask, ETHERTYPE_ARP, all);
	ask.arp.ea_hdr = (struct arphdr){.ar_hrd = htons(ARPHRD_ETHER),
					 .ar_pro = htons(ETHERTYPE_IP),
					 .ar_hln = ETH_ALEN,
					 .ar_pln = 4,
					 .ar_op = htons(ARPOP_REQUEST)};
	memcpy(ask.arp.arp_sha, ours, ETH_ALEN);
	(void)inet_pton(AF_INET, NET_INSIDE, ask.arp.arp_spa);
	(void)inet_pton(AF_INET, NET_OUTSIDE, ask.arp.arp_tpa);
	put(tap, &ask, offsetof(struct frame, arp) + sizeof(ask.arp));
	while (get(tap, PATIENCE, &answer)) {
		if (answer.ethernet.ether_type != htons(ETHERTYPE_ARP) ||
		    answer.arp.ea_hdr.ar_op != htons(ARPOP_REPLY))
			continue; /* the kernel there looks for neighbours by itself */
		memcpy(theirs, answer.arp.arp_sha, ETH_ALEN);
		return memcmp(answer.arp.arp_spa, ask.arp.arp_tpa, 4) == 0;
	}
	return false;
}

/* Of the burst of that number, no more than so many. */
static unsigned int take_echoes(int tap, uint16_t number, unsigned int most, int timeout_ms)
{
	struct frame answer;
	unsigned int n = 0;

	while (n < most && get(tap, timeout_ms, &answer))
		n += answer.ethernet.ether_type == htons(ETHERTYPE_IP) &&
		     answer.echo.icmp.icmp_type == ICMP_ECHOREPLY &&
		     answer.echo.icmp.icmp_id == htons(number);
	return n;
}

/* How many of a burst come back: those that must, and what else does before it is quiet. */
static unsigned int burst(int tap, unsigned int least)
{
	static uint16_t number;
	unsigned int n = 0;
	struct frame ask;

	address_frame(&ask, ETHERTYPE_IP, theirs);
	ask.echo.ip = (struct ip){.ip_v = 4,
				  .ip_hl = 5,
				  .ip_len = htons(sizeof(ask.echo)),
				  .ip_ttl = 64,
				  .ip_p = IPPROTO_ICMP};
	(void)inet_pton(AF_INET, NET_INSIDE, &ask.echo.ip.ip_src);
	(void)inet_pton(AF_INET, NET_OUTSIDE, &ask.echo.ip.ip_dst);
	ask.echo.ip.ip_sum = checksum(&ask.echo.ip, sizeof(ask.echo.ip));
	ask.echo.icmp.icmp_type = ICMP_ECHO;
	ask.echo.icmp.icmp_id = htons(++number);
	ask.echo.icmp.icmp_cksum = checksum(&ask.echo.icmp, sizeof(ask.echo) - sizeof(ask.echo.ip));
	for (int i = 0; i < ECHOES; i++) {
		put(tap, &ask, offsetof(struct frame, echo) + sizeof(ask.echo));
		n += take_echoes(tap, number, ECHOES, 0);
	}
	if (n < least)
		n += take_echoes(tap, number, least - n, PATIENCE);
	return n + take_echoes(tap, number, ECHOES, QUIET);
}

static void a_frame_gets_to_the_other_end_and_to_nobody_else(void **state)
{
	struct if_nameindex *before = if_nameindex(), *after;
	struct net *net;
	size_t n = 0;
	int tap;

	(void)state;
	assert_int_equal(net_open(0, &net, NULL), 0);
	assert_int_equal(net_connect_tap(net, &tap, NULL), 0);
	assert_true(is_answered(tap));
	after = if_nameindex();
	for (; before[n].if_name && after[n].if_name; n++)
		assert_string_equal(before[n].if_name, after[n].if_name);
	assert_true(!before[n].if_name && !after[n].if_name);
	if_freenameindex(before);
	if_freenameindex(after);
	(void)close(tap);
	net_close(net);
}

static void assert_held_back(int tap)
{
	/* In each direction a little else goes through the bucket. */
	assert_in_range(burst(tap, 80), 80, ECHOES / 2);
}

static void a_rate_holds_frames_back_and_is_taken_off_again(void **state)
{
	struct net *net;
	int tap;

	(void)state;
	assert_int_equal(net_open(LOW_RATE, &net, NULL), 0);
	assert_int_equal(net_connect_tap(net, &tap, NULL), 0);
	assert_int_equal(net_rate(net), LOW_RATE);
	assert_true(is_answered(tap));
	assert_held_back(tap);
	/* What waits is lost with the shaper. */
	assert_int_equal(net_set_rate(net, 0, NULL), 0);
	assert_int_equal(net_rate(net), 0);
	assert_int_equal(burst(tap, ECHOES), ECHOES);
	/* Again, and to another. */
	assert_int_equal(net_set_rate(net, 2 * LOW_RATE, NULL), 0);
	assert_int_equal(net_set_rate(net, LOW_RATE, NULL), 0);
	assert_int_equal(net_set_rate(net, LOW_RATE, NULL), 0);
	assert_int_equal(net_rate(net), LOW_RATE);
	assert_held_back(tap);
	(void)close(tap);
	net_close(net);
}

static void a_rate_that_could_not_be_set_is_not_said_to_hold(void **state)
{
	struct tare_err err = {0};
	struct net *net;

	(void)state;
	assert_int_equal(net_open(LOW_RATE, &net, NULL), 0);
	/* There is no device yet. */
	assert_true(net_set_rate(net, 2 * LOW_RATE, &err) < 0);
	assert_non_null(strstr(err.msg, "network: "));
	assert_int_equal(net_rate(net), LOW_RATE);
	net_close(net);
}

static void two_do_not_meet(void **state)
{
	struct net *nets[2];
	struct frame any;
	int taps[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(net_open(0, &nets[i], NULL), 0);
		assert_int_equal(net_connect_tap(nets[i], &taps[i], NULL), 0);
	}
	assert_true(is_answered(taps[0]));
	while (get(taps[1], QUIET, &any))
		assert_true(any.ethernet.ether_type == htons(ETHERTYPE_IPV6));
	for (size_t i = 0; i < 2; i++) {
		(void)close(taps[i]);
		net_close(nets[i]);
	}
}

/* What a hostile guest may send: the host's side still answers, and is as well as before. */
static void frames_that_make_no_sense_are_nobody_s_trouble(void **state)
{
	static unsigned char bytes[sizeof(struct virtio_net_hdr) + 65536];
	const struct virtio_net_hdr odd[] = {
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535},
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1, .hdr_len = 65535},
		{.gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 0},
		{.gso_type = 0xff},
	};
	struct net *net;
	int tap;

	(void)state;
	assert_int_equal(net_open(0, &net, NULL), 0);
	assert_int_equal(net_connect_tap(net, &tap, NULL), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 2654435761U >> 13);
	for (size_t size = 0; size < sizeof(bytes); size = 2 * size + 1) {
		memset(bytes, 0, sizeof(struct virtio_net_hdr));
		(void)!write(tap, bytes, size);
		for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
			memcpy(bytes, &odd[i], sizeof(odd[i]));
			(void)!write(tap, bytes, size);
		}
	}
	assert_true(is_answered(tap));
	(void)close(tap);
	net_close(net);
}

static void a_guest_without_a_device_is_told_so(void **state)
{
	struct tare_err err = {0};
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) == 0 && net_join(&err) == -ENODEV &&
				      strstr(err.msg, "virtio_net")
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_gets_to_the_other_end_and_to_nobody_else),
		cmocka_unit_test(a_rate_holds_frames_back_and_is_taken_off_again),
		cmocka_unit_test(a_rate_that_could_not_be_set_is_not_said_to_hold),
		cmocka_unit_test(two_do_not_meet),
		cmocka_unit_test(frames_that_make_no_sense_are_nobody_s_trouble),
		cmocka_unit_test(a_guest_without_a_device_is_told_so),
	};

	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) < 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
