/* SPDX-License-Identifier: BSD-2-Clause */
#include "measures_sample.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measure/rtt_spread.h"
#include "table_sample.h"

#define MS 1000000ULL

static void add(struct rtt_sums *sums, uint64_t ns)
{
	unsigned int bucket = 0;

	while (bucket < RTT_BUCKETS - 1 && ns >= rtt_bucket_end(bucket))
		bucket++;
	sums->buckets[bucket]++;
	sums->sum_ns += ns;
}

static void fill(struct rtt_pair_report *pair, const struct rtt_sums *sums)
{
	pair->total = rtt_sums_spread(sums);
	pair->count = pair->total.count;
	pair->sum_ns = sums->sum_ns;
	rtt_sums_cumulate(sums, pair->cumulative);
}

static void rest(struct rtt_pair_report *pair, uint8_t method, uint64_t ns)
{
	struct rtt_sums sums = { 0 }, none = { 0 };

	*pair = (struct rtt_pair_report){
		.is_rest = true, .method = method, .min = (double)ns * 1e-9, .last = NAN, .smoothed = NAN
	};
	add(&sums, ns);
	fill(pair, &sums);
	pair->interval = rtt_sums_spread(&none);
}

void sample_rtts(struct report *report, enum rtt_scope scope)
{
	struct rtt_sums first = { 0 }, second = { 0 }, none = { 0 };
	struct rtt_pair_report *pairs = calloc(4, sizeof(*pairs));
	struct hop_report *hops = calloc(2, sizeof(*hops));

	assert_non_null(pairs);
	assert_non_null(hops);
	add(&first, MS);
	add(&first, 2 * MS);
	add(&first, 40 * MS);
	add(&second, 250 * MS);
	pairs[0] = (struct rtt_pair_report){
		.family = 4,
		.method = RTT_TCP_TIMESTAMP,
		.prefix = scope == RTT_SCOPE_PREFIX ? 24 : 32,
		.min = 0.001,
		.last = 0.04,
		.smoothed = 0.0125,
		.last_seen_ns = SAMPLE_TIME_NS - 123456789,
	};
	if (scope == RTT_SCOPE_FLOW) {
		pairs[0].protocol = IPPROTO_TCP;
		pairs[0].sport = htons(5001);
		pairs[0].dport = htons(443);
	}
	assert_int_equal(inet_pton(AF_INET, scope == RTT_SCOPE_PREFIX ? "10.1.0.0" : "10.1.0.1", pairs[0].src), 1);
	assert_int_equal(inet_pton(AF_INET, scope == RTT_SCOPE_PREFIX ? "10.2.0.0" : "10.1.0.2", pairs[0].dst), 1);
	fill(&pairs[0], &first);
	pairs[0].interval = pairs[0].total;
	pairs[1] = (struct rtt_pair_report){
		.family = 6,
		.method = RTT_ICMP_ECHO,
		.prefix = scope == RTT_SCOPE_PREFIX ? 48 : 128,
		.min = 0.25,
		.last = 0.25,
		.smoothed = 0.25,
		.last_seen_ns = SAMPLE_TIME_NS - 123456789,
		.protocol = scope == RTT_SCOPE_FLOW ? IPPROTO_ICMPV6 : 0,
	};
	assert_int_equal(inet_pton(AF_INET6, scope == RTT_SCOPE_PREFIX ? "2001:db8::" : "2001:db8::1", pairs[1].src),
			 1);
	assert_int_equal(inet_pton(AF_INET6, scope == RTT_SCOPE_PREFIX ? "2001:db9::" : "2001:db8::2", pairs[1].dst),
			 1);
	fill(&pairs[1], &second);
	pairs[1].interval = rtt_sums_spread(&none);
	rest(&pairs[2], RTT_TCP_HANDSHAKE, 5 * MS);
	rest(&pairs[3], RTT_ICMP_ECHO, 20000 * MS); /* over the last bound */
	hops[0] = (struct hop_report){ .family = 4, .count = 7 };
	assert_int_equal(inet_pton(AF_INET, "10.9.0.254", hops[0].hop), 1);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", hops[0].dst), 1);
	hops[1] = (struct hop_report){ .family = 6, .count = 2 };
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::fe", hops[1].hop), 1);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:1::7", hops[1].dst), 1);
	report->rtt = (struct rtts_report){
		.enabled = true,
		.scope = scope,
		.pairs = pairs,
		.pair_count = 4,
		.live_pairs = 2,
		.pairs_limit = 1000,
		.hops = hops,
		.hop_count = 2,
		.hops_rest = 3,
		.flows_known = 2,
		.counts = {
			.matched = { 3, 1, 2 }, .unmatched = { 4, 0, 1 }, .unasked = { 0, 5, 6 }, .skipped = { 8, 0, 0 },
			.overflow = 9, .pairs_overflow = 1, .hops_overflow = 3, .connections_bytes = 4096, .pairs_bytes = 1024,
		},
	};
}

void sample_pings(struct report *report)
{
	struct ping_sample *sample = calloc(1, sizeof(*sample));

	assert_non_null(sample);
	sample->pings = calloc(2, sizeof(*sample->pings));
	sample->rounds = calloc(1, sizeof(*sample->rounds));
	sample->errors = calloc(1, sizeof(*sample->errors));
	sample->texts = strdup("other");
	assert_non_null(sample->pings);
	assert_non_null(sample->rounds);
	assert_non_null(sample->errors);
	sample->ping_count = 2;
	sample->errors[0] = (struct ping_error_report){ PING_TTL_EXCEEDED, sample->texts, 3 };
	for (size_t i = 0; i < 2; i++)
		sample->pings[i] = (struct ping_report){ .dest = "a\"b",
							 .address = i ? "::1" : "127.0.0.1",
							 .up_known = true,
							 .up = !i,
							 .sent = 3,
							 .last_rtt = NAN,
							 .delay_variation = NAN };
	sample->pings[0].received = 3;
	sample->pings[0].last_rtt = 0.002;
	for (size_t i = 0; i < 3; i++)
		ping_histogram_observe(&sample->pings[0].histogram, 0.002);
	for (size_t i = 0; i < 5; i++)
		ping_round_add(&sample->pings[0].round, 0.002);
	sample->pings[0].round_known = true;
	sample->pings[1].errors = sample->errors;
	sample->pings[1].error_count = 1;
	sample->all = sample->pings[0].histogram;
	ping_histogram_observe(&sample->all, 11); /* an address that is no longer pinged */
	report->pings = sample;
}

void sample_rates_of_links(struct report *report)
{
	struct rate_report *link = calloc(1, sizeof(*link));

	assert_non_null(link);
	*link = (struct rate_report){ .interface = "eth0", .capacity = 1.25e8 };
	link->estimate[DIRECTION_INGRESS] = (struct rate_estimate){
		.known = true,
		.bins = 10000,
		.mean = 6e7,
		.variance = 9e14,
		.mu = 17.5,
		.sigma_squared = 0.25,
		.risk = 0.03125,
		.above = 0.0625,
		.peak = { 1e8, 1e8, 9e7 },
		.quantile = { 5e7, 7e7, 8e7, 9e7 },
		.quantile_fit = { 5e7, 7e7, 8e7, 9e7 },
		.fit_distance = 0.03125,
	};
	report->rates = (struct rates_report){ .enabled = true, .links = link, .count = 1 };
	report->rates.sinks[RATE_SINK_FILE] = (struct rate_sink_report){ .set = true, .written = 7 };
}
