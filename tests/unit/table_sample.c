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
	report->total_count = totals;
	for (size_t i = 0; i < flows; i++) {
		strcpy(report->flows[i].interface, "eth0");
		report->flows[i].key.family = 4;
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
