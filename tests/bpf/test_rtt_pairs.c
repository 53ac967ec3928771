/* SPDX-License-Identifier: BSD-2-Clause */
/* Where samples go: scopes, limits, pairs that are taken out; what a flow is told of its own; hops. */
#include "rtt_packets.h"

#define LINK4 "eth ip4"
#define LINK6 "eth ip6"
#define PAIRS_MET 64

struct met {
	struct rtt_pair_key keys[PAIRS_MET];
	struct rtt_pair_record records[PAIRS_MET];
	int count;
	struct rtt_pair_key gone_key;
	struct rtt_pair_record gone;
	int gone_count;
	uint64_t other[RTT_METHODS];
	struct rtt_hop_key hop_key;
	uint64_t hop;
	int hop_count;
	struct rtt_counts counts;
};

static void meet_other(void *context, enum rtt_method method, const struct rtt_pair_record *record)
{
	struct met *met = context;

	met->other[method] = record->count;
}

static void meet_pair(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct met *met = context;

	assert_true(met->count < PAIRS_MET);
	met->keys[met->count] = *key;
	met->records[met->count++] = *record;
}

static void meet_gone(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct met *met = context;

	met->gone_key = *key;
	met->gone = *record;
	met->gone_count++;
}

static void meet_hop(void *context, const struct rtt_hop_key *key, uint64_t count)
{
	struct met *met = context;

	met->hop_key = *key;
	met->hop = count;
	met->hop_count++;
}

static void read_at(const struct rig *rig, uint64_t now_ns, struct met *met)
{
	struct rtt_visitor visitor = { met, meet_other, meet_pair, meet_gone, meet_hop };

	memset(met, 0, sizeof(*met));
	assert_int_equal(rtt_read(rig->rtt, now_ns, &visitor, &met->counts), 0);
}

static void open_with(struct rig *rig, enum rtt_scope scope, uint32_t flows, uint32_t pairs)
{
	const struct rtt_config config = { .enabled = true, .scope = scope, .max_flows = flows, .max_pairs = pairs };

	rig_open(rig, &config);
	rig->program[0] = PROGRAM_OUT;
	rig->program[1] = PROGRAM_IN;
}

/* A packet whose end a has another address: the last byte of it. */
static void send_from(const struct rig *rig, const char *link, const struct segment *segment, uint8_t host)
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

static void ping_from(const struct rig *rig, const char *link, uint64_t at_us, uint64_t rtt_us, uint8_t host)
{
	const struct segment request = { .at_us = at_us, .from = 'a', .flags = ECHO_REQUEST, .seq = (uint32_t)at_us };
	const struct segment reply = {
		.at_us = at_us + rtt_us, .from = 'b', .flags = ECHO_REPLY, .seq = (uint32_t)at_us
	};

	send_from(rig, link, &request, host);
	send_from(rig, link, &reply, host);
}

static const struct segment handshake[] = {
	{ .at_us = 0, .from = 'a', .flags = 0x02, .tsval = 100 },
	{ .at_us = 300, .from = 'b', .flags = 0x12, .seq = 0, .ack = 1, .tsval = 900, .tsecr = 100 },
	{ .at_us = 500, .from = 'a', .flags = 0x10, .seq = 1, .ack = 1, .tsval = 101, .tsecr = 900 },
};

static void shake_hands(const struct rig *rig, const char *link)
{
	for (size_t i = 0; i < sizeof(handshake) / sizeof(*handshake); i++)
		rig_send(rig, link, &handshake[i]);
}

/* The pair that has what was sent by a (10.1.0.1, 2001:db8::1), or by b. */
static const struct rtt_pair_key *key_of(const struct met *met, const char *source)
{
	__be32 address[4] = { 0 };

	assert_int_equal(inet_pton(strchr(source, ':') ? AF_INET6 : AF_INET, source, address), 1);
	for (int i = 0; i < met->count; i++)
		if (!memcmp(met->keys[i].src, address, sizeof(address)))
			return &met->keys[i];
	fail_msg("no pair of %s", source);
	return NULL;
}

