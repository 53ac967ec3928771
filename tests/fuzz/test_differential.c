/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser compiled for userspace against the programs in the kernel: the frames of captures and of a table, and what
 * becomes of them when they are damaged at random, give the same facts in both. After each frame the ledger adds up, and
 * the program has passed the packet on unchanged. The random numbers' seed is printed; FLOWGAUGE_SEED sets it.
 */
#include "../bpf/packets.h"
#include "../bpf/programs.h"

#include <time.h>

#include "corpus.h"
#include "facts.h"
#include "mutate.h"

#define DAMAGED_FRAMES 20000 /* of each test */
#define FRAME_MIN 14         /* a test run refuses shorter ones */
#define TC_FRAME_MIN 54      /* and at tc those that end inside an IP header */
#define TC_NEXT (-1)
#define TIME_NS 1000000000ULL

static const char *const lines[] = {
	"eth ip4 udp 100",
	"eth ip4+40 tcp+40 10",
	"eth ip4 icmp 56",
	"eth ip4 sctp 40",
	"eth ip4 proto:47 60",
	"eth ip4:0x2000 udp 1000",
	"eth ip4:0x0003 proto:17 1000",
	"eth ip4:0x2000 proto:17 6",
	"eth ip4:0x2000 proto:6 16",
	"eth ip4:0x2000 proto:6 3",
	"eth qinq:100 vlan:200 ip4 udp 10",
	"eth qinq:1 vlan:2 vlan:3 ip4 udp 10",
	"eth ip6 tcp+12 100",
	"eth ip6 hop dst route frag:0x0001 ah dst udp 10",
	"eth ip6 frag:0x0059 proto:17 10",
	"eth ip6 frag:0x0001 proto:17 5",
	"eth ip6 ah udp 10",
	"eth ip6 proto:59 0",
	"eth type:0x8847 60",
	"eth type:0x0806 28",
	"eth ip4 ip6 udp 10",
	"eth ip4 udp:4789 vxlan eth ip4 tcp 100",
	"eth ip6 udp:6081 geneve+8 eth ip6 udp 50",
	"eth ip4 gre:0xb000 ip4 tcp+12 40",
	"eth ip4 udp:2152 gtp:4 ip4 icmp 20",
	"eth ip4 ip4 tcp 500",
};

static struct corpus corpus;
static struct mutator mutator;

static int setup(void **state)
{
	(void)state;
	print_message("FLOWGAUGE_SEED=%llu\n", (unsigned long long)mutator.seed);
	corpus_make(&corpus, lines, sizeof(lines) / sizeof(lines[0]));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	corpus_free(&corpus);
	return 0;
}

/* --- the parser alone --- */

static void check_linear_parts(const struct frame *frame)
{
	struct buffer buffer = frame_buffer(frame);
	struct facts all, part;
	int whole = frame_parse(&buffer, frame->bytes, frame->length, DIRECTION_INGRESS, &all);
	const char *broken = facts_broken(&buffer, DIRECTION_INGRESS, whole, &all);

	if (broken) {
		frame_print(frame, &buffer);
		fail_msg("does not hold (result %d): %s", whole, broken);
	}
	for (size_t linear = 0; linear < frame->length; linear++) {
		int result = frame_parse(&buffer, frame->bytes, linear, DIRECTION_INGRESS, &part);

		if (result == PARSED_SHORT || (result == whole && (result || !memcmp(&all, &part, sizeof(all)))))
			continue;
		frame_print(frame, &buffer);
		fail_msg("%zu bytes linear: result %d, all of them: %d", linear, result, whole);
	}
}

/* At tc, whatever part of a buffer is linear: the facts are the same, unless more of it is asked for. */
static void test_linear_parts(void **state)
{
	static struct frame frame;

	(void)state;
	for (size_t i = 0; i < corpus.count; i++) {
		frame = corpus.frames[i];
		frame.header = (struct frame_header){ .flags = FRAME_TUNNELS };
		check_linear_parts(&frame);
	}
	for (int i = 0; i < DAMAGED_FRAMES / 10; i++) {
		mutate(&mutator, corpus.frames, corpus.count, &frame);
		frame.header.flags &= (uint8_t) ~(FRAME_CAPTURED | FRAME_SHORTER);
		frame.header.elsewhere = 0;
		check_linear_parts(&frame);
	}
}

