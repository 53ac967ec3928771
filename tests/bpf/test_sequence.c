/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequence numbers: numbers in a table -> counts; random traffic against a slow, obvious judge; patterns anywhere in a
 * payload against a byte-wise search.
 */
#include <time.h>

#include "packets.h"
#include "programs.h"

#define PAYLOAD_AT 42 /* of "eth ip4 udp" */
#define NUMBERS_MAX 64

struct programs_set {
	struct programs at_offset;  /* OFFSET 4, threshold 2 */
	struct programs at_pattern; /* PATTERN c0 ff ee 99, OFFSET 6 */
	struct programs off;
};

#define OFFSET_IN_TEST 4
#define PATTERN_OFFSET_IN_TEST 6
static const uint8_t pattern[] = { 0xc0, 0xff, 0xee, 0x99 };

static void put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, value >> 16);
	packet_put16(at + 2, value & 0xffff);
}

static void run_packet(const struct programs *programs, enum program program, const struct packet *packet)
{
	struct run run = { .time_ns = 1 };

	assert_int_equal(programs_run(programs, program, packet->bytes, packet->length, &run),
			 program == PROGRAM_XDP ? XDP_PASS : -1);
}

static struct sequence_record take(const struct programs *programs)
{
	struct flow_record record;
	struct flow_key key;

	assert_int_equal(programs_take_flow(programs, &key, &record), 0);
	return record.sequence;
}

static uint64_t lost_of(const struct sequence_record *sequence)
{
	return sequence->lost_before + (uint32_t)(sequence->highest - sequence->base) + 1 - sequence->run_unique;
}

struct sequence_case {
	const char *name;
	uint32_t numbers[NUMBERS_MAX];
	int count;
	uint64_t reverse, small, big, lost, duplicate, reordered;
};

static const struct sequence_case cases[] = {
	{ "in order", { 1, 2, 3, 4, 5 }, 5, 0, 0, 0, 0, 0, 0 },
	{ "one alone", { 77 }, 1, 0, 0, 0, 0, 0, 0 },
	{ "over the end of 32 bits", { 0xfffffffe, 0xffffffff, 0, 1 }, 4, 0, 0, 0, 0, 0, 0 },
	{ "0 to 7, again and again", { 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0 }, 17, 2, 0, 0, 0, 9, 0 },
	{ "steps of 3", { 0, 3, 6, 9, 12 }, 5, 0, 0, 4, 8, 0, 0 },
	{ "steps of 2", { 0, 2, 4 }, 3, 0, 2, 0, 2, 0, 0 },
	{ "one missing", { 1, 2, 4, 5 }, 4, 0, 1, 0, 1, 0, 0 },
	{ "one twice", { 1, 2, 2, 3 }, 4, 0, 1, 0, 0, 1, 0 },
	{ "two swapped", { 1, 3, 2, 4 }, 4, 1, 2, 0, 0, 0, 1 },
	{ "late by five", { 1, 2, 4, 5, 6, 7, 3, 8 }, 8, 1, 1, 1, 0, 0, 1 },
	{ "late, then again", { 1, 3, 2, 2 }, 4, 1, 2, 0, 0, 1, 1 },
	{ "before the first", { 5, 4, 6 }, 3, 1, 1, 0, 0, 0, 1 },
	{ "a jump of a thousand", { 1, 1001 }, 2, 0, 0, 1, 999, 0, 0 },
	{ "the sender starts again", { 1000, 1001, 1002, 0, 1, 2 }, 6, 1, 0, 0, 0, 0, 0 },
	{ "starts again after a loss", { 1000, 1003, 0, 1 }, 4, 1, 0, 1, 2, 0, 0 },
	{ "one very late", { 1000, 1100, 1001, 1101 }, 4, 1, 0, 2, 98, 0, 1 },
};

