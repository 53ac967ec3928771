/* SPDX-License-Identifier: BSD-2-Clause */
/* Time-stamped packets -> what a flow's record says of its gaps, and of buffers that stand for several packets. */
#include "packets.h"
#include "flow_slots.h"
#include "programs.h"

#define MS 1000000ULL
#define SECOND 1000000000ULL
#define SQUARE_UNIT (1ULL << GAP_SQUARE_SHIFT)

static uint64_t square(uint64_t gap)
{
	return (gap * gap + SQUARE_UNIT / 2) / SQUARE_UNIT;
}

static void send_at(const struct programs *programs, enum program program, const struct packet *packet,
		    uint64_t time_ns)
{
	struct run run = { .time_ns = time_ns };

	assert_true(programs_run(programs, program, packet->bytes, packet->length, &run) != -EINVAL);
}

static void take(const struct programs *programs, struct flow_record *record)
{
	struct flow_key key;

	assert_int_equal(programs_take_flow(programs, &key, record), 0);
	assert_int_equal(programs_take_flow(programs, &key, &(struct flow_record){ 0 }), -1);
}

static void test_gaps_are_summed(void **state)
{
	static const uint64_t times[] = { 1000, 1000 + 10 * MS, 1000 + 30 * MS, 1000 + 30 * MS + 1, 1000 + 2030 * MS };
	const struct programs *programs = *state;
	struct flow_record record;
	struct packet packet;
	uint64_t squares = 0;

	packet_make(&packet, "eth ip4 udp 10");
	for (int program = 0; program < PROGRAMS; program++) {
		squares = 0;
		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			send_at(programs, (enum program)program, &packet, times[i]);
			if (i)
				squares += square(times[i] - times[i - 1]);
		}
		take(programs, &record);
		assert_int_equal(record.packets, 5);
		assert_int_equal(record.first_ns, 1000);
		assert_int_equal(record.last_ns, 1000 + 2030 * MS);
		assert_int_equal(record.gap_squares, squares);
		assert_int_equal(record.restarts, 0);
		assert_int_equal(record.stopped_ns, 0);
	}
}

/* Exactly 2 s is a gap; a nanosecond more means that the flow had stopped. */
static void test_a_stop_starts_the_measure_anew(void **state)
{
	const struct programs *programs = *state;
	struct flow_record record;
	struct packet packet;

	packet_make(&packet, "eth ip6 udp 10");
	send_at(programs, PROGRAM_IN, &packet, SECOND);
	send_at(programs, PROGRAM_IN, &packet, 3 * SECOND);
	send_at(programs, PROGRAM_IN, &packet, 5 * SECOND + 1);
	send_at(programs, PROGRAM_IN, &packet, 5 * SECOND + 1 + MS);
	take(programs, &record);
	assert_int_equal(record.packets, 4);
	assert_int_equal(record.restarts, 1);
	assert_int_equal(record.restart_ns, 5 * SECOND + 1);
	assert_int_equal(record.restart_packets, 2);
	assert_int_equal(record.restart_squares, square(2 * SECOND));
	assert_int_equal(record.stopped_ns, 2 * SECOND + 1);
	assert_int_equal(record.gap_squares, square(2 * SECOND) + square(MS));
	assert_int_equal(record.last_ns - record.first_ns - record.stopped_ns, 2 * SECOND + MS);
}

/* A clock that goes back a little is a gap below zero; one that goes back far ends the measure. */
static void test_time_runs_backwards(void **state)
{
	const struct programs *programs = *state;
	struct flow_record record;
	struct packet packet;

	packet_make(&packet, "eth ip4 tcp 10");
	send_at(programs, PROGRAM_XDP, &packet, 10 * SECOND);
	send_at(programs, PROGRAM_XDP, &packet, 10 * SECOND - MS);
	take(programs, &record);
	assert_int_equal(record.restarts, 0);
	assert_int_equal(record.gap_squares, square(MS));
	assert_int_equal(record.last_ns, 10 * SECOND - MS);
	send_at(programs, PROGRAM_XDP, &packet, 10 * SECOND);
	send_at(programs, PROGRAM_XDP, &packet, 5 * SECOND);
	take(programs, &record);
	assert_int_equal(record.restarts, 1);
	assert_int_equal((int64_t)record.stopped_ns, -5 * (int64_t)SECOND);
}

