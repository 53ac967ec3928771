/* SPDX-License-Identifier: BSD-2-Clause */
/* Passive round-trip times: from the kernel half to the report. A reading that fails leaves the report without them. */
#include <math.h>
#include <netinet/in.h>

#include "app/rtt.h"

#define NS_PER_SECOND 1e9

struct taking {
	struct rtt_book *book;
	int error; /* the first one */
};

static void take_other(void *context, enum rtt_method method, const struct rtt_pair_record *record)
{
	rtt_other(((struct taking *)context)->book, method, record);
}

static void take_pair(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	struct taking *taking = context;
	int error = rtt_pair(taking->book, key, record);

	if (error && !taking->error)
		taking->error = error;
}

static void take_gone(void *context, const struct rtt_pair_key *key, const struct rtt_pair_record *record)
{
	rtt_gone(((struct taking *)context)->book, key, record);
}

static void take_hop(void *context, const struct rtt_hop_key *key, uint64_t count)
{
	struct taking *taking = context;
	int error = rtt_hop(taking->book, key, count);

	if (error && !taking->error)
		taking->error = error;
}

static bool may_have_one(const struct flow_report *flow)
{
	unsigned int protocol = flow->key.protocol;

	return protocol == IPPROTO_TCP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static void of_flows(struct monitor *monitor, struct report *report)
{
	for (size_t i = 0; i < report->flow_count; i++) {
		struct flow_report *flow = &report->flows[i];
		struct rtt_flow rtt;
		bool found;

		if (!may_have_one(flow))
			continue;
		found = monitor_flow_rtt(monitor, &flow->key, &rtt);
		/* A flow that is not answered has no connection, but for the handshake; the first packet does not tell yet. */
		if (flow->key.protocol == IPPROTO_TCP)
			rtt.one_way = flow->unanswered && (found ? rtt.one_way : flow->packets > 1);
		flow->rtt = (struct flow_rtt_report){
			.known = rtt.count > 0,
			.one_way = rtt.one_way,
			.count = rtt.count,
			.last = rtt.count ? (double)rtt.last_ns / NS_PER_SECOND : NAN,
			.min = rtt.count ? (double)rtt.min_ns / NS_PER_SECOND : NAN,
			.smoothed = rtt.count ? (double)rtt.smoothed_ns / NS_PER_SECOND : NAN,
		};
		report->rtt.flows_known += flow->rtt.known;
		report->rtt.flows_one_way += flow->rtt.one_way;
	}
}

struct rtt_config config_kernel_rtt(const struct config_rtt *config)
{
	return (struct rtt_config){
		.enabled = config->enabled,
		.scope = config->scope,
		.max_flows = config->max_flows,
		.max_pairs = config->max_pairs,
	};
}

int rtt_take(struct rtt_book *book, struct monitor *monitor, const struct config_rtt *config,
	     const struct monitor_reading *moment, bool keep_idle, struct report *report)
{
	struct taking taking = { .book = book };
	const struct rtt_visitor visitor = {
		.context = &taking,
		.other = take_other,
		.pair = take_pair,
		.gone = take_gone,
		.hop = take_hop,
	};
	int error;

	if (!config->enabled)
		return 0;
	report->rtt.enabled = true;
	report->rtt.scope = config->scope;
	report->rtt.pairs_limit = config->max_pairs;
	rtt_begin(book, moment->monotonic_ns, moment->realtime_ns);
	error = monitor_read_rtt(monitor, keep_idle ? 0 : moment->monotonic_ns, &visitor, &report->rtt.counts);
	if (!error)
		error = taking.error;
	if (!error)
		error = rtt_report(book, &report->rtt);
	if (!error)
		of_flows(monitor, report);
	return error;
}