/* --- against the kernel --- */

struct side {
	struct programs programs;
	bool tunnels;
	unsigned int runs[PROGRAMS];
};

static int run_xdp(const struct side *side, const struct frame *frame, const struct buffer *buffer)
{
	struct {
		struct packet_note note;
		uint8_t bytes[FRAME_BYTES_MAX];
	} input = { .note = { .time_ns = TIME_NS,
			      .wire_length = buffer->length,
			      .link_bytes = (uint16_t)buffer->link_bytes,
			      .link_protocol = buffer->link_protocol } };
	uint8_t out[sizeof(input)];
	struct xdp_md context = { .data = sizeof(input.note),
				  .data_end = (uint32_t)(sizeof(input.note) + frame->length) };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &input, .data_size_in = context.data_end, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	memcpy(input.bytes, frame->bytes, frame->length);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(programs_get(&side->programs, PROGRAM_XDP)), &options),
			 0);
	assert_int_equal(options.data_size_out, options.data_size_in);
	assert_memory_equal(out, &input, options.data_size_in);
	return (int)options.retval;
}

/* A later fragment has the ports that the kernel remembers of its first one. */
static void expect_ports(const struct side *side, struct facts *facts, unsigned int ifindex)
{
	struct fragment_key key = { .ident = facts->fragment_ident,
				    .ifindex = ifindex,
				    .protocol = facts->key.protocol,
				    .family = facts->key.family,
				    .direction = facts->key.direction };
	struct fragment_ports ports;

	memcpy(key.src, facts->key.src, sizeof(key.src));
	memcpy(key.dst, facts->key.dst, sizeof(key.dst));
	if (!facts->fragment ||
	    bpf_map_lookup_elem(bpf_map__fd(side->programs.skeleton->maps.fragment_firsts), &key, &ports))
		return;
	facts->key.sport = ports.sport;
	facts->key.dport = ports.dport;
}

static const char *flow_differs(const struct side *side, struct facts *facts)
{
	struct flow_record record;
	struct flow_key key;

	if (programs_take_flow(&side->programs, &key, &record))
		return "the kernel has no flow";
	facts->key.ifindex = key.ifindex; /* of the device that test runs come from */
	if (memcmp(&key, &facts->key, sizeof(key)) != 0)
		return "the flow's key";
	if (record.packets != facts->packets || record.bytes != facts->bytes || record.spilled.packets)
		return "the flow's packets or bytes";
	if (record.payload_bytes != facts->payload_bytes)
		return "the flow's payload bytes";
	if (record.first_ns != TIME_NS || record.last_ns != TIME_NS || record.merged != facts->packets - 1)
		return "the flow's times or merged packets";
	return programs_take_flow(&side->programs, &key, &record) ? NULL : "the kernel has two flows";
}

static bool tally_grew(const struct tally *before, const struct tally *after, const struct facts *facts, bool grows)
{
	return after->packets == before->packets + (grows ? facts->packets : 0) &&
	       after->bytes == before->bytes + (grows ? facts->bytes : 0);
}

static const char *ledger_differs(const struct ledger_record *before, const struct ledger_record *after, int result,
				  const struct facts *facts)
{
	int outcome = result == PARSED_IP ? OUTCOME_FLOW : result == PARSED_NON_IP ? OUTCOME_NON_IP : OUTCOME_UNPARSED;

	if (!tally_grew(&before->seen, &after->seen, facts, true))
		return "what the ledger has seen";
	for (int i = 0; i < OUTCOMES; i++)
		if (!tally_grew(&before->outcome[i], &after->outcome[i], facts, i == outcome))
			return "the ledger's outcomes";
	return NULL;
}

