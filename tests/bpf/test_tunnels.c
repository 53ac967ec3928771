/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnels: with `decapsulate` the inner flow is counted with the outer frame's bytes; what does not hold an IP packet, or
 * is a tunnel that was not asked for, stays the outer flow. And tags that are not to be part of the key.
 */
#include "packets.h"
#include "programs.h"

struct tunnel_case {
	const char *packet;
	int family, protocol;
	int sport, dport;
	uint32_t payload;
};

#define INNER PACKET_SPORT, PACKET_DPORT

static const struct tunnel_case cases[] = {
	{ "eth ip4 udp:4789 vxlan eth ip4 tcp 100", 4, 6, INNER, 100 },
	{ "eth ip4 udp:4789 vxlan eth ip6 udp 100", 6, 17, INNER, 100 },
	{ "eth ip6 udp:4789 vxlan eth vlan:5 ip4 udp 100", 4, 17, INNER, 100 },
	{ "eth ip6 hop udp:4789 vxlan eth ip6 hop tcp+12 7 pad:2", 6, 6, INNER, 7 },
	{ "eth ip4 udp:6081 geneve eth ip4 udp 30", 4, 17, INNER, 30 },
	{ "eth ip4 udp:6081 geneve+8 ip6 icmp6 30", 6, 58, 0, 0, 30 },
	{ "eth ip4 gre ip4 tcp 10", 4, 6, INNER, 10 },
	{ "eth ip4 gre:0x2000 ip6 tcp 10", 6, 6, INNER, 10 },
	{ "eth ip6 gre:0xb000 ip4 udp 10", 4, 17, INNER, 10 },
	{ "eth ip4 gre eth ip4 udp 10", 4, 17, INNER, 10 },
	{ "eth ip4 ip4 udp 10", 4, 17, INNER, 10 },
	{ "eth ip4 ip6 tcp 10", 6, 6, INNER, 10 },
	{ "eth ip6 ip4 udp 10", 4, 17, INNER, 10 },
	{ "eth ip6 dst ip6 sctp 10", 6, 132, INNER, 10 },
	{ "eth ip4 udp:2152 gtp ip4 tcp 10", 4, 6, INNER, 10 },
	{ "eth ip4 udp:2152 gtp:2 ip6 udp 10", 6, 17, INNER, 10 },
	{ "eth ip4 udp:2152 gtp:4 ip4 udp 10", 4, 17, INNER, 10 },
	/* one level only */
	{ "eth ip4 ip4 ip4 udp 10", 4, 4, 0, 0, 38 },
	/* no IP inside: the outer flow */
	{ "eth ip4 udp:4789 vxlan eth type:0x0806 28", 4, 17, PACKET_SPORT, 4789, 50 },
	{ "eth ip4 udp:4789 4", 4, 17, PACKET_SPORT, 4789, 4 },
	{ "eth ip4 udp:2152 40", 4, 17, PACKET_SPORT, 2152, 40 },
	{ "eth ip4 gre:0x4000 ip4 udp 10", 4, 47, 0, 0, 42 },
	{ "eth ip4 gre:0x0100 ip4 udp 10", 4, 17, INNER, 10 },
	{ "eth ip4 udp 100", 4, 17, INNER, 100 },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

struct both {
	struct programs looking, plain, untagged;
};

static void run_case(const struct programs *programs, enum program program, const char *line, struct flow_key *key,
		     struct flow_record *record)
{
	struct run run = { .time_ns = 3 };
	struct packet packet;

	packet_make(&packet, line);
	assert_true(programs_run(programs, program, packet.bytes, packet.length, &run) >= -1);
	assert_int_equal(programs_take_flow(programs, key, record), 0);
	assert_int_equal(record->packets, 1);
	assert_int_equal(record->bytes, packet.length);
}

static void test_inner_flows(void **state)
{
	const struct both *both = *state;
	struct flow_record record;
	struct flow_key key;

	for (size_t i = 0; i < CASES; i++)
		for (int program = 0; program < PROGRAMS; program++) {
			print_message("%s\n", cases[i].packet);
			run_case(&both->looking, (enum program)program, cases[i].packet, &key, &record);
			assert_int_equal(key.family, cases[i].family);
			assert_int_equal(key.protocol, cases[i].protocol);
			assert_int_equal(ntohs(key.sport), cases[i].sport);
			assert_int_equal(ntohs(key.dport), cases[i].dport);
			assert_int_equal(record.payload_bytes, cases[i].payload);
			if (cases[i].family == 4)
				assert_memory_equal(key.src, "\x0a\x01\x00\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		}
}

/* Not asked for: the outer flow of every one of them. */
static void test_outer_flows(void **state)
{
	const struct both *both = *state;
	struct flow_record record;
	struct flow_key key;

	for (size_t i = 0; i < CASES; i++) {
		run_case(&both->plain, PROGRAM_IN, cases[i].packet, &key, &record);
		assert_int_equal(key.family, strncmp(cases[i].packet, "eth ip6", 7) ? 4 : 6);
	}
}

/* The inner packet cut at every length inside a whole outer one: a lie, never a flow of its own. */
static void test_inner_lies(void **state)
{
	const struct both *both = *state;
	struct packet packet;
	struct run run = { .time_ns = 3 };
	struct flow_record record;
	struct ledger_record before, after;
	struct flow_key key;

	packet_make(&packet, "eth ip4 udp:4789 vxlan eth ip4 tcp 100");
	packet.bytes[packet.ip4[1] + 3] =
		(uint8_t)(packet.bytes[packet.ip4[1] + 3] + 1); /* one byte more than there is */
	programs_ledger(&both->looking, DIRECTION_INGRESS, &before);
	assert_int_equal(programs_run(&both->looking, PROGRAM_XDP, packet.bytes, packet.length, &run), XDP_PASS);
	programs_ledger(&both->looking, DIRECTION_INGRESS, &after);
	assert_int_equal(after.outcome[OUTCOME_UNPARSED].packets - before.outcome[OUTCOME_UNPARSED].packets, 1);
	assert_int_equal(programs_take_flow(&both->looking, &key, &record), -1);
}

static void test_tags_left_out_of_the_key(void **state)
{
	static const char *const lines[] = { "eth ip4 udp 1", "eth vlan:5 ip4 udp 1", "eth qinq:6 vlan:7 ip4 udp 1" };
	const struct both *both = *state;
	struct flow_record record;
	struct flow_key key;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run_case(&both->untagged, PROGRAM_IN, lines[i], &key, &record);
		assert_int_equal(key.vlan[0], 0);
		assert_int_equal(key.vlan[1], 0);
	}
}

static int setup(void **state)
{
	static struct both both;
	struct program_constants constants = { .sequence_threshold = 2 };

	programs_load(&both.plain, &constants);
	constants.ignore_vlan = 1;
	programs_load(&both.untagged, &constants);
	constants.ignore_vlan = 0;
	constants.tunnels = (struct tunnels){
		.kinds = TUNNEL_VXLAN | TUNNEL_GENEVE | TUNNEL_GRE | TUNNEL_IPIP | TUNNEL_GTPU,
		.vxlan_port = TUNNEL_VXLAN_PORT,
		.geneve_port = TUNNEL_GENEVE_PORT,
		.gtpu_port = TUNNEL_GTPU_PORT,
	};
	programs_load(&both.looking, &constants);
	*state = &both;
	return 0;
}

static int teardown(void **state)
{
	struct both *both = *state;

	programs_unload(&both->looking);
	programs_unload(&both->plain);
	programs_unload(&both->untagged);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inner_flows),
		cmocka_unit_test(test_outer_flows),
		cmocka_unit_test(test_inner_lies),
		cmocka_unit_test(test_tags_left_out_of_the_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
