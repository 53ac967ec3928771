/* SPDX-License-Identifier: BSD-2-Clause */
/* Later fragments are counted in the flow of their first one, if that is known, and each one's fate is counted. */
#include "packets.h"
#include "programs.h"

#define SECOND 1000000000ULL

struct fragment_case {
	const char *first, *later;
	size_t ident_at; /* of the lower 16 bits of the identification, in both */
	int protocol;
};

static const struct fragment_case cases[] = {
	{ "eth ip4:0x2000 udp 992", "eth ip4:0x007d proto:17 500", 18, 17 },
	{ "eth ip4:0x2000 tcp 1000", "eth ip4:0x207d proto:6 500", 18, 6 },
	{ "eth ip4:0x2000 sctp 1000", "eth ip4:0x007d proto:132 500", 18, 132 },
	{ "eth vlan:5 ip4:0x2000 udp 1000", "eth vlan:5 ip4:0x007d proto:17 500", 22, 17 },
	{ "eth ip6 frag:0x0001 udp 1000", "eth ip6 frag:0x03e8 proto:17 500", 60, 17 },
	{ "eth ip6 hop frag:0x0001 tcp 1000", "eth ip6 hop frag:0x03e9 proto:6 500", 68, 6 },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static struct fragment_ledger fates(const struct programs *programs)
{
	struct fragment_ledger *each = calloc((size_t)programs->cpus, sizeof(*each)), sum = { { 0 } };
	uint32_t zero = 0;

	assert_non_null(each);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.fragment_ledgers), &zero, each), 0);
	for (int cpu = 0; cpu < programs->cpus; cpu++)
		for (int i = 0; i < FRAGMENT_FATES; i++)
			sum.packets[i] += each[cpu].packets[i];
	free(each);
	return sum;
}

static void send_part(const struct programs *programs, enum program program, const struct fragment_case *of,
		      const char *line, unsigned int ident, uint64_t time_ns)
{
	struct run run = { .time_ns = time_ns };
	struct packet packet;

	packet_make(&packet, line);
	packet_put16(packet.bytes + of->ident_at, ident);
	assert_true(programs_run(programs, program, packet.bytes, packet.length, &run) >= -1);
}

static void check_fates(const struct programs *programs, const struct fragment_ledger *before, uint64_t first,
			uint64_t joined, uint64_t orphan)
{
	struct fragment_ledger now = fates(programs);

	assert_int_equal(now.packets[FRAGMENT_FIRST] - before->packets[FRAGMENT_FIRST], first);
	assert_int_equal(now.packets[FRAGMENT_JOINED] - before->packets[FRAGMENT_JOINED], joined);
	assert_int_equal(now.packets[FRAGMENT_ORPHAN] - before->packets[FRAGMENT_ORPHAN], orphan);
}

static void test_later_ones_join(void **state)
{
	const struct programs *programs = *state;
	struct flow_record record;
	struct flow_key key;

	for (unsigned int i = 0; i < CASES; i++)
		for (int program = 0; program < PROGRAMS; program++) {
			struct fragment_ledger before = fates(programs);
			unsigned int ident = 100 + i * PROGRAMS + (unsigned int)program;

			print_message("%s\n", cases[i].first);
			send_part(programs, (enum program)program, &cases[i], cases[i].first, ident, SECOND);
			send_part(programs, (enum program)program, &cases[i], cases[i].later, ident, 61 * SECOND);
			send_part(programs, (enum program)program, &cases[i], cases[i].later, ident, 61 * SECOND);
			assert_int_equal(programs_take_flow(programs, &key, &record), 0);
			assert_int_equal(key.protocol, cases[i].protocol);
			assert_int_equal(ntohs(key.sport), PACKET_SPORT);
			assert_int_equal(ntohs(key.dport), PACKET_DPORT);
			assert_int_equal(record.packets, 3);
			assert_int_equal(programs_take_flow(programs, &key, &record), -1);
			check_fates(programs, &before, 1, 2, 0);
		}
}

/* Another identification, another time, another direction: not this datagram's. */
static void test_others_do_not(void **state)
{
	const struct programs *programs = *state;
	struct fragment_ledger before = fates(programs);
	struct flow_record record;
	struct flow_key key;

	send_part(programs, PROGRAM_IN, &cases[0], cases[0].first, 7000, SECOND);
	send_part(programs, PROGRAM_IN, &cases[0], cases[0].later, 7001, SECOND);
	send_part(programs, PROGRAM_OUT, &cases[0], cases[0].later, 7000, SECOND);
	send_part(programs, PROGRAM_IN, &cases[0], cases[0].later, 7000, 61 * SECOND + 1);
	check_fates(programs, &before, 1, 0, 3);
	for (int flows = 0; flows < 3; flows++) {
		assert_int_equal(programs_take_flow(programs, &key, &record), 0);
		assert_int_equal(record.packets, key.sport ? 1 : key.direction == DIRECTION_EGRESS ? 1 : 2);
	}
	assert_int_equal(programs_take_flow(programs, &key, &record), -1);
}

/* A later fragment that comes first has no ports to go by. */
static void test_later_one_first(void **state)
{
	const struct programs *programs = *state;
	struct flow_record record;
	struct flow_key key;

	send_part(programs, PROGRAM_XDP, &cases[4], cases[4].later, 8000, SECOND);
	assert_int_equal(programs_take_flow(programs, &key, &record), 0);
	assert_int_equal(key.sport, 0);
	assert_int_equal(key.protocol, 17);
}

/* RFC 791 lets a first fragment be so small that the TCP header does not fit: its ports are there all the same. */
static void test_tiny_first_fragment(void **state)
{
	static const struct fragment_case tiny = { "eth ip4:0x2000 proto:6 16", "eth ip4:0x0002 proto:6 16", 18, 6 };
	const struct programs *programs = *state;
	struct flow_record record;
	struct flow_key key;

	send_part(programs, PROGRAM_XDP, &tiny, tiny.first, 9000, SECOND);
	send_part(programs, PROGRAM_XDP, &tiny, tiny.later, 9000, SECOND);
	assert_int_equal(programs_take_flow(programs, &key, &record), 0);
	assert_int_equal(ntohs(key.sport), 0x5a5a);
	assert_int_equal(record.packets, 2);
	assert_int_equal(record.payload_bytes, 16);
	assert_int_equal(programs_take_flow(programs, &key, &record), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later_ones_join),
		cmocka_unit_test(test_others_do_not),
		cmocka_unit_test(test_later_one_first),
		cmocka_unit_test(test_tiny_first_fragment),
	};

	return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
