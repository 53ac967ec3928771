/* SPDX-License-Identifier: BSD-2-Clause */
#include "table_sample.h"

#include <arpa/inet.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct interarrival_report unknown_gaps = { .mean = NAN, .stddev = NAN };

struct report *sample_report(size_t flows, size_t totals)
{
	struct report *report = calloc(1, sizeof(*report));

	assert_non_null(report);
	report->references = 1;
	report->time_ns = SAMPLE_TIME_NS;
	report->interval = 1.0;
	report->self.flows_limit = 65536;
	report->flows = calloc(flows + 1, sizeof(*report->flows));
	report->totals = calloc(totals + 1, sizeof(*report->totals));
	assert_non_null(report->flows);
	assert_non_null(report->totals);
	report->flow_count = flows;
	report->live_flows = report->followed_flows = flows;
	report->total_count = totals;
	for (size_t i = 0; i < flows; i++) {
		strcpy(report->flows[i].interface, "eth0");
		report->flows[i].key.family = 4;
		report->flows[i].top = true;
		report->flows[i].first_seen_ns = SAMPLE_TIME_NS - 1000000000;
		report->flows[i].interarrival = unknown_gaps;
	}
	for (size_t i = 0; i < totals; i++)
		strcpy(report->totals[i].interface, "eth0");
	for (size_t i = 0; i < PROTOCOL_GROUPS; i++)
		report->protocols[i].interarrival = unknown_gaps;
	return report;
}

void sample_ends(struct flow_report *flow, const char *source, uint16_t sport, const char *destination, uint16_t dport,
		 uint8_t protocol)
{
	int family = strchr(source, ':') ? AF_INET6 : AF_INET;

	flow->key.family = family == AF_INET6 ? 6 : 4;
	flow->key.protocol = protocol;
	flow->key.sport = htons(sport);
	flow->key.dport = htons(dport);
	assert_int_equal(inet_pton(family, source, flow->key.src), 1);
	assert_int_equal(inet_pton(family, destination, flow->key.dst), 1);
}

void sample_rates(struct flow_report *flow, double throughput, double goodput, double mean, double stddev,
		  uint64_t packets, uint64_t bytes)
{
	flow->throughput = throughput;
	flow->goodput = goodput;
	flow->interarrival.mean = mean;
	flow->interarrival.stddev = stddev;
	flow->packets = packets;
	flow->bytes = bytes;
}

struct report *sample_many(size_t flows)
{
	struct report *report = sample_report(flows, 1);

	for (size_t i = 0; i < flows; i++) {
		char source[48];

		snprintf(source, sizeof(source), "10.0.%zu.%zu", i / 250, i % 250 + 1);
		sample_ends(&report->flows[i], source, (uint16_t)(1000 + i), "10.9.9.9", 80, IPPROTO_TCP);
		sample_rates(&report->flows[i], (double)(flows - i) * 1000, (double)(flows - i) * 900, NAN, NAN, i + 1,
			     (i + 1) * 100);
	}
	return report;
}

struct report *sample_mixed(void)
{
	struct report *report = sample_report(3, 2);
	struct flow_report *flows = report->flows;

	sample_ends(&flows[0], "10.1.0.1", 5001, "10.1.0.2", 6001, IPPROTO_UDP);
	sample_rates(&flows[0], 75e6, 72e6, 0.02, 0.00125, 51234, 76851000);
	flows[0].sequence = (struct sequence_report){ SEQUENCE_PACKETS, 51299, 51234, 7, 3, 12, 66, 1, 5 };
	sample_ends(&flows[1], "2001:db8::1", 443, "2001:db8::2", 50000, IPPROTO_TCP);
	sample_rates(&flows[1], 1.5e6, 1.2e6, 0.5, NAN, 3, 4500);
	flows[1].key.direction = DIRECTION_EGRESS;
	flows[1].sequence = (struct sequence_report){ SEQUENCE_BYTES, 4000000000, 3, 0, 0, 1, 0, 0, 0 };
	sample_ends(&flows[2], "10.1.0.1", 0, "10.1.0.2", 0, IPPROTO_ICMP);
	sample_rates(&flows[2], NAN, NAN, NAN, NAN, 1, 98);
	report->protocols[GROUP_UDP].flows = 1;
	report->protocols[GROUP_UDP].throughput = 75e6;
	report->protocols[GROUP_UDP].goodput = 72e6;
	report->protocols[GROUP_UDP].interarrival = flows[0].interarrival;
	report->protocols[GROUP_UDP].sequence = flows[0].sequence;
	report->totals[0] = (struct total_report){
		.interface = "eth0", .seen = { 51235, 76851098 }, .throughput = 75000098, .packet_rate = 50000.5
	};
	report->totals[1] = (struct total_report){ .interface = "eth0",
						   .direction = DIRECTION_EGRESS,
						   .seen = { 3, 4500 },
						   .throughput = NAN,
						   .packet_rate = NAN };
	return report;
}

void sample_groups(struct report *report)
{
	struct group_report *groups = calloc(2, sizeof(*groups));

	assert_non_null(groups);
	groups[0] = (struct group_report){
		.group = "nets",
		.parts = GROUP_BY_SRC | GROUP_BY_DST | GROUP_BY_DPORT | GROUP_BY_PROTOCOL | GROUP_BY_DIRECTION,
		.key = { .family = 4, .dport = htons(443), .protocol = IPPROTO_TCP, .direction = DIRECTION_EGRESS },
		.src_prefix = 24,
		.dst_prefix = 32,
		.flows = 2,
		.packets = 3,
		.bytes = UINT64_MAX,
		.payload_bytes = 4,
		.throughput = 2.5,
	};
	assert_int_equal(inet_pton(AF_INET, "10.1.2.0", groups[0].key.src), 1);
	assert_int_equal(inet_pton(AF_INET, "10.9.9.9", groups[0].key.dst), 1);
	groups[1] = (struct group_report){
		.group = "nets", .is_rest = true, .parts = groups[0].parts, .packets = 1, .bytes = 60, .throughput = NAN
	};
	report->groups = groups;
	report->group_count = 2;
}
