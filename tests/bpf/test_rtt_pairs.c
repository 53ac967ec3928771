/* SPDX-License-Identifier: BSD-2-Clause */
/* Where samples go: scopes and buckets; what a flow is told of its own; packets that pass twice. */
#include "rtt_met.h"

/* The pair that has what was sent by a (10.1.0.1, 2001:db8::1), or by b. */
static const struct rtt_pair_key *key_of(const struct rtt_met *met, const char *source)
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
		{ RTT_SCOPE_HOST, RTT_LINK4, "10.1.0.1", "10.1.0.2" },
		{ RTT_SCOPE_HOST, RTT_LINK6, "2001:db8::1", "2001:db8::2" },
		{ RTT_SCOPE_FLOW, RTT_LINK4, "10.1.0.1", "10.1.0.2" },
		{ RTT_SCOPE_PREFIX, RTT_LINK4, "10.1.0.0", NULL },
		{ RTT_SCOPE_PREFIX, RTT_LINK6, "2001:db8::", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct rtt_pair_key *key;
		bool is_flow = cases[i].scope == RTT_SCOPE_FLOW;
		struct rtt_met met;
		struct rig rig;

		rtt_met_open(&rig, cases[i].scope, 64, 16);
		rtt_shake_hands(&rig, cases[i].link);
		rtt_met_read(&rig, 0, &met);
		assert_int_equal(met.count, cases[i].b ? 2 : 1);
		key = key_of(&met, cases[i].a);
		assert_int_equal(key->family, strcmp(cases[i].link, RTT_LINK6) ? 4 : 6);
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
	struct rtt_met met;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t ns = cases[i].rtt_us * 1000;

		rig_empty(&rig);
		rtt_ping(&rig, RTT_LINK4, 1, cases[i].rtt_us, 1);
		rtt_met_read(&rig, 0, &met);
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
	struct rtt_met met;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	inet_pton(AF_INET, "10.1.0.1", key.src);
	inet_pton(AF_INET, "10.1.0.2", key.dst);
	assert_false(rtt_flow(rig.rtt, &key, &flow));
	rtt_send_from(&rig, RTT_LINK4, &(struct segment){ .from = 'a', .flags = ECHO_REQUEST, .seq = 99 }, 1);
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_true(flow.one_way);
	assert_int_equal(flow.count, 0);
	rtt_ping(&rig, RTT_LINK4, 1000, 1600, 1);
	rtt_ping(&rig, RTT_LINK4, 4000, 800, 1);
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_false(flow.one_way);
	assert_int_equal(flow.count, 2);
	assert_int_equal(flow.last_ns, 800000);
	assert_int_equal(flow.min_ns, 800000);
	assert_int_equal(flow.smoothed_ns, 1500000);
	rtt_met_read(&rig, 0, &met);
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
	static const char *const links[] = { RTT_LINK4, RTT_LINK6, "eth vlan:5 ip6" };
	struct rtt_flow flow;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		struct flow_record record;
		struct flow_key key;
		int flows = 0;

		rig_empty(&rig);
		rtt_shake_hands(&rig, links[i]);
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

/* At a loopback device each packet goes out and comes in: it is one packet. */
static void packets_that_pass_twice_are_one(void **state)
{
	static const struct segment plain[] = {
		{ .at_us = 0, .from = 'a', .flags = 0x02, .seq = 0 },
		{ .at_us = 300, .from = 'b', .flags = 0x12, .seq = 0, .ack = 1 },
		{ .at_us = 500, .from = 'a', .flags = 0x10, .seq = 1, .ack = 1 },
	};
	struct rtt_met met;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	for (int with_stamps = 0; with_stamps < 2; with_stamps++) {
		rig_empty(&rig);
		for (int i = 0; i < 6; i++) {
			struct segment segment = with_stamps ? rtt_handshake[i / 2] : plain[i / 2];

			segment.at_us += (uint64_t)i % 2 * 10;
			rig.program[0] = rig.program[1] = i % 2 ? PROGRAM_IN : PROGRAM_OUT;
			rig_send(&rig, RTT_LINK4, &segment);
		}
		rtt_met_read(&rig, START_NS, &met);
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

/* At a loopback device, a host that pings itself: nothing but the kind of message tells what asks from what answers. */
static void who_asks_itself_is_answered(void **state)
{
	static const struct {
		const char *link, *address;
		unsigned int family, protocol;
	} cases[] = { { RTT_LINK4, "10.1.0.2", 4, 1 }, { RTT_LINK6, "2001:db8::2", 6, 58 } };
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct flow_key key = { .protocol = (__u8)cases[i].protocol,
					.family = (__u8)cases[i].family,
					.ifindex = 1 };

		for (unsigned int pass = 0; pass < 4; pass++) {
			struct segment segment = { .at_us = pass / 2 * 500 + pass % 2 * 10, .from = 'a', .seq = 7 };

			segment.flags = pass < 2 ? ECHO_REQUEST : ECHO_REPLY;
			rig.program[0] = pass % 2 ? PROGRAM_IN : PROGRAM_OUT;
			rtt_send_from(&rig, cases[i].link, &segment, 2);
		}
		inet_pton(cases[i].family == 6 ? AF_INET6 : AF_INET, cases[i].address, key.src);
		memcpy(key.dst, key.src, sizeof(key.dst));
		for (int direction = 0; direction < DIRECTIONS; direction++) {
			struct rtt_flow flow;

			key.direction = (__u8)direction;
			assert_true(rtt_flow(rig.rtt, &key, &flow));
			assert_int_equal(flow.count, 1);
			assert_int_equal(flow.last_ns, 500000);
			assert_false(flow.one_way);
		}
	}
	rig_close(&rig);
}

/* A connection that is refused: the RST has no time stamp, but it shows that answers pass here. */
static void a_refusal_is_an_answer_seen(void **state)
{
	static const struct segment segments[] = {
		{ .at_us = 0, .from = 'a', .flags = 0x02, .seq = 0, .tsval = 100 },
		{ .at_us = 300, .from = 'b', .flags = 0x14, .seq = 0, .ack = 1 },
	};
	struct rtt_flow flow;
	struct flow_key key;
	struct flow_record record;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 16);
	rig.program[0] = PROGRAM_OUT;
	rig.program[1] = PROGRAM_IN;
	rig_send(&rig, RTT_LINK4, &segments[0]);
	assert_int_equal(programs_take_flow(&rig.programs, &key, &record), 0);
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_true(flow.one_way);
	rig_send(&rig, RTT_LINK4, &segments[1]);
	assert_true(rtt_flow(rig.rtt, &key, &flow));
	assert_false(flow.one_way);
	assert_int_equal(flow.count, 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_of_their_scope),
		cmocka_unit_test(times_fall_into_their_buckets),
		cmocka_unit_test(flows_know_their_own),
		cmocka_unit_test(flows_are_found),
		cmocka_unit_test(packets_that_pass_twice_are_one),
		cmocka_unit_test(who_asks_itself_is_answered),
		cmocka_unit_test(a_refusal_is_an_answer_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
