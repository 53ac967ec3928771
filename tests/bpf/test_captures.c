/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of captures: a capture may have lost a frame's end, also without saying so, and may hold frames as the sender
 * gave them to its card. Its headers are believed, and what is there is parsed; a live frame that lies is not guessed at.
 */
#include "packets.h"
#include "programs.h"

#define WHOLE 0
#define LOST UINT32_MAX /* the capture says that the bytes that are there were all */
#define ETHERNET 14
#define IP4 (ETHERNET + 20)
#define IP6 (ETHERNET + 40)
#define NOT_SENT     \
	{            \
		0, 0 \
	}

struct patch {
	size_t at;
	uint8_t value;
};

struct captured {
	const char *packet;
	struct patch patches[4];
	size_t present; /* bytes in the capture; WHOLE: all */
	uint32_t wire;  /* what the capture says was on the wire; WHOLE, LOST */
	enum outcome outcome;
	enum outcome live;   /* of a live frame of the same bytes */
	int protocol, ports; /* 1: the packet's; 0: none; -1: what stands in their place */
	uint32_t payload;
};

#define FLOW OUTCOME_FLOW
#define UNPARSED OUTCOME_UNPARSED

static const struct captured cases[] = {
	/* cut by the capture */
	{ "eth ip4 udp 100", { NOT_SENT }, 60, WHOLE, FLOW, UNPARSED, 17, 1, 100 },
	{ "eth ip4 udp 100", { NOT_SENT }, IP4 + 4, WHOLE, FLOW, UNPARSED, 17, 1, 100 },
	{ "eth ip4 udp 100", { NOT_SENT }, IP4 + 3, WHOLE, FLOW, UNPARSED, 17, 0, 100 },
	{ "eth ip4 udp 100", { NOT_SENT }, IP4, WHOLE, FLOW, UNPARSED, 17, 0, 100 },
	{ "eth ip4 udp 100", { NOT_SENT }, IP4 - 1, WHOLE, UNPARSED, UNPARSED, 0, 0, 0 },
	{ "eth ip4+8 udp 10", { NOT_SENT }, IP4 + 2, WHOLE, FLOW, UNPARSED, 17, 0, 10 },
	{ "eth ip4 tcp+12 100", { NOT_SENT }, IP4 + 20, WHOLE, FLOW, UNPARSED, 6, 1, 100 },
	{ "eth ip4 tcp+12 100", { NOT_SENT }, IP4 + 16, WHOLE, FLOW, UNPARSED, 6, 1, 100 },
	{ "eth ip4 tcp+12 100", { NOT_SENT }, IP4 + 15, WHOLE, FLOW, UNPARSED, 6, 1, 132 },
	{ "eth ip4 icmp 56", { NOT_SENT }, IP4 + 2, WHOLE, FLOW, UNPARSED, 1, 0, 56 },
	{ "eth ip4 sctp 40", { NOT_SENT }, IP4 + 12, WHOLE, FLOW, UNPARSED, 132, 1, 40 },
	{ "eth ip4 sctp 40", { NOT_SENT }, IP4 + 11, WHOLE, FLOW, UNPARSED, 132, 0, 40 },
	{ "eth ip6 tcp 100", { NOT_SENT }, IP6 + 20, WHOLE, FLOW, UNPARSED, 6, 1, 100 },
	{ "eth ip6 tcp 100", { NOT_SENT }, IP6 - 1, WHOLE, UNPARSED, UNPARSED, 0, 0, 0 },
	{ "eth vlan:5 pppoe ip4 udp 100", { NOT_SENT }, 50, WHOLE, FLOW, UNPARSED, 17, 1, 100 },
	/* cut among the extension headers: two bytes of one tell what follows and how long it is */
	{ "eth ip6 hop udp 10", { NOT_SENT }, IP6 + 2, WHOLE, FLOW, UNPARSED, 17, 0, 10 },
	{ "eth ip6 dst udp 10", { NOT_SENT }, IP6 + 1, WHOLE, FLOW, UNPARSED, 60, 0, 26 },
	{ "eth ip6 ah udp 10", { NOT_SENT }, IP6 + 9, WHOLE, FLOW, UNPARSED, 17, 0, 10 },
	{ "eth ip6 frag:0x0001 udp 10", { NOT_SENT }, IP6 + 7, WHOLE, FLOW, UNPARSED, 44, 0, 26 },
	{ "eth ip6 hop frag:0x0058 proto:17 10", { NOT_SENT }, IP6 + 16, WHOLE, FLOW, UNPARSED, 17, 0, 10 },
	/* cut, and the record does not say so */
	{ "eth ip4 udp 100", { NOT_SENT }, 60, LOST, FLOW, UNPARSED, 17, 1, 100 },
	{ "eth ip4 tcp+12 100", { NOT_SENT }, 60, LOST, FLOW, UNPARSED, 6, 1, 100 },
	{ "eth ip6 hop udp 100", { NOT_SENT }, 80, LOST, FLOW, UNPARSED, 17, 1, 100 },
	/* transport headers that cannot be true: the IP header tells the flow */
	{ "eth ip4 proto:17 7", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 17, -1, 0 },
	{ "eth ip4 proto:17 3", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 17, 0, 0 },
	{ "eth ip4 proto:1 7", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 1, 0, 0 },
	{ "eth ip4 proto:132 11", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 132, 0, 0 },
	{ "eth ip4 proto:6 15", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 6, -1, 15 },
	{ "eth ip4 tcp 100", { { IP4 + 12, 0x30 } }, WHOLE, WHOLE, FLOW, UNPARSED, 6, 1, 108 },
	{ "eth ip4 tcp 100", { { IP4 + 12, 0x00 } }, WHOLE, WHOLE, FLOW, UNPARSED, 6, 1, 120 },
	{ "eth ip4 tcp 10", { { IP4 + 12, 0xf0 } }, WHOLE, WHOLE, FLOW, UNPARSED, 6, 1, 0 },
	/* extension headers that cannot be true */
	{ "eth ip6 hop udp 10", { { IP6 + 1, 255 } }, WHOLE, WHOLE, FLOW, UNPARSED, 17, 0, 0 },
	{ "eth ip6 proto:60 4", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 0x5a, 0, 0 },
	{ "eth ip6 proto:60 1", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 60, 0, 1 },
	{ "eth ip6 hop dst route dst dst dst dst dst dst udp 10", { NOT_SENT }, WHOLE, WHOLE, FLOW, UNPARSED, 60, 0, 26 },
	/* an IP header that cannot be true tells nothing */
	{ "eth ip4 udp 100", { { ETHERNET + 3, 19 } }, WHOLE, WHOLE, UNPARSED, UNPARSED, 0, 0, 0 },
	{ "eth ip4 udp 100", { { ETHERNET, 0x44 } }, WHOLE, WHOLE, UNPARSED, UNPARSED, 0, 0, 0 },
	{ "eth ip4 udp 100", { { ETHERNET, 0x65 } }, WHOLE, WHOLE, UNPARSED, UNPARSED, 0, 0, 0 },
	{ "eth ip6 udp 100", { { ETHERNET, 0x40 } }, WHOLE, WHOLE, UNPARSED, UNPARSED, 0, 0, 0 },
	/* a length of 0: left to the card in IPv4; in IPv6 nothing, but for what has no room there and jumbograms */
	{ "eth ip4 udp 100", { { ETHERNET + 3, 0 } }, WHOLE, WHOLE, FLOW, UNPARSED, 17, 1, 100 },
	{ "eth ip4 tcp+12 100", { { ETHERNET + 3, 0 } }, 70, WHOLE, FLOW, UNPARSED, 6, 1, 100 },
	{ "eth ip6 udp 100", { { ETHERNET + 5, 0 } }, WHOLE, WHOLE, FLOW, UNPARSED, 17, 0, 0 },
	{ "eth ip6 proto:59 0 pad:6", { NOT_SENT }, WHOLE, WHOLE, FLOW, FLOW, 59, 0, 0 },
	{ "eth ip6 tcp 100", { { ETHERNET + 5, 0 } }, WHOLE, IP6 + 20 + 65536, FLOW, UNPARSED, 6, 1, 65536 },
	{ "eth ip6 hop udp 10", { { ETHERNET + 5, 0 } }, WHOLE, WHOLE, FLOW, UNPARSED, 0, 0, 0 },
	{ "eth ip6 hop udp 10",
	  { { ETHERNET + 5, 0 }, { IP6 + 2, 0xc2 }, { IP6 + 3, 4 }, { IP6 + 7, 26 } },
	  WHOLE,
	  WHOLE,
	  FLOW,
	  FLOW,
	  17,
	  1,
	  10 },
};