static void pairs_are_of_their_scope(void **state)
{
	static const struct {
		enum rtt_scope scope;
		const char *link, *a, *b;
	} cases[] = {
		{ RTT_SCOPE_HOST, LINK4, "10.1.0.1", "10.1.0.2" },
		{ RTT_SCOPE_HOST, LINK6, "2001:db8::1", "2001:db8::2" },
		{ RTT_SCOPE_FLOW, LINK4, "10.1.0.1", "10.1.0.2" },
		{ RTT_SCOPE_PREFIX, LINK4, "10.1.0.0", NULL },
		{ RTT_SCOPE_PREFIX, LINK6, "2001:db8::", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct rtt_pair_key *key;
		bool is_flow = cases[i].scope == RTT_SCOPE_FLOW;
		struct met met;
		struct rig rig;

		open_with(&rig, cases[i].scope, 64, 16);
		shake_hands(&rig, cases[i].link);
		read_at(&rig, 0, &met);
		assert_int_equal(met.count, cases[i].b ? 2 : 1);
		key = key_of(&met, cases[i].a);
		assert_int_equal(key->family, strcmp(cases[i].link, LINK6) ? 4 : 6);
		assert_int_equal(key->method, RTT_TCP_TIMESTAMP);
		assert_int_equal(key->protocol, is_flow ? 6 : 0);
		assert_int_equal(ntohs(key->sport), is_flow ? PACKET_SPORT : 0);
		assert_int_equal(ntohs(key->dport), is_flow ? PACKET_DPORT : 0);
		assert_int_equal(met.records[key - met.keys].count, cases[i].b ? 1 : 2);
		if (cases[i].b)
			assert_int_equal(ntohs(key_of(&met, cases[i].b)->sport), is_flow ? PACKET_DPORT : 0);
		rig_close(&rig);
	}
}

static void bucket_is(const struct rtt_pair_record *record, unsigned int bucket)
{
	for (unsigned int i = 0; i < RTT_BUCKETS; i++)
		assert_int_equal(record->buckets[i], i == bucket);
}

static void times_fall_into_their_buckets(void **state)
{
	static const struct {
		uint64_t rtt_us;
		unsigned int bucket;
	} cases[] = { { 0, 0 },     { 4, 0 },     { 5, 1 },     { 6, 2 },       { 8, 4 },        { 9, 5 },
		      { 1000, 32 }, { 1048, 32 }, { 1049, 33 }, { 100000, 58 }, { 1000000, 72 }, { 9999999, 85 } };
	struct met met;
	struct rig rig;

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, 64, 16);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t ns = cases[i].rtt_us * 1000;

		rig_empty(&rig);
		ping_from(&rig, LINK4, 1, cases[i].rtt_us, 1);
		read_at(&rig, 0, &met);
		assert_int_equal(met.count, 1);
		bucket_is(&met.records[0], cases[i].bucket);
		assert_true(ns < rtt_bucket_end(cases[i].bucket));
		assert_true(!cases[i].bucket || ns >= rtt_bucket_end(cases[i].bucket - 1));
		assert_in_range(met.records[0].sum_ns, ns ? ns - 16 : 16, ns + 16); /* the unit of times */
	}
	rig_close(&rig);
}

/* One eighth of each new sample; the flow's own figures are in units of 16 ns. */
static void flows_know_their_own(void **state)
{
	struct flow_key key = { .protocol = 1, .family = 4, .direction = DIRECTION_EGRESS, .ifindex = 1 };
	struct rtt_flow flow;
	struct met met;
	struct rig rig;

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, 64, 16);
	inet_pton(AF_INET, "10.1.0.1", key.src);
	inet_pton(AF_INET, "10.1.0.2", key.dst);
	assert_false(rtt_flow(rig.rtt, &key, &flow));
	send_from(&rig, LINK4, &(struct segment){ .from = 'a', .flags = ECHO_REQUEST, .seq = 99 }, 1);
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_true(flow.one_way);
	assert_int_equal(flow.count, 0);
	ping_from(&rig, LINK4, 1000, 1600, 1);
	ping_from(&rig, LINK4, 4000, 800, 1);
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_false(flow.one_way);
	assert_int_equal(flow.count, 2);
	assert_int_equal(flow.last_ns, 800000);
	assert_int_equal(flow.min_ns, 800000);
	assert_int_equal(flow.smoothed_ns, 1500000);
	read_at(&rig, 0, &met);
	assert_int_equal(met.records[0].smoothed_ns, 1500000);
	assert_int_equal(met.records[0].last_ns, 800000);
	/* The other end sent nothing that was answered. */
	inet_pton(AF_INET, "10.1.0.2", key.src);
	inet_pton(AF_INET, "10.1.0.1", key.dst);
	key.direction = DIRECTION_INGRESS;
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_int_equal(flow.count, 0);
	assert_false(flow.one_way);
	rig_close(&rig);
}

