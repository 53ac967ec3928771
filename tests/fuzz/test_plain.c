/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way through plain packets against the parser of all: whatever the bytes, and whatever part of them can be read
 * in place, it finds the same facts or declines. Frames of captures and of a table, damaged at random, and plain headers of
 * which every field is drawn from what is right, what is nearly right, and anything. The random numbers' seed is printed;
 * FLOWGAUGE_SEED sets it.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "corpus.h"
#include "mutate.h"

#define DAMAGED_FRAMES 20000
#define DRAWN_FRAMES 200000
#define ETHERNET_BYTES 14

static const struct {
	const char *line;
	bool taken;
} table[] = {
	{ "eth ip4 udp 100", true },
	{ "eth ip4 udp 0", true },
	{ "eth ip4 tcp 100", true },
	{ "eth ip4 tcp+40 10", true },
	{ "eth ip6 udp 100", true },
	{ "eth ip6 tcp+12 0", true },
	{ "eth ip4+4 udp 100", false },
	{ "eth ip4 icmp 56", false },
	{ "eth ip4 sctp 40", false },
	{ "eth ip4:0x2000 udp 1000", false },
	{ "eth ip4:0x0003 proto:17 1000", false },
	{ "eth vlan:5 ip4 udp 100", false },
	{ "eth ip6 hop udp 10", false },
	{ "eth ip6 frag:0x0001 proto:17 5", false },
	{ "eth ip6 proto:59 0", false },
	{ "eth ip4 ip4 tcp 500", false },
	{ "eth type:0x0806 28", false },
};
#define LINES (sizeof(table) / sizeof(table[0]))

static struct corpus corpus;
static struct mutator mutator;

static int setup(void **state)
{
	const char *lines[LINES];

	(void)state;
	for (size_t i = 0; i < LINES; i++)
		lines[i] = table[i].line;
	print_message("FLOWGAUGE_SEED=%llu\n", (unsigned long long)mutator.seed);
	corpus_make(&corpus, lines, LINES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	corpus_free(&corpus);
	return 0;
}

/* As a hook would ask: with an Ethernet header, live, no tunnel looked into. Its first `linear` bytes can be read. */
static bool is_taken(const struct frame *frame, size_t linear)
{
	struct buffer buffer = frame_buffer(frame);
	bool taken = false;
	const char *differs = frame_plain_differs(&buffer, frame->bytes, linear, DIRECTION_INGRESS, &taken);

	if (differs) {
		frame_print(frame, &buffer);
		fail_msg("%zu bytes linear: the short way differs: %s", linear, differs);
	}
	return taken;
}

static bool is_taken_live(struct frame *frame, size_t linear)
{
	frame->header.flags &= FRAME_TAGGED;
	return is_taken(frame, linear);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < LINES; i++)
		if (is_taken_live(&corpus.frames[i], corpus.frames[i].length) != table[i].taken)
			fail_msg("\"%s\" is %s", table[i].line, table[i].taken ? "declined" : "taken");
}

static void test_linear_parts(void **state)
{
	static struct frame frame;

	(void)state;
	for (size_t i = 0; i < corpus.count; i++) {
		frame = corpus.frames[i];
		for (size_t linear = 0; linear <= frame.length; linear++)
			is_taken_live(&frame, linear);
	}
}

static void test_damaged(void **state)
{
	static struct frame frame;
	int taken = 0;

	(void)state;
	for (int i = 0; i < DAMAGED_FRAMES; i++) {
		mutate(&mutator, corpus.frames, corpus.count, &frame);
		taken += is_taken_live(&frame, mutator_draw(&mutator, 4) ?
						       frame.length :
						       mutator_draw(&mutator, (uint32_t)frame.length + 1));
	}
	print_message("%d of %d taken\n", taken, DAMAGED_FRAMES);
	assert_true(taken > DAMAGED_FRAMES / 100);
}

