/* SPDX-License-Identifier: BSD-2-Clause */
#include "rule_packets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

int monitor_setup(void **state)
{
	struct monitor_config config = {
		.constants.clock = CLOCK_OF_PACKET,
		.hook = HOOK_XDP,
		.direction[DIRECTION_INGRESS] = true,
		.max_flows = 4096,
	};
	char error[MONITOR_ERROR_SIZE] = "";
	struct monitor *monitor = NULL;

	*state = NULL;
	if (monitor_missing_capabilities())
		return 0;
	if (monitor_open(&config, &monitor, error)) {
		print_error("%s\n", error);
		return -1;
	}
	*state = monitor;
	return 0;
}

int monitor_teardown(void **state)
{
	*state = monitor_close(*state);
	return 0;
}

struct monitor *loaded_monitor(void **state)
{
	if (!*state) {
		print_message("skipped: %s missing\n", monitor_missing_capabilities());
		skip();
	}
	return *state;
}

#define TRANSPORT_BYTES 36 /* header and payload */
#define TIME_BYTES 8

/* A frame as the program is run on it: its time, as metadata, in front. */
struct timed_frame {
	uint64_t time_ns;
	uint8_t bytes[ETH_HLEN + sizeof(struct ipv6hdr) + TRANSPORT_BYTES];
	uint32_t length; /* of the frame */
};

_Static_assert(offsetof(struct timed_frame, bytes) == TIME_BYTES, "the frame follows its time");

struct flow_key key_of(const char *src, const char *dst, uint16_t sport, uint16_t dport, uint8_t protocol)
{
	struct flow_key key = {
		.sport = htons(sport),
		.dport = htons(dport),
		.ifindex = 1, /* where a run without an interface takes place: the loopback */
		.protocol = protocol,
		.family = strchr(src, ':') ? 6 : 4,
	};

	assert_int_equal(inet_pton(key.family == 4 ? AF_INET : AF_INET6, src, key.src), 1);
	assert_int_equal(inet_pton(key.family == 4 ? AF_INET : AF_INET6, dst, key.dst), 1);
	return key;
}

static uint8_t *put_network(const struct flow_key *key, uint16_t bytes, uint8_t *at)
{
	if (key->family == 4) {
		struct iphdr ip = { .version = 4,
				    .ihl = 5,
				    .ttl = 64,
				    .protocol = key->protocol,
				    .saddr = key->src[0],
				    .daddr = key->dst[0],
				    .tot_len = htons((uint16_t)(sizeof(ip) + bytes)) };

		return (uint8_t *)memcpy(at, &ip, sizeof(ip)) + sizeof(ip);
	}
	struct ipv6hdr ip = { .version = 6, .hop_limit = 64, .nexthdr = key->protocol, .payload_len = htons(bytes) };

	memcpy(&ip.saddr, key->src, sizeof(ip.saddr));
	memcpy(&ip.daddr, key->dst, sizeof(ip.daddr));
	return (uint8_t *)memcpy(at, &ip, sizeof(ip)) + sizeof(ip);
}

/* A packet of the flow: ports where the protocol has them, in what reads as a plain header of 20 bytes. */
static struct timed_frame frame_of(const struct flow_key *key)
{
	struct timed_frame frame = { .time_ns = 1000000000 };
	uint16_t ethertype = htons(key->family == 4 ? ETH_P_IP : ETH_P_IPV6);
	uint8_t *at;

	memcpy(frame.bytes + 12, &ethertype, sizeof(ethertype));
	at = put_network(key, TRANSPORT_BYTES, frame.bytes + ETH_HLEN);
	memcpy(at, &key->sport, sizeof(key->sport));
	memcpy(at + 2, &key->dport, sizeof(key->dport));
	at[12] = 5 << 4; /* TCP's length of its header, in words */
	frame.length = (uint32_t)(at + TRANSPORT_BYTES - frame.bytes);
	return frame;
}

int run_packet(const struct monitor *monitor, const struct flow_key *key)
{
	struct timed_frame frame = frame_of(key);
	struct xdp_md context = { .data = TIME_BYTES, .data_end = TIME_BYTES + frame.length };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &frame, .data_size_in = TIME_BYTES + frame.length,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);
	int status = bpf_prog_test_run_opts(bpf_program__fd(monitor->skeleton->progs.flowgauge_xdp), &options);

	if (status)
		return status;
	return options.retval == XDP_PASS ? (int)frame.length : -EPROTO;
}

struct ledger_record ledger_now(struct monitor *monitor)
{
	struct ledger_record sum;

	/* Place 0 is that of interfaces which are not watched, as the loopback is not here. */
	assert_int_equal(ledger_read(monitor, 0, DIRECTION_INGRESS, &sum), 0);
	return sum;
}

enum outcome send_packet(struct monitor *monitor, const struct flow_key *key)
{
	struct ledger_record before = ledger_now(monitor), after;
	enum outcome found = OUTCOMES;
	int bytes = run_packet(monitor, key);

	assert_true(bytes > 0);
	after = ledger_now(monitor);
	assert_int_equal(after.seen.packets - before.seen.packets, 1);
	assert_int_equal(after.seen.bytes - before.seen.bytes, bytes);
	for (enum outcome outcome = 0; outcome < OUTCOMES; outcome++) {
		if (after.outcome[outcome].packets == before.outcome[outcome].packets)
			continue;
		assert_int_equal(found, OUTCOMES);
		assert_int_equal(after.outcome[outcome].packets - before.outcome[outcome].packets, 1);
		assert_int_equal(after.outcome[outcome].bytes - before.outcome[outcome].bytes, bytes);
		found = outcome;
	}
	return found;
}
