/* SPDX-License-Identifier: BSD-2-Clause */
/* Which segments look their connection up, and which have nothing to say to it. */
#include "rtt_packets.h"

#define US 1000ULL
#define LINK "eth ip4"

enum { FIN = 0x01, ACK = 0x10 };

static bool is_known(const struct rig *rig)
{
	for (uint32_t i = 0; i < rig->rtt->constants->rtt_sets * RTT_SET; i++)
		if (rig->rtt->connections[i].fingerprint)
			return true;
	return false;
}

static void forget(const struct rig *rig)
{
	memset(rig->rtt->connections, 0, rig->rtt->constants->rtt_sets * RTT_SET * sizeof(struct rtt_connection));
}

/* Two packets of each end, after which both flows know that they are answered. */
static void meet(struct rig *rig)
{
	static const struct segment of_a = { 0, 'a', ACK, .seq = 1, .ack = 1, .tsval = 4, .tsecr = 7 },
				    of_b = { 0, 'b', ACK, .seq = 1, .ack = 1, .tsval = 7, .tsecr = 4 };

	for (int i = 0; i < 2; i++) {
		rig_send(rig, LINK, &of_a);
		rig_send(rig, LINK, &of_b);
	}
}

/* While nothing of the other end was seen, no connection is entered; then soon after. */
static void who_is_not_answered_has_no_connection(void **state)
{
	static const struct segment of_b = { 0, 'b', ACK, .seq = 1, .ack = 1, .tsval = 7, .tsecr = 4 };
	const struct rtt_config config = { .enabled = true, .max_flows = 64, .max_pairs = 16 };
	static const int before[] = { 1, 2, 3, 64, 127, 700 };
	struct rig rig;

	(void)state;
	rig_open(&rig, &config);
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		struct segment of_a = { 0, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 5, .tsecr = 7 };
		int sent = 0;

		rig_empty(&rig);
		rig.program[0] = i % 2 ? PROGRAM_XDP : PROGRAM_OUT;
		rig.program[1] = i % 2 ? PROGRAM_XDP : PROGRAM_IN;
		for (; sent < before[i]; sent++, of_a.tsval++, of_a.seq += 10)
			rig_send(&rig, LINK, &of_a);
		assert_false(is_known(&rig));
		rig_send(&rig, LINK, &of_b);
		assert_false(is_known(&rig));
		for (; !is_known(&rig); sent++, of_a.tsval++, of_a.seq += 10)
			rig_send(&rig, LINK, &of_a);
		assert_in_range(sent, before[i] + 1, before[i] < 256 ? 2 * before[i] : before[i] + 256);
	}
	rig_close(&rig);
}

/* What says nothing new does not even look its connection up; one stamp of the two is enough to be new. */
static void repeated_stamps_are_passed_over(void **state)
{
	static const struct segment first = { 0, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 5, .tsecr = 7 },
				    same = { 10, 'a', ACK, .seq = 11, .ack = 1, .bytes = 10, .tsval = 5, .tsecr = 7 },
				    echo = { 20, 'a', ACK, .seq = 21, .ack = 1, .bytes = 10, .tsval = 5, .tsecr = 8 },
				    value = { 30, 'a', ACK, .seq = 31, .ack = 1, .bytes = 10, .tsval = 6, .tsecr = 8 },
				    last = { 40, 'a', ACK | FIN, .seq = 41, .ack = 1, .tsval = 6, .tsecr = 8 };
	const struct rtt_config config = { .enabled = true, .max_flows = 64, .max_pairs = 16 };
	const struct {
		const struct segment *segment;
		bool is_looked_up;
	} steps[] = { { &first, true }, { &same, false }, { &echo, true }, { &value, true }, { &last, true } };
	struct rig rig;

	(void)state;
	rig_open(&rig, &config);
	for (int program = 0; program < 2; program++) {
		rig_empty(&rig);
		rig.program[0] = program ? PROGRAM_XDP : PROGRAM_OUT;
		rig.program[1] = PROGRAM_IN;
		meet(&rig);
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			forget(&rig);
			rig_send(&rig, LINK, steps[i].segment);
			assert_int_equal(is_known(&rig), steps[i].is_looked_up);
		}
	}
	rig_close(&rig);
}

static void send_fragment(struct rig *rig, const struct segment *segment, unsigned int offset)
{
	struct run run = { .time_ns = START_NS + segment->at_us * US };
	struct packet packet;
	uint8_t *ip;

	rtt_make(&packet, LINK, segment);
	ip = packet.bytes + packet.ip4[0];
	packet_put16(ip + 4, 77);
	packet_put16(ip + 6, offset ? offset : 0x2000);
	assert_int_equal(programs_run(&rig->programs, PROGRAM_OUT, packet.bytes, packet.length, &run), -1);
}

/* What stands where a later fragment's time stamps would is payload, and those of the packet before are another flow's. */
static void a_fragment_leaves_no_stamps(void **state)
{
	static const struct segment of_b = { 0, 'b', ACK, .seq = 1, .ack = 1, .bytes = 16, .tsval = 3, .tsecr = 4 },
				    of_a = { 10, 'a', ACK, .seq = 1, .ack = 1, .bytes = 10, .tsval = 5, .tsecr = 7 },
				    next = { 30, 'b', ACK, .seq = 33, .ack = 1, .bytes = 16, .tsval = 5, .tsecr = 7 };
	const struct rtt_config config = { .enabled = true, .max_flows = 64, .max_pairs = 16 };
	struct rig rig;

	(void)state;
	rig_open(&rig, &config);
	rig.program[0] = rig.program[1] = PROGRAM_OUT;
	meet(&rig);
	send_fragment(&rig, &of_b, 0);
	rig_send(&rig, LINK, &of_a);
	send_fragment(&rig, &of_b, 1);
	forget(&rig);
	rig_send(&rig, LINK, &next);
	assert_true(is_known(&rig));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_not_answered_has_no_connection),
		cmocka_unit_test(repeated_stamps_are_passed_over),
		cmocka_unit_test(a_fragment_leaves_no_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
