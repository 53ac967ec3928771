/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP as seen: segments of both directions in a table -> what the record of the one says. Times are microseconds. */
#include "packets.h"
#include "programs.h"

#define SEGMENTS_AT_MOST 10
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10
#define TCP_AT 34 /* of "eth ip4 tcp" */

struct segment {
	uint32_t time, sequence, acknowledged;
	int flags, window, length;
	int is_answer; /* of the opposite direction */
	uint32_t packets, segment_size;
};

struct tcp_case {
	const char *name;
	struct segment segments[SEGMENTS_AT_MOST];
	uint64_t retransmitted_packets, retransmitted_bytes, repeated_bytes, out_of_order, lost_segments, zero_window;
};

#define LOW 0xffffff00 /* so that most cases pass the end of the numbers */
#define DATA(time, at, length)                                 \
	{                                                      \
		time, LOW + (at), 1, ACK, 500, length, 0, 0, 0 \
	}
#define ANSWER(time, at)                                  \
	{                                                 \
		time, 1, LOW + (at), ACK, 500, 0, 1, 0, 0 \
	}

static const struct tcp_case cases[] = {
	{ "in order", { DATA(0, 0, 200), DATA(1, 200, 200), ANSWER(2, 400), DATA(3, 400, 100) }, 0, 0, 0, 0, 0, 0 },
	{ "again after a time", { DATA(0, 0, 200), DATA(300000, 0, 200) }, 1, 200, 200, 0, 0, 0 },
	{ "again, and known to be there",
	  { DATA(0, 0, 200), ANSWER(100, 200), DATA(200, 0, 200) },
	  1,
	  200,
	  200,
	  0,
	  0,
	  0 },
	{ "overtaken", { DATA(0, 0, 200), DATA(10, 400, 200), DATA(20, 200, 200) }, 0, 0, 0, 1, 1, 0 },
	{ "asked for again",
	  { DATA(0, 0, 200), DATA(1, 200, 200), DATA(2, 400, 200), ANSWER(10, 200), ANSWER(11, 200), ANSWER(12, 200),
	    DATA(13, 200, 200) },
	  1,
	  200,
	  200,
	  0,
	  0,
	  0 },
	{ "asked for once only",
	  { DATA(0, 0, 200), DATA(1, 200, 200), DATA(2, 400, 200), ANSWER(10, 200), ANSWER(11, 200),
	    DATA(13, 200, 200) },
	  0,
	  0,
	  200,
	  1,
	  0,
	  0 },
	{ "a hole filled late", { DATA(0, 0, 200), DATA(1, 400, 200), DATA(300000, 200, 200) }, 1, 200, 0, 0, 1, 0 },
	{ "two holes filled, and one again",
	  { DATA(0, 0, 200), DATA(1, 400, 100), DATA(2, 700, 100), DATA(300000, 200, 200), DATA(300001, 500, 200),
	    DATA(300002, 500, 200) },
	  3,
	  600,
	  200,
	  0,
	  2,
	  0 },
	{ "more than was sent before", { DATA(0, 0, 200), DATA(300000, 100, 200) }, 1, 200, 100, 0, 0, 0 },
	{ "the last byte and more", { DATA(0, 0, 200), DATA(300000, 199, 200) }, 0, 0, 1, 0, 0, 0 },
	{ "keep-alives",
	  { DATA(0, 0, 200), ANSWER(1, 200), DATA(300000, 199, 0), DATA(600000, 199, 1) },
	  0,
	  0,
	  1,
	  0,
	  0,
	  0 },
	{ "answers to keep-alives ask for nothing",
	  { DATA(0, 0, 200), DATA(1, 200, 200), ANSWER(2, 200), DATA(3, 399, 0), ANSWER(4, 200), ANSWER(5, 200),
	    DATA(6, 200, 100) },
	  0,
	  0,
	  100,
	  1,
	  0,
	  0 },
	{ "no room",
	  { { 0, LOW, 1, ACK, 0, 0, 0, 0, 0 }, { 1, LOW, 1, ACK, 0, 0, 0, 0, 0 }, { 2, LOW, 1, ACK, 9, 0, 0, 0, 0 } },
	  0,
	  0,
	  0,
	  0,
	  0,
	  2 },
	{ "a reset has no window",
	  { { 0, LOW, 0, RST, 0, 0, 0, 0, 0 }, { 1, LOW, 0, RST, 0, 0, 0, 0, 0 } },
	  0,
	  0,
	  0,
	  0,
	  0,
	  0 },
	{ "probes of the window do not move on",
	  { DATA(0, 0, 200),
	    { 1, 1, LOW + 200, ACK, 0, 0, 1, 0, 0 },
	    DATA(300000, 200, 1),
	    DATA(600000, 200, 1),
	    { 700000, 1, LOW + 200, ACK, 500, 0, 1, 0, 0 },
	    DATA(700001, 200, 100) },
	  0,
	  0,
	  0,
	  0,
	  0,
	  0 },
	{ "a probe's byte that was taken",
	  { DATA(0, 0, 200),
	    { 1, 1, LOW + 200, ACK, 0, 0, 1, 0, 0 },
	    DATA(300000, 200, 1),
	    ANSWER(300100, 201),
	    DATA(300200, 201, 100) },
	  0,
	  0,
	  0,
	  0,
	  0,
	  0 },
	{ "a SYN again", { { 0, 7, 0, SYN, 500, 0, 0, 0, 0 }, { 900, 7, 0, SYN, 500, 0, 0, 0, 0 } }, 1, 0, 0, 0, 0, 0 },
	{ "a new connection",
	  { { 0, 7, 0, SYN, 500, 0, 0, 0, 0 }, { 900, 5, 0, SYN, 500, 0, 0, 0, 0 } },
	  0,
	  0,
	  0,
	  0,
	  0,
	  0 },
	{ "a long round trip: late for longer",
	  { { 0, LOW - 1, 0, SYN, 500, 0, 0, 0, 0 },
	    { 50000, LOW, 1, ACK, 500, 0, 0, 0, 0 },
	    DATA(60000, 0, 100),
	    DATA(60001, 200, 100),
	    DATA(100000, 100, 100) },
	  0,
	  0,
	  0,
	  1,
	  1,
	  0 },
	{ "a short round trip: a repeat sooner",
	  { { 0, LOW - 1, 0, SYN, 500, 0, 0, 0, 0 },
	    { 500, LOW, 1, ACK, 500, 0, 0, 0, 0 },
	    DATA(1000, 0, 100),
	    DATA(1001, 200, 100),
	    DATA(2000, 100, 100) },
	  1,
	  100,
	  0,
	  0,
	  1,
	  0 },
	{ "a merged buffer, partly below",
	  { DATA(0, 0, 250), { 300000, LOW, 1, ACK, 500, 1000, 0, 10, 100 } },
	  3,
	  300,
	  250,
	  0,
	  0,
	  0 },
	{ "a merged buffer, all below",
	  { DATA(0, 0, 1000), DATA(1, 1000, 100), { 300000, LOW, 1, ACK, 500, 950, 0, 10, 100 } },
	  10,
	  950,
	  950,
	  0,
	  0,
	  0 },
};