static void check_frame(struct side *side, enum program program, const struct frame *frame)
{
	const struct run run = { .time_ns = TIME_NS,
				 .gso_segs = frame->header.segments,
				 .gso_size = frame->header.segment_size };
	enum direction direction = program == PROGRAM_OUT ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	struct buffer buffer = frame_buffer(frame);
	struct ledger_record before, after;
	struct facts facts;
	int result = frame_parse(&buffer, frame->bytes, frame->length, direction, &facts), returned;
	const char *wrong;

	if (result == PARSED_IP && program != PROGRAM_XDP)
		frame_parse_merged(&buffer, frame->bytes, frame->length, &facts);
	if (result == PARSED_IP)
		expect_ports(side, &facts, 1);
	programs_ledger(&side->programs, direction, &before);
	if (program == PROGRAM_XDP)
		returned = run_xdp(side, frame, &buffer);
	else
		returned = programs_run(&side->programs, program, frame->bytes, frame->length, &run);
	programs_ledger(&side->programs, direction, &after);
	wrong = returned == (program == PROGRAM_XDP ? XDP_PASS : TC_NEXT) ? NULL : "what the program returns";
	if (!wrong)
		wrong = ledger_differs(&before, &after, result, &facts);
	if (!wrong && result == PARSED_IP)
		wrong = flow_differs(side, &facts);
	side->runs[program]++;
	if (!wrong)
		return;
	frame_print(frame, &buffer);
	fail_msg("program %d returned %d, the parser %d; not the same: %s", program, returned, result, wrong);
}

/* By whatever programs it can have come to. */
static void check_everywhere(struct side *side, struct frame *frame)
{
	struct frame_header *header = &frame->header;

	if (frame->length < FRAME_MIN)
		return;
	header->flags = (uint8_t)((header->flags & ~FRAME_TUNNELS) | (side->tunnels ? FRAME_TUNNELS : 0));
	header->flags |= FRAME_CAPTURED;
	if (header->flags & FRAME_SHORTER && header->elsewhere >= frame->length)
		header->elsewhere = 0;
	check_frame(side, PROGRAM_XDP, frame);
	if (frame->length < TC_FRAME_MIN)
		return;
	header->flags &= FRAME_TUNNELS;
	header->elsewhere = 0;
	check_frame(side, PROGRAM_IN, frame);
	check_frame(side, PROGRAM_OUT, frame);
}

static void differ(struct program_constants constants)
{
	static struct frame frame;
	struct side side = { .tunnels = constants.tunnels.kinds != 0 };

	programs_load(&side.programs, &constants);
	for (size_t i = 0; i < corpus.count; i++) {
		frame = corpus.frames[i];
		check_everywhere(&side, &frame);
	}
	for (int i = 0; i < DAMAGED_FRAMES; i++) {
		mutate(&mutator, corpus.frames, corpus.count, &frame);
		check_everywhere(&side, &frame);
	}
	print_message("%u frames by XDP, %u and %u by tc\n", side.runs[PROGRAM_XDP], side.runs[PROGRAM_IN],
		      side.runs[PROGRAM_OUT]);
	programs_unload(&side.programs);
}

#define ALL_TUNNELS                                                                                               \
	{                                                                                                         \
		.kinds = TUNNEL_VXLAN | TUNNEL_GENEVE | TUNNEL_GRE | TUNNEL_IPIP | TUNNEL_GTPU,                   \
		.vxlan_port = TUNNEL_VXLAN_PORT, .geneve_port = TUNNEL_GENEVE_PORT, .gtpu_port = TUNNEL_GTPU_PORT \
	}

static void test_plain(void **state)
{
	(void)state;
	differ((struct program_constants){ .sequence_mode = SEQUENCE_OFF, .rtt_sets = 1 });
}

static void test_tunnels_and_offset(void **state)
{
	(void)state;
	differ((struct program_constants){
		.sequence_mode = SEQUENCE_AT_OFFSET, .sequence_offset = 4, .tunnels = ALL_TUNNELS });
}

static void test_tunnels_and_pattern(void **state)
{
	(void)state;
	differ((struct program_constants){ .sequence_mode = SEQUENCE_AT_PATTERN,
					   .sequence_offset = 2,
					   .pattern = 0x00ff,
					   .pattern_mask = 0xffff,
					   .pattern_length = 2,
					   .tunnels = ALL_TUNNELS,
					   .rtt_sets = 1 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear_parts),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_tunnels_and_offset),
		cmocka_unit_test(test_tunnels_and_pattern),
	};
	const char *seed = getenv("FLOWGAUGE_SEED");

	mutator_seed(&mutator, seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL));
	return cmocka_run_group_tests(tests, setup, teardown);
}
