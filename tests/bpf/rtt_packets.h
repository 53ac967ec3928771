/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments and messages between two ends, a and b, sent through loaded programs that measure round-trip times. */
#ifndef FLOWGAUGE_TEST_RTT_PACKETS_H
#define FLOWGAUGE_TEST_RTT_PACKETS_H

#include "packets.h"
#include "programs.h"

#include "kernel/rtt_internal.h"

#define START_NS 5000000000ULL /* of all times that segments have */
#define ECHO_ID 0x1234

enum layout {
	LAYOUT_USUAL, /* NOP NOP, time stamp */
	LAYOUT_SYN,   /* MSS, SACK permitted, time stamp, NOP, window scale: Linux's */
	LAYOUT_LAST,  /* NOP NOP SACK, time stamp, unaligned */
	LAYOUT_LYING, /* an option before it says that it is longer than all */
};

enum { ECHO_REQUEST = 0x100, ECHO_REPLY = 0x200 }; /* in the place of TCP's flags */

struct segment {
	uint64_t at_us;
	char from; /* 'a', 'b'; 0: none */
	int flags;
	uint32_t seq, ack;
	uint32_t tsval, tsecr; /* a TSval of 0: no time stamps */
	unsigned int bytes;
	enum layout layout;
};

struct rig {
	struct programs programs;
	struct rtt *rtt;
	enum program program[2]; /* that a's packets and b's packets pass */
};

static inline void rig_open(struct rig *rig, const struct rtt_config *config)
{
	struct programs *programs = &rig->programs;

	memset(rig, 0, sizeof(*rig));
	libbpf_set_print(programs_silent);
	programs->skeleton = flowgauge_bpf__open();
	assert_non_null(programs->skeleton);
	programs->skeleton->rodata->constants.clock = CLOCK_OF_PACKET;
	assert_int_equal(slots_prepare(programs->skeleton, 1024), 0);
	assert_int_equal(rtt_prepare(programs->skeleton, config), 0);
	assert_int_equal(flowgauge_bpf__load(programs->skeleton), 0);
	assert_int_equal(slots_open(programs->skeleton, &programs->table), 0);
	assert_int_equal(rtt_open(programs->skeleton, config, &rig->rtt), 0);
	programs->cpus = libbpf_num_possible_cpus();
}

static inline void rig_close(struct rig *rig)
{
	rig->rtt = rtt_close(rig->rtt);
	programs_unload(&rig->programs);
}

/* As it was when it was opened. */
static inline void rig_empty(struct rig *rig)
{
	struct rtt_tally *none = calloc((size_t)rig->programs.cpus, sizeof(*none));
	struct rtt_visitor visitor = { 0 };
	struct flow_record record;
	struct rtt_counts counts;
	struct flow_key key;
	uint32_t zero = 0;

	assert_non_null(none);
	while (!programs_take_flow(&rig->programs, &key, &record))
		;
	assert_int_equal(rtt_read(rig->rtt, UINT64_MAX / 2, &visitor, &counts), 0); /* all pairs are idle then */
	memset(rig->rtt->gone, 0, sizeof(rig->rtt->gone));
	memset(rig->rtt->connections, 0, rig->rtt->constants->rtt_sets * RTT_SET * sizeof(struct rtt_connection));
	memset(rig->rtt->samples, 0, rig->rtt->constants->rtt_sets * RTT_SET * sizeof(struct rtt_samples));
	assert_int_equal(bpf_map_update_elem(rig->rtt->tallies_fd, &zero, none, BPF_ANY), 0);
	free(none);
}

static inline void rtt_put32(uint8_t *at, uint32_t value)
{
	packet_put16(at, value >> 16);
	packet_put16(at + 2, value & 0xffff);
}

static inline void rtt_put_stamps(uint8_t *at, const struct segment *segment)
{
	at[0] = 8;
	at[1] = 10;
	rtt_put32(at + 2, segment->tsval);
	rtt_put32(at + 6, segment->tsecr);
}

static inline unsigned int layout_bytes(const struct segment *segment)
{
	static const unsigned int bytes[] = { 12, 20, 24, 20 };

	return segment->tsval ? bytes[segment->layout] : 0;
}

static inline void rtt_put_options(uint8_t *options, const struct segment *segment)
{
	switch (segment->layout) {
	case LAYOUT_USUAL:
		options[0] = options[1] = 1;
		rtt_put_stamps(options + 2, segment);
		break;
	case LAYOUT_SYN:
		memcpy(options, "\x02\x04\x05\xb4\x04\x02", 6);
		rtt_put_stamps(options + 6, segment);
		memcpy(options + 16, "\x01\x03\x03\x07", 4);
		break;
	case LAYOUT_LAST:
		memcpy(options, "\x01\x01\x05\x0a\0\0\0\1\0\0\0\2", 12);
		rtt_put_stamps(options + 12, segment);
		break;
	case LAYOUT_LYING:
		memcpy(options, "\x02\x04\x05\xb4\x04\xff", 6);
		rtt_put_stamps(options + 6, segment);
		break;
	}
}

static inline void rtt_swap(uint8_t *left, uint8_t *right, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t kept = left[i];

		left[i] = right[i];
		right[i] = kept;
	}
}

static inline void rtt_turn(struct packet *packet, size_t transport, bool has_ports)
{
	if (packet->ip4_count)
		rtt_swap(packet->bytes + packet->ip4[0] + 12, packet->bytes + packet->ip4[0] + 16, 4);
	else
		rtt_swap(packet->bytes + packet->ip6[0] + 8, packet->bytes + packet->ip6[0] + 24, 16);
	if (has_ports)
		rtt_swap(packet->bytes + transport, packet->bytes + transport + 2, 2);
}

/* `link`: what stands in front, as in packets.h. */
static inline void rtt_make(struct packet *packet, const char *link, const struct segment *segment)
{
	bool is_echo = segment->flags >= ECHO_REQUEST, is_ip6 = strstr(link, "ip6") != NULL;
	unsigned int options = is_echo ? 0 : layout_bytes(segment);
	unsigned int header = is_echo ? 8 : 20 + options;
	char line[128];
	uint8_t *at;

	if (is_echo)
		snprintf(line, sizeof(line), "%s %s %u", link, is_ip6 ? "icmp6" : "icmp", segment->bytes);
	else
		snprintf(line, sizeof(line), "%s tcp+%u %u", link, options, segment->bytes);
	packet_make(packet, line);
	at = packet->bytes + packet->length - segment->bytes - header;
	if (is_echo) {
		memset(at, 0, 4);
		at[0] = segment->flags == ECHO_REQUEST ? (is_ip6 ? 128 : 8) : (is_ip6 ? 129 : 0);
		packet_put16(at + 4, ECHO_ID);
		packet_put16(at + 6, segment->seq);
	} else {
		rtt_put32(at + 4, segment->seq);
		rtt_put32(at + 8, segment->ack);
		at[13] = (uint8_t)segment->flags;
		packet_put16(at + 14, 1000);
		if (options)
			rtt_put_options(at + 20, segment);
	}
	if (segment->from == 'b')
		rtt_turn(packet, (size_t)(at - packet->bytes), !is_echo);
}

static inline void rig_send(const struct rig *rig, const char *link, const struct segment *segment)
{
	struct run run = { .time_ns = START_NS + segment->at_us * 1000 };
	enum program program = rig->program[segment->from == 'b'];
	struct packet packet;

	rtt_make(&packet, link, segment);
	assert_int_equal(programs_run(&rig->programs, program, packet.bytes, packet.length, &run),
			 program == PROGRAM_XDP ? XDP_PASS : -1);
}

#endif