static void put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, value >> 16);
	packet_put16(at + 2, value & 0xffff);
}

/* The answer's addresses and ports are those of the question, the other way round. */
static void turn_round(struct packet *packet)
{
	uint8_t source[4], port[2];

	memcpy(source, packet->bytes + 26, sizeof(source));
	memmove(packet->bytes + 26, packet->bytes + 30, sizeof(source));
	memcpy(packet->bytes + 30, source, sizeof(source));
	memcpy(port, packet->bytes + TCP_AT, sizeof(port));
	memmove(packet->bytes + TCP_AT, packet->bytes + TCP_AT + 2, sizeof(port));
	memcpy(packet->bytes + TCP_AT + 2, port, sizeof(port));
}

static void run_segment(const struct programs *programs, enum program program, const struct segment *segment)
{
	struct run run = { .time_ns = 1000000000 + 1000ULL * segment->time,
			   .gso_segs = segment->packets,
			   .gso_size = segment->segment_size };
	struct packet packet;
	char line[64];

	snprintf(line, sizeof(line), "eth ip4 tcp %d", segment->length);
	packet_make(&packet, line);
	put32(packet.bytes + TCP_AT + 4, segment->sequence);
	put32(packet.bytes + TCP_AT + 8, segment->acknowledged);
	packet.bytes[TCP_AT + 13] = (uint8_t)segment->flags;
	packet_put16(packet.bytes + TCP_AT + 14, (unsigned int)segment->window);
	if (segment->is_answer)
		turn_round(&packet);
	assert_int_equal(programs_run(programs, program, packet.bytes, packet.length, &run),
			 program == PROGRAM_XDP ? XDP_PASS : -1);
}

/* The record of the direction that the table is about: its source port is PACKET_SPORT. */
static struct tcp_record take(const struct programs *programs)
{
	struct tcp_record found = { 0 };
	struct flow_record record;
	struct flow_key key;
	int flows = 0;

	while (!programs_take_flow(programs, &key, &record))
		if (ntohs(key.sport) == PACKET_SPORT) {
			found = record.tcp;
			flows++;
		}
	assert_int_equal(flows, 1);
	return found;
}

static void check_case(const struct programs *programs, enum program there, enum program back,
		       const struct tcp_case *expected)
{
	struct tcp_record tcp;

	for (int i = 0; i < SEGMENTS_AT_MOST && expected->segments[i].flags; i++) {
		const struct segment *segment = &expected->segments[i];

		if (there == PROGRAM_XDP && segment->packets)
			return (void)take(programs); /* XDP sees no merged buffers */
		run_segment(programs, segment->is_answer ? back : there, segment);
	}
	tcp = take(programs);
	assert_int_equal(tcp.retransmitted_packets, expected->retransmitted_packets);
	assert_int_equal(tcp.retransmitted_bytes, expected->retransmitted_bytes);
	assert_int_equal(tcp.repeated_bytes, expected->repeated_bytes);
	assert_int_equal(tcp.out_of_order, expected->out_of_order);
	assert_int_equal(tcp.lost_segments, expected->lost_segments);
	assert_int_equal(tcp.zero_window, expected->zero_window);
}

/* As at an interface, where the answers go the other way, and as in a capture, where all come in. */
static void test_cases(void **state)
{
	const struct programs *programs = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		check_case(programs, PROGRAM_IN, PROGRAM_OUT, &cases[i]);
		check_case(programs, PROGRAM_OUT, PROGRAM_IN, &cases[i]);
		check_case(programs, PROGRAM_XDP, PROGRAM_XDP, &cases[i]);
	}
}

static void test_flags(void **state)
{
	const struct programs *programs = *state;
	static const int flags[] = { SYN, SYN, ACK, FIN | ACK, RST | ACK, RST, RST };
	struct tcp_record tcp;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		run_segment(programs, PROGRAM_IN, &(struct segment){ (uint32_t)i, 5, 1, flags[i], 500, 0, 0, 0, 0 });
	tcp = take(programs);
	assert_int_equal(tcp.syn, 2);
	assert_int_equal(tcp.fin, 1);
	assert_int_equal(tcp.rst, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, programs_setup, programs_teardown);
}
