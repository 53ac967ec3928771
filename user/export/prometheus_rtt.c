/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passive round-trip times: a histogram and three gauges a pair and method, and the hops that ended packets' lives. What has
 * no pair of its own is "other": what pairs had that are gone, and what found no room.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>

#include "export/group_address.h"
#include "export/prometheus_internal.h"

#define REST_LABEL "other"
#define NS_PER_SECOND 1e9

struct writing {
	struct exposition_writer *writer;
	const struct rtts_report *rtt;
	bool legacy;
	struct row_labels labels;
};

static void append_ends(struct text *labels, size_t start, const char *src, const char *dst, bool legacy)
{
	label_append(labels, start, "src", src);
	label_append(labels, start, "dst", dst);
	if (!legacy)
		return;
	label_append(labels, start, "Source_IP", src);
	label_append(labels, start, "Destination_IP", dst);
}

static void append_flow(struct text *labels, size_t start, const struct rtt_pair_report *pair)
{
	const char *name = protocol_name(pair->protocol);
	char sport[8], dport[8], number[8];

	snprintf(sport, sizeof(sport), "%u", ntohs(pair->sport));
	snprintf(dport, sizeof(dport), "%u", ntohs(pair->dport));
	snprintf(number, sizeof(number), "%u", pair->protocol);
	label_append(labels, start, "sport", pair->is_rest ? REST_LABEL : sport);
	label_append(labels, start, "dport", pair->is_rest ? REST_LABEL : dport);
	label_append(labels, start, "protocol", pair->is_rest ? REST_LABEL : name ? name : number);
}

static void append_labels(const void *table, size_t row, struct text *labels, size_t start)
{
	const struct writing *writing = table;
	const struct rtt_pair_report *pair = &writing->rtt->pairs[row];
	char src[GROUP_ADDRESS_SIZE] = REST_LABEL, dst[GROUP_ADDRESS_SIZE] = REST_LABEL;

	if (!pair->is_rest) {
		prefix_format(pair->family, pair->src, pair->prefix, src);
		prefix_format(pair->family, pair->dst, pair->prefix, dst);
	}
	append_ends(labels, start, src, dst, writing->legacy);
	if (writing->rtt->scope == RTT_SCOPE_FLOW)
		append_flow(labels, start, pair);
	label_append(labels, start, "method", rtt_method_names[pair->method]);
}

static void write_pairs(const struct writing *writing)
{
	static const struct {
		const char *name, *help;
		size_t member;
	} gauges[] = {
		{ "flowgauge_rtt_last_seconds", "The last round-trip time of the pair.",
		  offsetof(struct rtt_pair_report, last) },
		{ "flowgauge_rtt_min_seconds", "The least round-trip time of the pair.",
		  offsetof(struct rtt_pair_report, min) },
		{ "flowgauge_rtt_smoothed_seconds", "Round-trip time smoothed by an eighth, as in RFC 6298.",
		  offsetof(struct rtt_pair_report, smoothed) },
	};
	const struct rtts_report *rtt = writing->rtt;

	family_begin(writing->writer, "flowgauge_rtt_seconds", FAMILY_HISTOGRAM,
		     "Time from a packet of src passing here to the answer of dst passing here.");
	for (size_t i = 0; i < rtt->pair_count; i++) {
		const struct rtt_pair_report *pair = &rtt->pairs[i];

		sample_histogram(writing->writer, row_labels_of(&writing->labels, i), rtt_bounds, pair->cumulative,
				 RTT_BOUNDS, pair->count, (double)pair->sum_ns / NS_PER_SECOND);
	}
	for (size_t gauge = 0; gauge < sizeof(gauges) / sizeof(gauges[0]); gauge++) {
		family_begin(writing->writer, gauges[gauge].name, FAMILY_GAUGE, gauges[gauge].help);
		for (size_t i = 0; i < rtt->pair_count; i++)
			sample_known(writing->writer, row_labels_of(&writing->labels, i),
				     *(const double *)((const char *)&rtt->pairs[i] + gauges[gauge].member));
	}
}

static void write_methods(struct exposition_writer *writer, const struct rtt_counts *counts)
{
	const struct {
		const char *name, *help;
		const __u64 *values;
	} families[] = {
		{ "flowgauge_rtt_matched", "Round-trip times that were measured.", counts->matched },
		{ "flowgauge_rtt_unmatched",
		  "Packets whose answer did not come within 10 s, or answered more than one.", counts->unmatched },
		{ "flowgauge_rtt_unasked", "Answers to packets that had not been seen.", counts->unasked },
		{ "flowgauge_rtt_skipped", "Packets left out as enough others waited for their answer.",
		  counts->skipped },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		family_begin(writer, families[i].name, FAMILY_COUNTER, families[i].help);
		for (int method = 0; method < RTT_METHODS; method++) {
			/* Most acknowledgements repeat a time stamp: that says nothing, and is not counted. */
			if (families[i].values == counts->unasked && method == RTT_TCP_TIMESTAMP)
				continue;
			sample_u64_of(writer, NO_LABELS, "method", rtt_method_names[method],
				      families[i].values[method]);
		}
	}
}

static void write_bounds(struct exposition_writer *writer, const struct rtts_report *rtt)
{
	family_begin(writer, "flowgauge_rtt_overflow_packets", FAMILY_COUNTER,
		     "Packets not measured as their conversation found no room (rtt.max_flows).");
	sample_u64(writer, NO_LABELS, rtt->counts.overflow);
	family_begin(writer, "flowgauge_rtt_pairs", FAMILY_GAUGE, "Pairs with series of their own.");
	sample_u64(writer, NO_LABELS, rtt->live_pairs);
	family_begin(writer, "flowgauge_rtt_pairs_limit", FAMILY_GAUGE, "Pairs that there can be (metrics.max_pairs).");
	sample_u64(writer, NO_LABELS, rtt->pairs_limit);
}

static void write_hop(struct exposition_writer *writer, struct text *labels, const char *hop, const char *dst,
		      uint64_t count)
{
	text_clear(labels);
	label_append(labels, 0, "hop", hop);
	label_append(labels, 0, "dst", dst);
	sample_u64(writer, labels_of(labels, 0), count);
}

static void write_hops(struct exposition_writer *writer, const struct rtts_report *rtt)
{
	struct text labels = TEXT_EMPTY;

	family_begin(writer, "flowgauge_icmp_time_exceeded", FAMILY_COUNTER,
		     "Messages of a hop that a packet for dst had used up its time to live.");
	for (size_t i = 0; i < rtt->hop_count; i++) {
		char hop[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

		address_format(rtt->hops[i].family, rtt->hops[i].hop, hop);
		address_format(rtt->hops[i].family, rtt->hops[i].dst, dst);
		write_hop(writer, &labels, hop, dst, rtt->hops[i].count);
	}
	if (rtt->hops_rest)
		write_hop(writer, &labels, REST_LABEL, REST_LABEL, rtt->hops_rest);
	text_free(&labels);
}

void write_rtts(struct exposition_writer *writer, const struct rtts_report *rtt, bool legacy)
{
	struct writing writing = { .writer = writer, .rtt = rtt, .legacy = legacy };

	if (!rtt->enabled)
		return;
	if (row_labels_make(&writing.labels, rtt->pair_count, &writing, append_labels)) {
		writer->out->failed = true;
	} else {
		write_pairs(&writing);
		write_methods(writer, &rtt->counts);
		write_bounds(writer, rtt);
		write_hops(writer, rtt);
	}
	row_labels_free(&writing.labels);
}
