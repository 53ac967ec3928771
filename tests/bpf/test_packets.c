/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets in a table -> keys, counts and outcomes, through every program that takes Ethernet frames; then each packet
 * cut at every length, which must never be counted in a flow.
 */
#include "packets.h"
#include "programs.h"

struct expectation {
	const char *packet;
	enum outcome outcome;
	int family;
	int protocol;
	int ports;                /* 1: the packet's; 0: none */
	int vlan[VLAN_MAX_DEPTH]; /* -1: no tag */
	uint32_t payload;
};

#define NO_VLAN        \
	{              \
		-1, -1 \
	}
#define FLOW OUTCOME_FLOW
#define TC_TEST_MINIMUM 54 /* a test run at tc refuses frames that end inside the IP header */

static const struct expectation table[] = {
	/* IPv4 */
	{ "eth ip4 udp 100", FLOW, 4, 17, 1, NO_VLAN, 100 },
	{ "eth ip4 udp 0", FLOW, 4, 17, 1, NO_VLAN, 0 },
	{ "eth ip4 udp 1", FLOW, 4, 17, 1, NO_VLAN, 1 },
	{ "eth ip4 udp 1472", FLOW, 4, 17, 1, NO_VLAN, 1472 },
	{ "eth ip4 udp 3 pad:15", FLOW, 4, 17, 1, NO_VLAN, 3 },
	{ "eth ip4 tcp 100", FLOW, 4, 6, 1, NO_VLAN, 100 },
	{ "eth ip4 tcp 0 pad:6", FLOW, 4, 6, 1, NO_VLAN, 0 },
	{ "eth ip4 tcp+12 1448", FLOW, 4, 6, 1, NO_VLAN, 1448 },
	{ "eth ip4 tcp+40 10", FLOW, 4, 6, 1, NO_VLAN, 10 },
	{ "eth ip4 icmp 56", FLOW, 4, 1, 0, NO_VLAN, 56 },
	{ "eth ip4 icmp 0", FLOW, 4, 1, 0, NO_VLAN, 0 },
	{ "eth ip4 sctp 40", FLOW, 4, 132, 1, NO_VLAN, 40 },
	{ "eth ip4 proto:47 60", FLOW, 4, 47, 0, NO_VLAN, 60 },
	{ "eth ip4 proto:2 8", FLOW, 4, 2, 0, NO_VLAN, 8 },
	{ "eth ip4 proto:50 64", FLOW, 4, 50, 0, NO_VLAN, 64 },
	{ "eth ip4 proto:51 64", FLOW, 4, 51, 0, NO_VLAN, 64 },
	{ "eth ip4 proto:89 44", FLOW, 4, 89, 0, NO_VLAN, 44 },
	{ "eth ip4 proto:255 0", FLOW, 4, 255, 0, NO_VLAN, 0 },
	{ "eth ip4 proto:41 60", FLOW, 4, 41, 0, NO_VLAN, 60 },
	{ "eth ip4 proto:58 60", FLOW, 4, 58, 0, NO_VLAN, 52 },
	/* with options */
	{ "eth ip4+4 udp 10", FLOW, 4, 17, 1, NO_VLAN, 10 },
	{ "eth ip4+40 udp 10", FLOW, 4, 17, 1, NO_VLAN, 10 },
	{ "eth ip4+40 tcp+40 10", FLOW, 4, 6, 1, NO_VLAN, 10 },
	{ "eth ip4+12 icmp 10", FLOW, 4, 1, 0, NO_VLAN, 10 },
	{ "eth ip4+8 proto:47 10", FLOW, 4, 47, 0, NO_VLAN, 10 },
	/* fragments */
	{ "eth ip4:0x2000 udp 1000", FLOW, 4, 17, 1, NO_VLAN, 1000 },
	{ "eth ip4:0x2000 tcp 1000", FLOW, 4, 6, 1, NO_VLAN, 1000 },
	{ "eth ip4:0x2003 proto:17 1000", FLOW, 4, 17, 0, NO_VLAN, 1000 },
	{ "eth ip4:0x0003 proto:17 1000", FLOW, 4, 17, 0, NO_VLAN, 1000 },
	{ "eth ip4:0x0003 proto:6 3", FLOW, 4, 6, 0, NO_VLAN, 3 },
	{ "eth ip4:0x4000 udp 20", FLOW, 4, 17, 1, NO_VLAN, 20 },
	/* tags */
	{ "eth vlan:5 ip4 udp 10", FLOW, 4, 17, 1, { 5, -1 }, 10 },
	{ "eth vlan:0 ip4 udp 10", FLOW, 4, 17, 1, { 0, -1 }, 10 },
	{ "eth vlan:4095 ip4 tcp 10", FLOW, 4, 6, 1, { 4095, -1 }, 10 },
	{ "eth qinq:100 vlan:200 ip4 udp 10", FLOW, 4, 17, 1, { 100, 200 }, 10 },
	{ "eth vlan:100 vlan:200 ip4 icmp 10", FLOW, 4, 1, 0, { 100, 200 }, 10 },
	{ "eth old:7 vlan:8 ip6 udp 10", FLOW, 6, 17, 1, { 7, 8 }, 10 },
	{ "eth qinq:1 vlan:2 vlan:3 ip4 udp 10", FLOW, 4, 17, 1, { 1, 2 }, 10 },
	{ "eth qinq:100 ip6 tcp+12 10", FLOW, 6, 6, 1, { 100, -1 }, 10 },
	/* IPv6 */
	{ "eth ip6 udp 100", FLOW, 6, 17, 1, NO_VLAN, 100 },
	{ "eth ip6 tcp+12 100", FLOW, 6, 6, 1, NO_VLAN, 100 },
	{ "eth ip6 icmp6 56", FLOW, 6, 58, 0, NO_VLAN, 56 },
	{ "eth ip6 sctp 4", FLOW, 6, 132, 1, NO_VLAN, 4 },
	{ "eth ip6 proto:59 0", FLOW, 6, 59, 0, NO_VLAN, 0 },
	{ "eth ip6 proto:50 40", FLOW, 6, 50, 0, NO_VLAN, 40 },
	{ "eth ip6 proto:41 60", FLOW, 6, 41, 0, NO_VLAN, 60 },
	{ "eth ip6 proto:1 60", FLOW, 6, 1, 0, NO_VLAN, 52 },
	{ "eth ip6 udp 3 pad:9", FLOW, 6, 17, 1, NO_VLAN, 3 },
	/* extension headers */
	{ "eth ip6 hop udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 hop+3 udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 dst tcp 10", FLOW, 6, 6, 1, NO_VLAN, 10 },
	{ "eth ip6 route+2 icmp6 10", FLOW, 6, 58, 0, NO_VLAN, 10 },
	{ "eth ip6 ah udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 frag:0x0001 udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 frag:0x0000 udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 frag:0x0059 proto:17 10", FLOW, 6, 17, 0, NO_VLAN, 10 },
	{ "eth ip6 frag:0x0058 proto:6 10", FLOW, 6, 6, 0, NO_VLAN, 10 },
	{ "eth ip6 hop dst route frag:0x0001 ah dst udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 hop dst route dst dst dst dst dst udp 10", FLOW, 6, 17, 1, NO_VLAN, 10 },
	{ "eth ip6 hop frag:0x00f9 proto:60 10", FLOW, 6, 60, 0, NO_VLAN, 10 },
	{ "eth vlan:9 ip6 hop dst proto:59 5", FLOW, 6, 59, 0, { 9, -1 }, 5 },
	{ "eth qinq:9 vlan:8 ip6 hop+15 dst+15 tcp 7", FLOW, 6, 6, 1, { 9, 8 }, 7 },
	{ "eth ip6 dst proto:50 20", FLOW, 6, 50, 0, NO_VLAN, 20 },
	/* not IP */
	{ "eth type:0x0806 28", OUTCOME_NON_IP, 0, 0, 0, NO_VLAN, 0 },
	{ "eth type:0x0806 28 pad:18", OUTCOME_NON_IP, 0, 0, 0, NO_VLAN, 0 },
	{ "eth vlan:5 type:0x0806 28", OUTCOME_NON_IP, 0, 0, 0, NO_VLAN, 0 },
	{ "eth type:0x88cc 60", OUTCOME_NON_IP, 0, 0, 0, NO_VLAN, 0 },
	{ "eth type:0x0026 60", OUTCOME_NON_IP, 0, 0, 0, NO_VLAN, 0 },
	{ "eth type:0x8863 60", OUTCOME_NON_IP, 0, 0, 0, NO_VLAN, 0 },
	/* PPPoE and MPLS in front of IP */
	{ "eth pppoe ip4 udp 10", FLOW, 4, 17, 1, NO_VLAN, 10 },
	{ "eth pppoe ip6 hop tcp 10", FLOW, 6, 6, 1, NO_VLAN, 10 },
	{ "eth vlan:7 pppoe ip4 tcp+12 100 pad:3", FLOW, 4, 6, 1, { 7, -1 }, 100 },
	{ "eth bottom ip4 udp 10", FLOW, 4, 17, 1, NO_VLAN, 10 },
	{ "eth label label bottom ip6 tcp 10", FLOW, 6, 6, 1, NO_VLAN, 10 },
	{ "eth qinq:3 vlan:4 label bottom ip4 icmp 10", FLOW, 4, 1, 0, { 3, 4 }, 10 },
	{ "eth label label label label label label label bottom ip4 udp 10", FLOW, 4, 17, 1, NO_VLAN, 10 },
	/* lengths that cannot be true, chains that do not end */
	{ "eth ip4 udp", OUTCOME_FLOW, 4, 17, 1, NO_VLAN, 0 },
	{ "eth ip4 proto:17 7", OUTCOME_UNPARSED, 0, 0, 0, NO_VLAN, 0 },
	{ "eth ip4 proto:6 19", OUTCOME_UNPARSED, 0, 0, 0, NO_VLAN, 0 },
	{ "eth ip4 proto:1 7", OUTCOME_UNPARSED, 0, 0, 0, NO_VLAN, 0 },
	{ "eth ip4 proto:132 11", OUTCOME_UNPARSED, 0, 0, 0, NO_VLAN, 0 },
	{ "eth ip4 proto:6 20", OUTCOME_FLOW, 4, 6, -1, NO_VLAN, 0 },
	{ "eth ip6 hop dst route dst dst dst dst dst dst udp 10", OUTCOME_UNPARSED, 0, 0, 0, NO_VLAN, 0 },
	{ "eth ip6 proto:60 4", OUTCOME_UNPARSED, 0, 0, 0, NO_VLAN, 0 },
	{ "eth ip4 ip6 udp 10", OUTCOME_FLOW, 4, 41, 0, NO_VLAN, 58 },
};