/* IPv6 and ports: the monitor finds what the programs entered, from either end. */
static void flows_are_found(void **state)
{
	static const char *const links[] = { LINK4, LINK6, "eth vlan:5 ip6" };
	struct rtt_flow flow;
	struct rig rig;

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, 64, 16);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct flow_record record;
		struct flow_key key;
		int flows = 0;

		rig_empty(&rig);
		shake_hands(&rig, links[i]);
		while (!programs_take_flow(&rig.programs, &key, &record)) {
			assert_true(rtt_flow(rig.rtt, &key, &flow));
			assert_int_equal(flow.count, 1);
			assert_int_equal(flow.last_ns, ntohs(key.sport) == PACKET_SPORT ? 300000 : 200000);
			flows++;
		}
		assert_int_equal(flows, 2);
	}
	rig_close(&rig);
}

static void more_pairs_than_there_is_room_for(void **state)
{
	const uint64_t later = START_NS + RTT_PAIR_IDLE_NS + 10000000000ULL;
	struct met met;
	struct rig rig;

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, 64, 2);
	for (uint8_t host = 10; host < 14; host++)
		ping_from(&rig, LINK4, 1000, 500, host);
	ping_from(&rig, LINK4, 3000, 500, 13);
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.count, 2);
	assert_int_equal(met.other[RTT_ICMP_ECHO], 3);
	assert_int_equal(met.other[RTT_TCP_TIMESTAMP], 0);
	assert_int_equal(met.counts.pairs_overflow, 3);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 5);

	/* One that is idle gives its room to another, also where it was refused before. */
	ping_from(&rig, LINK4, 20000000, 500, 10);
	read_at(&rig, later, &met);
	assert_int_equal(met.count, 1);
	assert_int_equal(met.gone_count, 1);
	assert_int_equal(met.gone.count, 1);
	assert_int_equal(met.gone.sum_ns, 500000);
	assert_int_equal(ntohl(met.gone_key.src[0]) & 0xff, 11);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 6);
	ping_from(&rig, LINK4, 21000000, 700, 13);
	ping_from(&rig, LINK4, 21000000, 700, 11);
	read_at(&rig, later, &met);
	assert_int_equal(met.count, 2);
	assert_int_equal(met.gone_count, 0);
	assert_int_equal(met.other[RTT_ICMP_ECHO], 4);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 8);
	for (int i = 0; i < met.count; i++) {
		assert_int_not_equal(ntohl(met.keys[i].src[0]) & 0xff, 11);
		if ((ntohl(met.keys[i].src[0]) & 0xff) == 13)
			assert_int_equal(met.records[i].sum_ns, 700000);
	}
	rig_close(&rig);
}

/* One set: four connections. A fifth has no room until one is idle: 15 s for ICMP, 60 for TCP. */
static void more_connections_than_there_is_room_for(void **state)
{
	struct met met;
	struct rig rig;

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, RTT_SET, 16);
	shake_hands(&rig, LINK4);
	for (uint8_t host = 10; host < 14; host++)
		ping_from(&rig, LINK4, 1000, 500, host);
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.counts.overflow, 2);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 3);
	ping_from(&rig, LINK4, 30000000, 500, 13);
	ping_from(&rig, LINK4, 30000000, 500, 14);
	ping_from(&rig, LINK4, 30000000, 500, 15);
	ping_from(&rig, LINK4, 30000000, 500, 16);
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 6);
	assert_int_equal(met.counts.overflow, 4);
	ping_from(&rig, LINK4, 70000000, 500, 16);
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 7);
	assert_int_equal(met.counts.overflow, 4);
	rig_close(&rig);
}

/* At a loopback device each packet goes out and comes in: it is one packet. */
static void packets_that_pass_twice_are_one(void **state)
{
	static const struct segment plain[] = {
		{ .at_us = 0, .from = 'a', .flags = 0x02, .seq = 0 },
		{ .at_us = 300, .from = 'b', .flags = 0x12, .seq = 0, .ack = 1 },
		{ .at_us = 500, .from = 'a', .flags = 0x10, .seq = 1, .ack = 1 },
	};
	struct met met;
	struct rig rig;

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, 64, 16);
	for (int with_stamps = 0; with_stamps < 2; with_stamps++) {
		rig_empty(&rig);
		for (int i = 0; i < 6; i++) {
			struct segment segment = with_stamps ? handshake[i / 2] : plain[i / 2];

			segment.at_us += (uint64_t)i % 2 * 10;
			rig.program[0] = rig.program[1] = i % 2 ? PROGRAM_IN : PROGRAM_OUT;
			rig_send(&rig, LINK4, &segment);
		}
		read_at(&rig, START_NS, &met);
		assert_int_equal(met.count, 2);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(met.records[i].count, 1);
			assert_true(met.records[i].last_ns == 300000 || met.records[i].last_ns == 200000);
		}
		for (int method = 0; method < RTT_METHODS; method++)
			assert_int_equal(met.counts.unasked[method] + met.counts.unmatched[method], 0);
	}
	rig_close(&rig);
}

