/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtt_met.h"

static void meet_other(void *context, enum rtt_method method, const struct rtt_pair_record *record)
{
	struct rtt_met *met = context;

	met->other[method] = record->count;
}

static void meet_pair(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct rtt_met *met = context;

	assert_true(met->count < RTT_PAIRS_MET);
	met->keys[met->count] = *key;
	met->records[met->count++] = *record;
}

static void meet_gone(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct rtt_met *met = context;

	met->gone_key = *key;
	met->gone = *record;
	met->gone_count++;
}

static void meet_hop(void *context, const struct rtt_hop_key *key, uint64_t count)
{
	struct rtt_met *met = context;

	met->hop_key = *key;
	met->hop = count;
	met->hop_count++;
}

void rtt_met_read(const struct rig *rig, uint64_t now_ns, struct rtt_met *met)
{
	struct rtt_visitor visitor = { met, meet_other, meet_pair, meet_gone, meet_hop };

	memset(met, 0, sizeof(*met));
	assert_int_equal(rtt_read(rig->rtt, now_ns, &visitor, &met->counts), 0);
}

void rtt_met_open(struct rig *rig, enum rtt_scope scope, uint32_t flows, uint32_t pairs)
{
	const struct rtt_config config = { .enabled = true, .scope = scope, .max_flows = flows, .max_pairs = pairs };

	rig_open(rig, &config);
	rig->program[0] = PROGRAM_OUT;
	rig->program[1] = PROGRAM_IN;
}

void rtt_send_from(const struct rig *rig, const char *link, const struct segment *segment, uint8_t host)
{
	struct run run = { .time_ns = START_NS + segment->at_us * 1000 };
	enum program program = rig->program[segment->from == 'b'];
	bool is_ip6 = strstr(link, "ip6") != NULL;
	struct packet packet;
	uint8_t *ip;

	rtt_make(&packet, link, segment);
	ip = packet.bytes + (is_ip6 ? packet.ip6[0] : packet.ip4[0]);
	if (is_ip6)
		ip[(segment->from == 'a' ? 8 : 24) + 15] = host;
	else
		ip[(segment->from == 'a' ? 12 : 16) + 3] = host;
	assert_int_equal(programs_run(&rig->programs, program, packet.bytes, packet.length, &run), -1);
}

void rtt_ping(const struct rig *rig, const char *link, uint64_t at_us, uint64_t rtt_us, uint8_t host)
{
	const struct segment request = { .at_us = at_us, .from = 'a', .flags = ECHO_REQUEST, .seq = (uint32_t)at_us };
	const struct segment reply = {
		.at_us = at_us + rtt_us, .from = 'b', .flags = ECHO_REPLY, .seq = (uint32_t)at_us
	};

	rtt_send_from(rig, link, &request, host);
	rtt_send_from(rig, link, &reply, host);
}

const struct segment rtt_handshake[3] = {
	{ .at_us = 0, .from = 'a', .flags = 0x02, .tsval = 100 },
	{ .at_us = 300, .from = 'b', .flags = 0x12, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	{ .at_us = 500, .from = 'a', .flags = 0x10, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
};

void rtt_shake_hands(const struct rig *rig, const char *link)
{
	for (size_t i = 0; i < sizeof(rtt_handshake) / sizeof(*rtt_handshake); i++)
		rig_send(rig, link, &rtt_handshake[i]);
}