static void test_cases(void **state)
{
	struct programs_set *set = *state;
	struct packet packet;

	packet_make(&packet, "eth ip4 udp 60");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int program = 0; program < PROGRAMS; program++) {
			const struct sequence_case *expected = &cases[i];
			struct sequence_record sequence;

			print_message("%s\n", expected->name);
			for (int k = 0; k < expected->count; k++) {
				put32(packet.bytes + PAYLOAD_AT + OFFSET_IN_TEST, expected->numbers[k]);
				run_packet(&set->at_offset, (enum program)program, &packet);
			}
			sequence = take(&set->at_offset);
			assert_int_equal(sequence.started, 1);
			assert_int_equal(sequence.received, expected->count);
			assert_int_equal(sequence.current, expected->numbers[expected->count - 1]);
			assert_int_equal(sequence.reverse, expected->reverse);
			assert_int_equal(sequence.small, expected->small);
			assert_int_equal(sequence.big, expected->big);
			assert_int_equal(sequence.duplicate, expected->duplicate);
			assert_int_equal(sequence.reordered, expected->reordered);
			assert_int_equal(lost_of(&sequence), expected->lost);
		}
}

/* Numbers with losses, repeats and swaps within the window: the truth is counted while they are made. */
static void test_random_within_the_window(void **state)
{
	struct programs_set *set = *state;
	unsigned int seed = (unsigned int)time(NULL);
	uint64_t lost = 0, duplicate = 0, reordered = 0, sent = 0;
	struct sequence_record sequence;
	struct packet packet;
	uint32_t number = 0xffffff00, held = 0, holding = 0;

	print_message("seed %u\n", seed);
	srandom(seed);
	packet_make(&packet, "eth ip4 udp 60");
	for (int i = 0; i < 20000; i++, number++) {
		long dice = i < 5 || i > 19900 ? 99 : random() % 100;
		int times = 1;

		if (dice < 2) {
			lost++;
			continue;
		}
		if (dice < 4) {
			times = 2;
			duplicate++;
		} else if (dice < 6 && !holding) {
			holding = 1 + (uint32_t)random() % 60;
			held = number;
			continue;
		}
		for (; times; times--, sent++) {
			put32(packet.bytes + PAYLOAD_AT + OFFSET_IN_TEST, number);
			run_packet(&set->at_offset, PROGRAM_XDP, &packet);
		}
		if (holding && number - held >= holding) {
			put32(packet.bytes + PAYLOAD_AT + OFFSET_IN_TEST, held);
			run_packet(&set->at_offset, PROGRAM_XDP, &packet);
			sent++;
			reordered++;
			holding = 0;
		}
	}
	sequence = take(&set->at_offset);
	assert_int_equal(sequence.received, sent);
	assert_int_equal(sequence.duplicate, duplicate);
	assert_int_equal(sequence.reordered, reordered);
	assert_int_equal(lost_of(&sequence), lost + (holding ? 1 : 0));
}

/* A payload too short to hold the word carries no number. */
static void test_short_payloads(void **state)
{
	struct programs_set *set = *state;
	struct sequence_record sequence;
	struct packet packet;
	char line[64];

	for (int bytes = 0; bytes < 16; bytes++) {
		snprintf(line, sizeof(line), "eth ip4 udp %d pad:20", bytes);
		packet_make(&packet, line);
		for (int program = 0; program < PROGRAMS; program++) {
			run_packet(&set->at_offset, (enum program)program, &packet);
			sequence = take(&set->at_offset);
			assert_int_equal(sequence.started, bytes >= OFFSET_IN_TEST + 4);
		}
	}
}

static void test_off(void **state)
{
	struct programs_set *set = *state;
	struct sequence_record sequence;
	struct packet packet;

	packet_make(&packet, "eth ip4 udp 100");
	run_packet(&set->off, PROGRAM_IN, &packet);
	sequence = take(&set->off);
	assert_int_equal(sequence.started, 0);
	assert_int_equal(sequence.received, 0);
}

/* Later fragments do not start with a transport header, so nothing is read from them. */
static void test_later_fragments_carry_none(void **state)
{
	struct programs_set *set = *state;
	struct sequence_record sequence;
	struct packet packet;

	packet_make(&packet, "eth ip4:0x0003 proto:17 100");
	run_packet(&set->at_offset, PROGRAM_IN, &packet);
	sequence = take(&set->at_offset);
	assert_int_equal(sequence.started, 0);
}

