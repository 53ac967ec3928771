/* SPDX-License-Identifier: BSD-2-Clause */
/* Hops that packets ended at, by the ICMP messages that say so. */
#include "rtt_met.h"

/* A message that quotes a packet to `destination`, at the end of which `cut` bytes are missing. */
static void send_exceeded(const struct rig *rig, bool is_ip6, uint8_t type, uint8_t code, size_t cut)
{
	struct run run = { .time_ns = START_NS };
	struct packet packet, quoted;
	size_t at, quoted_bytes = (is_ip6 ? 40 : 20) + 8 - cut;
	char line[64];

	packet_make(&quoted, is_ip6 ? "ip6 udp 0" : "ip4 udp 0");
	snprintf(line, sizeof(line), "eth %s %zu", is_ip6 ? "ip6 icmp6" : "ip4 icmp", quoted_bytes);
	packet_make(&packet, line);
	at = packet.length - quoted_bytes;
	memcpy(packet.bytes + at, quoted.bytes, quoted_bytes);
	memset(packet.bytes + at - 8, 0, 8);
	packet.bytes[at - 8] = type;
	packet.bytes[at - 7] = code;
	/* Who sent it: a hop. */
	packet.bytes[is_ip6 ? packet.ip6[0] + 8 + 15 : packet.ip4[0] + 12 + 3] = 77;
	assert_int_equal(programs_run(&rig->programs, PROGRAM_IN, packet.bytes, packet.length, &run), -1);
}

static void hops_are_counted(void **state)
{
	struct rtt_met met;
	struct rig rig;
	__be32 address[4] = { 0 };

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	send_exceeded(&rig, false, 11, 1, 0); /* a reassembly */
	send_exceeded(&rig, false, 3, 0, 0);  /* unreachable */
	send_exceeded(&rig, false, 11, 0, 9); /* the quoted destination is not all there */
	send_exceeded(&rig, true, 3, 0, 9);
	send_exceeded(&rig, true, 11, 0, 0); /* no type of ICMPv6 */
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.hop_count, 0);
	send_exceeded(&rig, false, 11, 0, 8);
	send_exceeded(&rig, false, 11, 0, 0);
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.hop_count, 1);
	assert_int_equal(met.hop, 2);
	assert_int_equal(met.hop_key.family, 4);
	assert_int_equal(met.hop_key.hop[0], inet_addr("10.1.0.77"));
	assert_int_equal(met.hop_key.dst[0], inet_addr("10.1.0.2"));
	/* An hour without: the last time. */
	rtt_met_read(&rig, START_NS + RTT_HOP_IDLE_NS + 1, &met);
	assert_int_equal(met.hop_count, 1);
	send_exceeded(&rig, true, 3, 0, 8);
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.hop_count, 1);
	assert_int_equal(met.hop, 1);
	assert_int_equal(met.hop_key.family, 6);
	inet_pton(AF_INET6, "2001:db8::2", address);
	assert_memory_equal(met.hop_key.dst, address, sizeof(address));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hops_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
