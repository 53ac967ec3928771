/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/json_rtt.h"

#include <arpa/inet.h>
#include <math.h>

#include "export/group_address.h"
#include "export/json_parts.h"

#define NS_PER_SECOND 1e9
#define ONE_WAY "only one direction of the traffic passes here: round-trip times cannot be known"

static void member_end(struct json_writer *json, const char *key, const struct rtt_pair_report *pair,
		       const void *address)
{
	char text[GROUP_ADDRESS_SIZE];

	if (pair->is_rest) {
		json_null(json, key);
		return;
	}
	prefix_format(pair->family, address, pair->prefix, text);
	json_string(json, key, text);
}

static void members_flow(struct json_writer *json, const struct rtt_pair_report *pair, bool known)
{
	if (!known) {
		json_null(json, "sport");
		json_null(json, "dport");
		json_null(json, "protocol");
		return;
	}
	json_u64(json, "sport", ntohs(pair->sport));
	json_u64(json, "dport", ntohs(pair->dport));
	member_protocol(json, pair->protocol);
}

static void member_spread(struct json_writer *json, const char *key, const struct rtt_spread *spread)
{
	json_object_open(json, key);
	json_u64(json, "count", spread->count);
	json_double(json, "mean_seconds", spread->mean);
	json_double(json, "p50_seconds", spread->p50);
	json_double(json, "p95_seconds", spread->p95);
	json_double(json, "p99_seconds", spread->p99);
	json_object_close(json);
}

static void record_pair(struct json_writer *json, const struct report *report, const struct rtt_pair_report *pair)
{
	record_open(json, "rtt", report->time_ns);
	json_double(json, "interval_seconds", report->interval);
	json_bool(json, "other", pair->is_rest);
	member_end(json, "src", pair, pair->src);
	member_end(json, "dst", pair, pair->dst);
	members_flow(json, pair, report->rtt.scope == RTT_SCOPE_FLOW && !pair->is_rest);
	json_string(json, "method", rtt_method_names[pair->method]);
	json_u64(json, "count", pair->count);
	json_double(json, "sum_seconds", (double)pair->sum_ns / NS_PER_SECOND);
	json_double(json, "min_seconds", pair->min);
	json_double(json, "last_seconds", pair->last);
	json_double(json, "smoothed_seconds", pair->smoothed);
	member_time_if(json, "last_seen", pair->last_seen_ns, pair->last_seen_ns);
	member_spread(json, "interval", &pair->interval);
	member_spread(json, "total", &pair->total);
	json_object_close(json);
}

void record_rtt_lines(const struct report *report, struct text *out)
{
	struct json_writer json;

	for (size_t i = 0; i < report->rtt.pair_count; i++) {
		if (!report->rtt.pairs[i].interval.count)
			continue;
		json_begin(&json, out);
		record_pair(&json, report, &report->rtt.pairs[i]);
		text_append_char(out, '\n');
	}
}

static void member_hops(struct json_writer *json, const struct rtts_report *rtt)
{
	json_array_open(json, "hops");
	for (size_t i = 0; i < rtt->hop_count; i++) {
		const struct hop_report *hop = &rtt->hops[i];

		json_object_open(json, NULL);
		member_address(json, "hop", hop->family, hop->hop);
		member_address(json, "dst", hop->family, hop->dst);
		json_u64(json, "time_exceeded", hop->count);
		json_object_close(json);
	}
	json_array_close(json);
}

static void member_methods(struct json_writer *json, const char *key, const __u64 values[RTT_METHODS])
{
	json_object_open(json, key);
	for (int method = 0; method < RTT_METHODS; method++)
		json_u64(json, rtt_method_names[method], values[method]);
	json_object_close(json);
}

static void member_counts(struct json_writer *json, const struct rtt_counts *counts)
{
	json_object_open(json, "counts");
	member_methods(json, "matched", counts->matched);
	member_methods(json, "unmatched", counts->unmatched);
	member_methods(json, "unasked", counts->unasked);
	member_methods(json, "skipped", counts->skipped);
	json_u64(json, "overflow_packets", counts->overflow);
	json_u64(json, "pairs_overflow", counts->pairs_overflow);
	json_u64(json, "hops_overflow", counts->hops_overflow);
	json_u64(json, "memory_bytes", counts->connections_bytes + counts->pairs_bytes);
	json_object_close(json);
}

static uint64_t matched_of(const struct rtts_report *rtt)
{
	uint64_t matched = 0;

	for (int method = 0; method < RTT_METHODS; method++)
		matched += rtt->counts.matched[method];
	return matched;
}

static void members_state(struct json_writer *json, const struct rtts_report *rtt)
{
	bool one_way = rtt->enabled && rtt->flows_one_way && !matched_of(rtt);

	json_bool(json, "enabled", rtt->enabled);
	json_string(json, "scope", rtt->enabled ? rtt_scope_names[rtt->scope] : NULL);
	json_u64(json, "pairs_live", rtt->live_pairs);
	json_u64(json, "pairs_limit", rtt->pairs_limit);
	json_u64(json, "flows_known", rtt->flows_known);
	json_u64(json, "flows_one_way", rtt->flows_one_way);
	json_string(json, "note", one_way ? ONE_WAY : NULL);
}

void member_rtt_status(struct json_writer *json, const struct rtts_report *rtt)
{
	json_object_open(json, "rtt");
	members_state(json, rtt);
	json_object_close(json);
}

void record_rtt_document(const struct report *report, struct text *out)
{
	struct json_writer json;

	document_open(&json, out, report->time_ns);
	json_double(&json, "interval_seconds", report->interval);
	members_state(&json, &report->rtt);
	json_array_open(&json, "pairs");
	for (size_t i = 0; i < report->rtt.pair_count; i++)
		record_pair(&json, report, &report->rtt.pairs[i]);
	json_array_close(&json);
	member_hops(&json, &report->rtt);
	member_counts(&json, &report->rtt.counts);
	json_object_close(&json);
}

void member_flow_rtt(struct json_writer *json, const struct flow_rtt_report *rtt)
{
	if (!rtt->known && !rtt->one_way) {
		json_null(json, "rtt");
		return;
	}
	json_object_open(json, "rtt");
	json_u64(json, "count", rtt->known ? rtt->count : 0);
	json_double(json, "last_seconds", rtt->known ? rtt->last : NAN);
	json_double(json, "min_seconds", rtt->known ? rtt->min : NAN);
	json_double(json, "smoothed_seconds", rtt->known ? rtt->smoothed : NAN);
	json_bool(json, "one_way", rtt->one_way);
	json_object_close(json);
}