/* A capture may begin at the epoch. */
static void test_a_flow_that_begins_at_zero(void **state)
{
	const struct programs *programs = *state;
	struct flow_record record;
	struct packet packet;

	packet_make(&packet, "eth ip4 udp 10");
	send_at(programs, PROGRAM_XDP, &packet, 0);
	send_at(programs, PROGRAM_XDP, &packet, MS);
	take(programs, &record);
	assert_int_equal(record.first_ns, 0);
	assert_int_equal(record.packets, 2);
	assert_int_equal(record.gap_squares, square(MS));
}

struct merged_case {
	const char *packet;
	uint32_t gso_segs, gso_size;
	uint64_t packets, bytes, payload;
};

/* Each segment but the first has the first one's headers on the wire as well. */
static const struct merged_case merged_cases[] = {
	{ "eth ip4 tcp 3000", 3, 1000, 3, 54 + 3000 + 2 * 54, 3000 },
	{ "eth ip4 tcp+12 2896", 2, 1448, 2, 66 + 2896 + 66, 2896 },
	{ "eth ip4 udp 2500", 3, 1000, 3, 42 + 2500 + 2 * 42, 2500 },
	{ "eth vlan:5 ip6 tcp 3000", 3, 1000, 3, 78 + 3000 + 2 * 78, 3000 },
	/* SKB_GSO_DODGY: the device did not count */
	{ "eth ip4 tcp 2001", 0, 1000, 3, 54 + 2001 + 2 * 54, 2001 },
	{ "eth ip4 tcp 900", 0, 1000, 1, 54 + 900, 900 },
	{ "eth vlan:5 ip4 udp 2001", 0, 1000, 3, 46 + 2001 + 2 * 46, 2001 },
	/* GSO_BY_FRAGS: the kernel counts, and the sizes differ */
	{ "eth ip4 sctp 3000", 3, 0xffff, 3, 46 + 3000 + 2 * 46, 3000 },
	/* a tunnel whose outer flow is counted: the inner headers are on the wire, and payload of the outer, once a packet */
	{ "eth ip4 udp:4789 vxlan eth ip4 tcp 3000", 3, 1000, 3, 104 + 3000 + 2 * 104, 62 + 3000 + 2 * 62 },
	{ "eth ip4 udp:8472 vxlan eth ip6 tcp+12 2500", 3, 1000, 3, 136 + 2500 + 2 * 136, 94 + 2500 + 2 * 94 },
	{ "eth ip6 udp:4789 vxlan eth vlan:5 ip4 udp 2001", 0, 1000, 3, 116 + 2001 + 2 * 116, 54 + 2001 + 2 * 54 },
	{ "eth ip4 udp:6081 geneve+8 eth ip4 udp 2000", 2, 1000, 2, 100 + 2000 + 100, 58 + 2000 + 58 },
	{ "eth ip4 gre:0x2000 ip6 tcp 2000", 2, 1000, 2, 102 + 2000 + 102, 68 + 2000 + 68 },
	{ "eth ip4 ip4 tcp 2000", 2, 1000, 2, 74 + 2000 + 74, 40 + 2000 + 40 },
	{ "eth ip6 ip6 udp 2000", 2, 1000, 2, 102 + 2000 + 102, 48 + 2000 + 48 },
	/* no tunnel, though the port or the first byte says so: the payload makes as many segments as it is */
	{ "eth ip4 udp:4789 2500", 3, 1000, 3, 42 + 2500 + 2 * 42, 2500 },
	{ "eth ip4 udp:4789 vxlan 2500", 3, 1000, 3, 42 + 2508 + 2 * 42, 2508 },
	{ "eth ip4 udp:4789 vxlan eth ip4 tcp 1978", 3, 1000, 3, 42 + 2040 + 2 * 42, 2040 },
};

/* A buffer over 64 KiB: IPv4's length is 0; IPv6 has a header of 8 bytes for it that no packet has. */
static const struct merged_case big_cases[] = {
	{ "eth ip4 tcp 3000", 3, 1000, 3, 54 + 3000 + 2 * 54, 3000 },
	{ "eth ip6 hop tcp 3000", 3, 1000, 3, 74 + 3000 + 2 * 74, 3000 },
	{ "eth ip6 hop tcp+12 2001", 0, 1000, 3, 86 + 2001 + 2 * 86, 2001 },
	{ "eth ip4 udp:4789 vxlan eth ip6 hop tcp 2000", 2, 1000, 2, 124 + 2000 + 124, 82 + 2000 + 82 },
};