/* Each segment of a merged buffer is judged. */
static void test_merged_buffer(void **state)
{
	struct programs_set *set = *state;
	struct run run = { .time_ns = 1, .gso_segs = 20, .gso_size = 100 };
	struct sequence_record sequence;
	struct packet packet;

	packet_make(&packet, "eth ip4 udp 1950");
	for (uint32_t i = 0; i < 20; i++)
		put32(packet.bytes + PAYLOAD_AT + 100 * i + OFFSET_IN_TEST, i < 10 ? i : i + 1);
	assert_int_equal(programs_run(&set->at_offset, PROGRAM_OUT, packet.bytes, packet.length, &run), -1);
	sequence = take(&set->at_offset);
	assert_int_equal(sequence.received, 20);
	assert_int_equal(sequence.current, 20);
	assert_int_equal(sequence.small, 1);
	assert_int_equal(lost_of(&sequence), 1);
}

static void tcp_at(struct packet *packet, uint32_t number, unsigned int flags)
{
	put32(packet->bytes + 38, number);
	packet->bytes[47] = (uint8_t)flags;
}

/* TCP is judged in bytes: SYN and FIN count as one, a pure ACK as none. */
static void test_tcp(void **state)
{
	struct programs_set *set = *state;
	struct sequence_record sequence;
	struct packet data, bare;

	packet_make(&data, "eth ip4 tcp 100");
	packet_make(&bare, "eth ip4 tcp 0");
	tcp_at(&bare, 0xffffffff, 0x02); /* SYN */
	run_packet(&set->off, PROGRAM_IN, &bare);
	for (uint32_t i = 0; i < 5; i++) {
		tcp_at(&data, 100 * i, 0x10);
		run_packet(&set->off, PROGRAM_IN, &data);
		tcp_at(&bare, 100 * i + 100, 0x10);
		run_packet(&set->off, PROGRAM_IN, &bare);
	}
	tcp_at(&data, 600, 0x10); /* a hole */
	run_packet(&set->off, PROGRAM_IN, &data);
	tcp_at(&data, 500, 0x10); /* what was missing, again */
	run_packet(&set->off, PROGRAM_IN, &data);
	tcp_at(&bare, 600, 0x11); /* FIN */
	run_packet(&set->off, PROGRAM_IN, &bare);
	sequence = take(&set->off);
	assert_int_equal(sequence.received, 9);
	assert_int_equal(sequence.big, 1);
	assert_int_equal(sequence.reverse, 1);
	assert_int_equal(sequence.current, 600);
	assert_int_equal(sequence.highest, 601);
}

/* Where the pattern first stands in the payload's first PATTERN_REACH bytes; the slow, obvious search. */
static long find_slowly(const uint8_t *payload, size_t bytes)
{
	for (size_t at = 0; at + sizeof(pattern) <= bytes && at + sizeof(pattern) <= PATTERN_REACH; at++)
		if (!memcmp(payload + at, pattern, sizeof(pattern)))
			return (long)at;
	return -1;
}

static void check_pattern(const struct programs *programs, enum program program, const struct packet *packet)
{
	const uint8_t *payload = packet->bytes + PAYLOAD_AT;
	size_t bytes = packet->length - PAYLOAD_AT;
	long at = find_slowly(payload, bytes);
	int there = at >= 0 && (size_t)at + PATTERN_OFFSET_IN_TEST + 4 <= bytes;
	struct sequence_record sequence;

	run_packet(programs, program, packet);
	sequence = take(programs);
	assert_int_equal(sequence.started, there);
	if (there) {
		const uint8_t *word = payload + at + PATTERN_OFFSET_IN_TEST;

		assert_int_equal(sequence.current,
				 (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3]);
	}
}