/* A message that quotes a packet to `destination`, at the end of which `cut` bytes are missing. */
static void send_exceeded(const struct rig *rig, bool is_ip6, uint8_t type, uint8_t code, size_t cut)
{
	struct run run = { .time_ns = START_NS };
	struct packet packet, quoted;
	size_t at, quoted_bytes = (is_ip6 ? 40 : 20) + 8 - cut;
	char line[64];

	packet_make(&quoted, is_ip6 ? "ip6 udp 0" : "ip4 udp 0");
	snprintf(line, sizeof(line), "eth %s %zu", is_ip6 ? "ip6 icmp6" : "ip4 icmp", quoted_bytes);
	packet_make(&packet, line);
	at = packet.length - quoted_bytes;
	memcpy(packet.bytes + at, quoted.bytes, quoted_bytes);
	memset(packet.bytes + at - 8, 0, 8);
	packet.bytes[at - 8] = type;
	packet.bytes[at - 7] = code;
	/* Who sent it: a hop. */
	packet.bytes[is_ip6 ? packet.ip6[0] + 8 + 15 : packet.ip4[0] + 12 + 3] = 77;
	assert_int_equal(programs_run(&rig->programs, PROGRAM_IN, packet.bytes, packet.length, &run), -1);
}

static void hops_are_counted(void **state)
{
	struct met met;
	struct rig rig;
	__be32 address[4] = { 0 };

	(void)state;
	open_with(&rig, RTT_SCOPE_HOST, 64, 16);
	send_exceeded(&rig, false, 11, 1, 0); /* a reassembly */
	send_exceeded(&rig, false, 3, 0, 0);  /* unreachable */
	send_exceeded(&rig, false, 11, 0, 9); /* the quoted destination is not all there */
	send_exceeded(&rig, true, 3, 0, 9);
	send_exceeded(&rig, true, 11, 0, 0); /* no type of ICMPv6 */
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.hop_count, 0);
	send_exceeded(&rig, false, 11, 0, 8);
	send_exceeded(&rig, false, 11, 0, 0);
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.hop_count, 1);
	assert_int_equal(met.hop, 2);
	assert_int_equal(met.hop_key.family, 4);
	assert_int_equal(met.hop_key.hop[0], inet_addr("10.1.0.77"));
	assert_int_equal(met.hop_key.dst[0], inet_addr("10.1.0.2"));
	/* An hour without: the last time. */
	read_at(&rig, START_NS + RTT_HOP_IDLE_NS + 1, &met);
	assert_int_equal(met.hop_count, 1);
	send_exceeded(&rig, true, 3, 0, 8);
	read_at(&rig, START_NS, &met);
	assert_int_equal(met.hop_count, 1);
	assert_int_equal(met.hop, 1);
	assert_int_equal(met.hop_key.family, 6);
	inet_pton(AF_INET6, "2001:db8::2", address);
	assert_memory_equal(met.hop_key.dst, address, sizeof(address));
	rig_close(&rig);
}

static void limits_are_held(void **state)
{
	static const struct rtt_config wrong[] = {
		{ .enabled = true, .max_flows = 0, .max_pairs = 1 },
		{ .enabled = true, .max_flows = RTT_FLOWS_MAX + 1, .max_pairs = 1 },
		{ .enabled = true, .max_flows = 1, .max_pairs = 0 },
		{ .enabled = true, .max_flows = 1, .max_pairs = RTT_PAIRS_MAX + 1 },
		{ .enabled = true, .scope = (enum rtt_scope)3, .max_flows = 1, .max_pairs = 1 },
	};
	struct flowgauge_bpf *skeleton = flowgauge_bpf__open();

	(void)state;
	assert_non_null(skeleton);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(rtt_prepare(skeleton, &wrong[i]), -EINVAL);
	flowgauge_bpf__destroy(skeleton);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_of_their_scope),
		cmocka_unit_test(times_fall_into_their_buckets),
		cmocka_unit_test(flows_know_their_own),
		cmocka_unit_test(flows_are_found),
		cmocka_unit_test(more_pairs_than_there_is_room_for),
		cmocka_unit_test(more_connections_than_there_is_room_for),
		cmocka_unit_test(packets_that_pass_twice_are_one),
		cmocka_unit_test(hops_are_counted),
		cmocka_unit_test(limits_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