static void make(struct packet *packet, const struct captured *captured)
{
	packet_make(packet, captured->packet);
	for (size_t i = 0; i < sizeof(captured->patches) / sizeof(captured->patches[0]); i++)
		if (captured->patches[i].at)
			packet->bytes[captured->patches[i].at] = captured->patches[i].value;
}

static void check_ports(const struct captured *captured, const struct flow_key *key)
{
	unsigned int sport = captured->ports > 0 ? PACKET_SPORT : captured->ports ? 0x5a5a : 0;
	unsigned int dport = captured->ports > 0 ? PACKET_DPORT : captured->ports ? 0x5a5a : 0;

	assert_int_equal(ntohs(key->sport), sport);
	assert_int_equal(ntohs(key->dport), dport);
}

/* One outcome, and the flow if there is to be one. */
static void run_one(const struct programs *programs, const struct packet *packet, size_t present, uint32_t wire,
		    const struct captured *captured, enum outcome outcome)
{
	struct run run = { .time_ns = 7, .wire_length = wire };
	struct ledger_record before, after;
	struct flow_record record;
	struct flow_key key;
	uint32_t bytes = wire ? wire : (uint32_t)present;

	programs_ledger(programs, DIRECTION_INGRESS, &before);
	assert_int_equal(programs_run(programs, PROGRAM_XDP, packet->bytes, present, &run), XDP_PASS);
	programs_ledger(programs, DIRECTION_INGRESS, &after);
	assert_int_equal(after.seen.packets - before.seen.packets, 1);
	assert_int_equal(after.seen.bytes - before.seen.bytes, bytes);
	for (int i = 0; i < OUTCOMES; i++)
		assert_int_equal(after.outcome[i].packets - before.outcome[i].packets, i == (int)outcome);
	if (outcome == OUTCOME_FLOW) {
		assert_int_equal(programs_take_flow(programs, &key, &record), 0);
		assert_int_equal(key.protocol, captured->protocol);
		check_ports(captured, &key);
		assert_int_equal(record.bytes, bytes);
		assert_int_equal(record.payload_bytes, captured->payload);
	}
	assert_int_equal(programs_take_flow(programs, &key, &record), -1);
}

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct captured *captured = &cases[i];
		struct packet packet;
		size_t present;
		uint32_t wire;

		make(&packet, captured);
		present = captured->present ? captured->present : packet.length;
		wire = captured->wire == LOST ? (uint32_t)present :
		       captured->wire         ? captured->wire :
						(uint32_t)packet.length;
		print_message("%s, %zu of %u bytes\n", captured->packet, present, wire);
		run_one(*state, &packet, present, wire, captured, captured->outcome);
		run_one(*state, &packet, present, 0, captured, captured->live);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