static void fill_randomly(struct packet *packet)
{
	for (size_t i = PAYLOAD_AT; i < packet->length; i++)
		packet->bytes[i] = (uint8_t)(random() % 4 ? random() : pattern[random() % 4]);
}

static void test_pattern_at_every_place(void **state)
{
	struct programs_set *set = *state;
	struct packet packet;

	srandom(1);
	packet_make(&packet, "eth ip4 udp 400");
	for (size_t at = 0; at + sizeof(pattern) <= 400; at++) {
		memset(packet.bytes + PAYLOAD_AT, 0xee, 400);
		for (int i = 0; i < 10; i++)
			packet.bytes[PAYLOAD_AT + (size_t)random() % 400] = (uint8_t)random();
		memcpy(packet.bytes + PAYLOAD_AT + at, pattern, sizeof(pattern));
		for (int program = 0; program < PROGRAMS; program++)
			check_pattern(&set->at_pattern, (enum program)program, &packet);
	}
}

/* Lengths and places at random, with decoys; frames over a page go to XDP, whose buffer then has fragments. */
static void test_pattern_at_random(void **state)
{
	struct programs_set *set = *state;
	unsigned int seed = (unsigned int)time(NULL);
	struct packet packet;
	char line[64];

	print_message("seed %u\n", seed);
	srandom(seed);
	for (int i = 0; i < 1500; i++) {
		size_t bytes = (size_t)random() % (i % 3 ? 1473 : 8900), at;

		snprintf(line, sizeof(line), "eth ip4 udp %zu", bytes);
		packet_make(&packet, line);
		fill_randomly(&packet);
		at = (size_t)random() % 6000;
		if (i % 4 && at + sizeof(pattern) <= bytes)
			memcpy(packet.bytes + PAYLOAD_AT + at, pattern, sizeof(pattern));
		check_pattern(&set->at_pattern, PROGRAM_XDP, &packet);
		if (bytes <= 1472)
			check_pattern(&set->at_pattern, i % 2 ? PROGRAM_IN : PROGRAM_OUT, &packet);
	}
}

/* The reach ends at 5000 bytes, and every place where a buffer's linear part may end is crossed. */
static void test_pattern_in_a_jumbo_frame(void **state)
{
	struct programs_set *set = *state;
	struct packet packet;

	packet_make(&packet, "eth ip4 udp 8900");
	for (size_t at = 3200; at < 5100; at++) {
		memset(packet.bytes + PAYLOAD_AT, 0x99, 8900);
		memcpy(packet.bytes + PAYLOAD_AT + at, pattern, sizeof(pattern));
		check_pattern(&set->at_pattern, PROGRAM_XDP, &packet);
	}
}

static int setup(void **state)
{
	static struct programs_set set;
	struct program_constants constants = {
		.sequence_mode = SEQUENCE_AT_OFFSET,
		.sequence_offset = OFFSET_IN_TEST,
		.sequence_threshold = 2,
	};

	programs_load(&set.at_offset, &constants);
	constants.sequence_mode = SEQUENCE_AT_PATTERN;
	constants.sequence_offset = PATTERN_OFFSET_IN_TEST;
	constants.pattern_length = sizeof(pattern);
	constants.pattern_rare = 3;
	memcpy(&constants.pattern, pattern, sizeof(pattern));
	memset(&constants.pattern_mask, 0xff, sizeof(pattern));
	programs_load(&set.at_pattern, &constants);
	constants = (struct program_constants){ .sequence_threshold = 2 };
	programs_load(&set.off, &constants);
	*state = &set;
	return 0;
}

static int teardown(void **state)
{
	struct programs_set *set = *state;

	programs_unload(&set->at_offset);
	programs_unload(&set->at_pattern);
	programs_unload(&set->off);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_random_within_the_window),
		cmocka_unit_test(test_short_payloads),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_later_fragments_carry_none),
		cmocka_unit_test(test_merged_buffer),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_pattern_at_every_place),
		cmocka_unit_test(test_pattern_at_random),
		cmocka_unit_test(test_pattern_in_a_jumbo_frame),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