/* --- headers drawn field by field --- */

/* Mostly what is right; else near it, or anything. */
static uint32_t nearly(uint32_t right, uint32_t below)
{
	switch (mutator_draw(&mutator, 12)) {
	case 0:
		return mutator_draw(&mutator, below);
	case 1:
		return 0;
	case 2:
		return (right + 1) % below;
	case 3:
		return (right + below - 1) % below;
	default:
		return right;
	}
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t protocol_draw(void)
{
	return (uint8_t)nearly(mutator_draw(&mutator, 2) ? IPPROTO_TCP : IPPROTO_UDP, 256);
}

/* Bytes of the header. `after`: how many are to follow it. */
static size_t ipv4_draw(uint8_t *ip, uint32_t after)
{
	static const uint16_t fragments[] = { 0, 0, 0, 0x4000, 0x4000, 0x8000, 0x2000, 1, 0x1fff, 0xffff };

	ip[0] = (uint8_t)nearly(0x45, 256);
	put16(ip + 2, nearly(20 + after, 65536));
	put16(ip + 6, fragments[mutator_draw(&mutator, sizeof(fragments) / sizeof(fragments[0]))]);
	ip[9] = protocol_draw();
	return 20;
}

static size_t ipv6_draw(uint8_t *ip, uint32_t after)
{
	ip[0] = (uint8_t)(nearly(6, 16) << 4 | mutator_draw(&mutator, 16));
	put16(ip + 4, nearly(after, 65536));
	ip[6] = protocol_draw();
	return 40;
}

static void frame_draw(struct frame *frame)
{
	uint32_t after = mutator_draw(&mutator, 2) ? mutator_draw(&mutator, 80) : mutator_draw(&mutator, 1400);
	bool v6 = mutator_draw(&mutator, 2);
	uint8_t *ip = frame->bytes + ETHERNET_BYTES;
	size_t header;

	memset(&frame->header, 0, sizeof(frame->header));
	for (size_t i = 0; i < ETHERNET_BYTES + 40 + 80; i++)
		frame->bytes[i] = (uint8_t)mutator_draw(&mutator, 256);
	put16(frame->bytes + 12, nearly(v6 ? 0x86dd : 0x0800, 65536));
	header = v6 ? ipv6_draw(ip, after) : ipv4_draw(ip, after);
	ip[header + 12] = (uint8_t)(nearly(5, 16) << 4); /* TCP's length */
	frame->length = ETHERNET_BYTES + header + after + (mutator_draw(&mutator, 3) ? 0 : mutator_draw(&mutator, 20));
	if (!mutator_draw(&mutator, 3))
		frame->header.flags = FRAME_TAGGED;
	frame->header.vlan = (uint16_t)mutator_draw(&mutator, 65536);
	if (mutator_draw(&mutator, 3))
		return;
	frame->header.elsewhere = (uint16_t)mutator_draw(&mutator, 3000);
	frame->header.segments = (uint16_t)mutator_draw(&mutator, mutator_draw(&mutator, 2) ? 50 : 65536);
	frame->header.segment_size = (uint16_t)nearly(1448, 65536);
}

static void test_drawn(void **state)
{
	static struct frame frame;
	int taken = 0;

	(void)state;
	for (int i = 0; i < DRAWN_FRAMES; i++) {
		frame_draw(&frame);
		taken += is_taken(&frame, mutator_draw(&mutator, 4) ?
						  frame.length :
						  mutator_draw(&mutator, (uint32_t)frame.length + 1));
	}
	print_message("%d of %d taken\n", taken, DRAWN_FRAMES);
	assert_true(taken > DRAWN_FRAMES / 20 && taken < DRAWN_FRAMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_linear_parts),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_drawn),
	};
	const char *seed = getenv("FLOWGAUGE_SEED");

	mutator_seed(&mutator, seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL));
	return cmocka_run_group_tests(tests, setup, teardown);
}