static void run_merged(const struct programs *programs, const struct merged_case *expected, const struct packet *packet)
{
	struct run run = { .time_ns = 5, .gso_segs = expected->gso_segs, .gso_size = expected->gso_size };
	struct ledger_record before, after;
	struct flow_record record;

	print_message("%s in %u of %u\n", expected->packet, expected->gso_segs, expected->gso_size);
	programs_ledger(programs, DIRECTION_EGRESS, &before);
	assert_int_equal(programs_run(programs, PROGRAM_OUT, packet->bytes, packet->length, &run), -1);
	programs_ledger(programs, DIRECTION_EGRESS, &after);
	take(programs, &record);
	assert_int_equal(record.packets, expected->packets);
	assert_int_equal(record.bytes, expected->bytes);
	assert_int_equal(record.payload_bytes, expected->payload);
	assert_int_equal(record.merged, expected->packets - 1);
	assert_int_equal(record.gap_squares, 0);
	assert_int_equal(after.seen.packets - before.seen.packets, expected->packets);
	assert_int_equal(after.seen.bytes - before.seen.bytes, expected->bytes);
}

static void test_merged_buffers(void **state)
{
	struct packet packet;

	for (size_t i = 0; i < sizeof(merged_cases) / sizeof(merged_cases[0]); i++) {
		packet_make(&packet, merged_cases[i].packet);
		run_merged(*state, &merged_cases[i], &packet);
	}
}

static void test_merged_buffers_without_a_length(void **state)
{
	struct packet packet;

	for (size_t i = 0; i < sizeof(big_cases) / sizeof(big_cases[0]); i++) {
		packet_make(&packet, big_cases[i].packet);
		for (int ip = 0; ip < packet.ip6_count; ip++)
			packet_put16(packet.bytes + packet.ip6[ip] + 4, 0);
		if (!packet.ip6_count)
			packet_put16(packet.bytes + packet.ip4[0] + 2, 0);
		run_merged(*state, &big_cases[i], &packet);
	}
}

/* Differences of the squares' counter are modulo 2^64: nothing breaks when it turns over. */
static void test_squares_turn_over(void **state)
{
	const struct programs *programs = *state;
	int fd = bpf_map__fd(programs->skeleton->maps.flow_slots);
	struct flow_record record;
	struct flow_slot slot;
	struct packet packet;
	struct flow_key key;
	uint32_t index;

	packet_make(&packet, "eth ip4 udp 10");
	send_at(programs, PROGRAM_IN, &packet, SECOND);
	index = programs_slot(programs);
	assert_int_equal(bpf_map_lookup_elem(fd, &index, &slot), 0);
	slot.gap_squares = UINT64_MAX - 5;
	assert_int_equal(bpf_map_update_elem(fd, &index, &slot, BPF_EXIST), 0);
	send_at(programs, PROGRAM_IN, &packet, 2 * SECOND);
	assert_int_equal(programs_take_flow(programs, &key, &record), 0);
	assert_int_equal(record.gap_squares - (UINT64_MAX - 5), square(SECOND));
}

/* The table is full: the packet is overflow, and the flows that are there go on. */
static void test_overflow(void **state)
{
	const struct programs *programs = *state;
	uint32_t room = bpf_map__max_entries(programs->skeleton->maps.flow_slots);
	struct ledger_record before, after;
	struct flow_record record;
	struct packet packet;
	struct flow_key key;
	uint64_t counted = 0;

	packet_make(&packet, "eth ip4 udp 10");
	programs_ledger(programs, DIRECTION_INGRESS, &before);
	for (uint32_t i = 0; i < room + 500; i++) {
		packet_put16(packet.bytes + 34, i);
		send_at(programs, PROGRAM_IN, &packet, SECOND + i);
	}
	programs_ledger(programs, DIRECTION_INGRESS, &after);
	while (!programs_take_flow(programs, &key, &record))
		counted += record.packets;
	assert_int_equal(counted, room);
	assert_int_equal(after.outcome[OUTCOME_FLOW].packets - before.outcome[OUTCOME_FLOW].packets, room);
	assert_int_equal(after.outcome[OUTCOME_OVERFLOW].packets - before.outcome[OUTCOME_OVERFLOW].packets, 500);
	assert_int_equal(after.seen.packets - before.seen.packets, room + 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaps_are_summed),     cmocka_unit_test(test_a_stop_starts_the_measure_anew),
		cmocka_unit_test(test_time_runs_backwards), cmocka_unit_test(test_a_flow_that_begins_at_zero),
		cmocka_unit_test(test_merged_buffers),      cmocka_unit_test(test_merged_buffers_without_a_length),
		cmocka_unit_test(test_squares_turn_over),   cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