static void make(struct packet *packet, const struct expectation *expected)
{
	packet_make(packet, expected->packet);
}

static void check_flow(const struct packet *packet, const struct expectation *expected, enum direction direction,
		       const struct flow_key *key, const struct flow_record *record)
{
	assert_int_equal(key->family, expected->family);
	assert_int_equal(key->protocol, expected->protocol);
	if (expected->ports >= 0) {
		assert_int_equal(ntohs(key->sport), expected->ports ? PACKET_SPORT : 0);
		assert_int_equal(ntohs(key->dport), expected->ports ? PACKET_DPORT : 0);
	}
	assert_int_equal(key->direction, direction);
	assert_int_equal(key->reserved, 0);
	for (int i = 0; i < VLAN_MAX_DEPTH; i++)
		assert_int_equal(key->vlan[i], expected->vlan[i] < 0 ? 0 : VLAN_PRESENT | expected->vlan[i]);
	if (expected->family == 4) {
		assert_memory_equal(key->src, "\x0a\x01\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		assert_memory_equal(key->dst, "\x0a\x01\x00\x02\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	} else {
		assert_memory_equal(key->src, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		assert_memory_equal(key->dst, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	}
	assert_int_equal(record->packets, 1);
	assert_int_equal(record->bytes, packet->length);
	assert_int_equal(record->payload_bytes, expected->payload);
	assert_int_equal(record->first_ns, 7);
	assert_int_equal(record->last_ns, 7);
	assert_int_equal(record->spilled.packets, 0);
}

/* One packet through one program: exactly one outcome, and the flow that belongs to it. */
static void run_one(const struct programs *programs, enum program program, const struct packet *packet, size_t length,
		    const struct expectation *expected, enum outcome outcome)
{
	enum direction direction = program == PROGRAM_OUT ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	struct run run = { .time_ns = 7 };
	struct ledger_record before, after;
	struct flow_record record;
	struct flow_key key;

	programs_ledger(programs, direction, &before);
	assert_int_equal(programs_run(programs, program, packet->bytes, length, &run),
			 program == PROGRAM_XDP ? XDP_PASS : -1);
	programs_ledger(programs, direction, &after);
	assert_int_equal(after.seen.packets - before.seen.packets, 1);
	assert_int_equal(after.seen.bytes - before.seen.bytes, length);
	for (int i = 0; i < OUTCOMES; i++) {
		assert_int_equal(after.outcome[i].packets - before.outcome[i].packets, i == (int)outcome);
		assert_int_equal(after.outcome[i].bytes - before.outcome[i].bytes, i == (int)outcome ? length : 0);
	}
	if (outcome == OUTCOME_FLOW) {
		assert_int_equal(programs_take_flow(programs, &key, &record), 0);
		check_flow(packet, expected, direction, &key, &record);
	}
	assert_int_equal(programs_take_flow(programs, &key, &record), -1);
}

static void test_table(void **state)
{
	const struct programs *programs = *state;
	struct packet packet;

	assert_true(sizeof(table) / sizeof(table[0]) >= 60);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make(&packet, &table[i]);
		print_message("%s\n", table[i].packet);
		for (int program = 0; program < PROGRAMS; program++)
			run_one(programs, (enum program)program, &packet, packet.length, &table[i], table[i].outcome);
	}
}

/* What a cut leaves of a packet that is a flow when whole: padding may go; anything else makes its length a lie. */
static enum outcome outcome_of_cut(const struct packet *packet, const struct expectation *expected, size_t length)
{
	size_t whole = packet->length;
	const char *padding = strstr(expected->packet, "pad:");

	if (padding)
		whole -= strtoul(padding + 4, NULL, 10);
	if (expected->outcome == OUTCOME_NON_IP)
		return strstr(expected->packet, "vlan") && length < 18 ? OUTCOME_UNPARSED : OUTCOME_NON_IP;
	return length < whole ? OUTCOME_UNPARSED : expected->outcome;
}

static void test_cut_at_every_length(void **state)
{
	const struct programs *programs = *state;
	struct packet packet, cut;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make(&packet, &table[i]);
		for (size_t length = 15; length < packet.length; length += length < 200 ? 1 : 97) {
			enum outcome outcome = outcome_of_cut(&packet, &table[i], length);

			cut = packet;
			cut.length = length;
			run_one(programs, PROGRAM_XDP, &cut, length, &table[i], outcome);
			if (length < TC_TEST_MINIMUM)
				continue;
			run_one(programs, PROGRAM_IN, &cut, length, &table[i], outcome);
			run_one(programs, PROGRAM_OUT, &cut, length, &table[i], outcome);
		}
	}
}

/* Bytes changed one at a time: whatever they say now, the packet has exactly one outcome. */
static void test_every_byte_changed(void **state)
{
	const struct programs *programs = *state;
	struct packet packet;
	struct run run = { .time_ns = 7 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		make(&packet, &table[i]);
		for (size_t at = 12; at < packet.length && at < 120; at++) {
			struct ledger_record before, after;
			uint64_t outcomes = 0;
			uint8_t kept = packet.bytes[at];

			packet.bytes[at] ^= (uint8_t)(1u << (at % 8));
			programs_ledger(programs, DIRECTION_INGRESS, &before);
			assert_int_equal(programs_run(programs, PROGRAM_XDP, packet.bytes, packet.length, &run),
					 XDP_PASS);
			programs_ledger(programs, DIRECTION_INGRESS, &after);
			for (int k = 0; k < OUTCOMES; k++)
				outcomes += after.outcome[k].packets - before.outcome[k].packets;
			assert_int_equal(outcomes, 1);
			assert_int_equal(after.seen.packets - before.seen.packets, 1);
			packet.bytes[at] = kept;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_every_byte_changed),
	};

	return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
