/* SPDX-License-Identifier: BSD-2-Clause */
/* More pairs and connections than there is room for: what is refused is counted, and what is idle gives its room to others. */
#include "rtt_met.h"

static void more_pairs_than_there_is_room_for(void **state)
{
	const uint64_t later = START_NS + RTT_PAIR_IDLE_NS + 10000000000ULL;
	struct rtt_met met;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, 64, 2);
	for (uint8_t host = 10; host < 14; host++)
		rtt_ping(&rig, RTT_LINK4, 1000, 500, host);
	rtt_ping(&rig, RTT_LINK4, 3000, 500, 13);
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.count, 2);
	assert_int_equal(met.other[RTT_ICMP_ECHO], 3);
	assert_int_equal(met.other[RTT_TCP_TIMESTAMP], 0);
	assert_int_equal(met.counts.pairs_overflow, 3);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 5);

	/* One that is idle gives its room to another, also where it was refused before. */
	rtt_ping(&rig, RTT_LINK4, 20000000, 500, 10);
	rtt_met_read(&rig, later, &met);
	assert_int_equal(met.count, 1);
	assert_int_equal(met.gone_count, 1);
	assert_int_equal(met.gone.count, 1);
	assert_int_equal(met.gone.sum_ns, 500000);
	assert_int_equal(ntohl(met.gone_key.src[0]) & 0xff, 11);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 6);
	rtt_ping(&rig, RTT_LINK4, 21000000, 700, 13);
	rtt_ping(&rig, RTT_LINK4, 21000000, 700, 11);
	rtt_met_read(&rig, later, &met);
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
	struct rtt_met met;
	struct rig rig;

	(void)state;
	rtt_met_open(&rig, RTT_SCOPE_HOST, RTT_SET, 16);
	rtt_shake_hands(&rig, RTT_LINK4);
	for (uint8_t host = 10; host < 14; host++)
		rtt_ping(&rig, RTT_LINK4, 1000, 500, host);
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.counts.overflow, 2);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 3);
	rtt_ping(&rig, RTT_LINK4, 30000000, 500, 13);
	rtt_ping(&rig, RTT_LINK4, 30000000, 500, 14);
	rtt_ping(&rig, RTT_LINK4, 30000000, 500, 15);
	rtt_ping(&rig, RTT_LINK4, 30000000, 500, 16);
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 6);
	assert_int_equal(met.counts.overflow, 4);
	rtt_ping(&rig, RTT_LINK4, 70000000, 500, 16);
	rtt_met_read(&rig, START_NS, &met);
	assert_int_equal(met.counts.matched[RTT_ICMP_ECHO], 7);
	assert_int_equal(met.counts.overflow, 4);
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
		cmocka_unit_test(more_pairs_than_there_is_room_for),
		cmocka_unit_test(more_connections_than_there_is_room_for),
		cmocka_unit_test(limits_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
