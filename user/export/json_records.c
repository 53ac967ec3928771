/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records as docs/metrics.md describes them, members always in the same order and always all there: what is not known,
 * or not measured of this kind of flow, is null.
 */
#include "export/json_records.h"

#include <arpa/inet.h>

#include "export/group_address.h"
#include "export/json_parts.h"
#include "export/json_pings.h"
#include "export/json_rtt.h"
#include "export/rate_records.h"

static const char *const directions[DIRECTIONS] = { "ingress", "egress" };
static const char *const outcomes[OUTCOMES] = {
	[OUTCOME_FLOW] = "flows",        [OUTCOME_OVERFLOW] = "overflow", [OUTCOME_FILTERED] = "filtered",
	[OUTCOME_UNPARSED] = "unparsed", [OUTCOME_NON_IP] = "non_ip",
};

static void member_vlan(struct json_writer *json, const struct flow_key *key)
{
	json_array_open(json, "vlan");
	for (int i = 0; i < VLAN_MAX_DEPTH; i++)
		if (key->vlan[i] & VLAN_PRESENT)
			json_u64(json, NULL, key->vlan[i] & VLAN_ID_MASK);
	json_array_close(json);
}

static void members_key(struct json_writer *json, const struct flow_report *flow)
{
	const struct flow_key *key = &flow->key;

	member_interface(json, flow->interface);
	json_string(json, "direction", directions[key->direction == DIRECTION_EGRESS]);
	member_vlan(json, key);
	member_address(json, "src", key->family, key->src);
	member_address(json, "dst", key->family, key->dst);
	json_u64(json, "sport", ntohs(key->sport));
	json_u64(json, "dport", ntohs(key->dport));
	member_protocol(json, key->protocol);
}

static void member_interarrival(struct json_writer *json, const struct interarrival_report *interarrival)
{
	json_object_open(json, "interarrival");
	json_u64(json, "count", interarrival->count);
	json_double(json, "mean_seconds", interarrival->mean);
	json_double(json, "stddev_seconds", interarrival->stddev);
	json_u64(json, "merged", interarrival->merged);
	json_object_close(json);
}

static void member_sequence(struct json_writer *json, const struct sequence_report *sequence)
{
	bool packets = sequence->kind == SEQUENCE_PACKETS;

	if (sequence->kind == SEQUENCE_NONE) {
		json_null(json, "sequence");
		return;
	}
	json_object_open(json, "sequence");
	json_u64(json, "current", sequence->current);
	json_u64(json, "received", sequence->received);
	json_u64(json, "reverse", sequence->reverse);
	member_u64_if(json, "small", packets, sequence->small);
	json_u64(json, "big", sequence->big);
	member_u64_if(json, "lost", packets, sequence->lost);
	member_u64_if(json, "duplicate", packets, sequence->duplicate);
	member_u64_if(json, "reordered", packets, sequence->reordered);
	json_object_close(json);
}

static void member_tcp(struct json_writer *json, const struct tcp_report *tcp)
{
	if (!tcp->known) {
		json_null(json, "tcp");
		return;
	}
	json_object_open(json, "tcp");
	json_u64(json, "retransmitted_packets", tcp->retransmitted_packets);
	json_u64(json, "retransmitted_bytes", tcp->retransmitted_bytes);
	json_u64(json, "out_of_order", tcp->out_of_order);
	json_u64(json, "lost_segments", tcp->lost_segments);
	json_u64(json, "syn", tcp->syn);
	json_u64(json, "fin", tcp->fin);
	json_u64(json, "rst", tcp->rst);
	json_u64(json, "zero_window", tcp->zero_window);
	json_object_close(json);
}

void record_flow(struct json_writer *json, const struct report *report, const struct flow_report *flow)
{
	record_open(json, "flow", report->time_ns);
	json_double(json, "interval_seconds", report->interval);
	members_key(json, flow);
	json_u64(json, "packets", flow->packets);
	json_u64(json, "bytes", flow->bytes);
	json_u64(json, "payload_bytes", flow->payload_bytes);
	member_time(json, "first_seen", flow->first_seen_ns);
	member_time(json, "last_seen", flow->last_seen_ns);
	json_double(json, "throughput_bytes_per_second", flow->throughput);
	json_double(json, "goodput_bytes_per_second", flow->goodput);
	member_interarrival(json, &flow->interarrival);
	member_sequence(json, &flow->sequence);
	member_tcp(json, &flow->tcp);
	member_flow_rtt(json, &flow->rtt);
	json_object_close(json);
}

static void member_prefix(struct json_writer *json, const char *key, bool known, const struct group_report *row,
			  const void *address, unsigned int length)
{
	char text[GROUP_ADDRESS_SIZE];

	if (!known) {
		json_null(json, key);
		return;
	}
	group_address_format(row, address, length, text);
	json_string(json, key, text);
}

static void members_group_key(struct json_writer *json, const struct group_report *row)
{
	unsigned int known = row->is_rest ? 0 : row->parts;

	if (known & GROUP_BY_INTERFACE)
		member_interface(json, row->interface);
	else
		json_null(json, "interface");
	json_string(json, "direction",
		    known & GROUP_BY_DIRECTION ? directions[row->key.direction == DIRECTION_EGRESS] : NULL);
	member_prefix(json, "src", known & GROUP_BY_SRC, row, row->key.src, row->src_prefix);
	member_prefix(json, "dst", known & GROUP_BY_DST, row, row->key.dst, row->dst_prefix);
	member_u64_if(json, "sport", known & GROUP_BY_SPORT, ntohs(row->key.sport));
	member_u64_if(json, "dport", known & GROUP_BY_DPORT, ntohs(row->key.dport));
	if (known & GROUP_BY_PROTOCOL)
		member_protocol(json, row->key.protocol);
	else
		json_null(json, "protocol");
}

void record_group(struct json_writer *json, const struct report *report, const struct group_report *row)
{
	record_open(json, "group", report->time_ns);
	json_double(json, "interval_seconds", report->interval);
	json_string(json, "group", row->group);
	json_bool(json, "other", row->is_rest);
	members_group_key(json, row);
	json_u64(json, "flows", row->flows);
	json_u64(json, "packets", row->packets);
	json_u64(json, "bytes", row->bytes);
	json_u64(json, "payload_bytes", row->payload_bytes);
	json_double(json, "throughput_bytes_per_second", row->throughput);
	json_object_close(json);
}

static void member_tally(struct json_writer *json, const char *key, const struct tally *tally)
{
	json_object_open(json, key);
	json_u64(json, "packets", tally->packets);
	json_u64(json, "bytes", tally->bytes);
	json_object_close(json);
}

void record_total(struct json_writer *json, const struct report *report, const struct total_report *total)
{
	record_open(json, "total", report->time_ns);
	member_interface(json, total->interface);
	json_string(json, "direction", directions[total->direction]);
	member_tally(json, "seen", &total->seen);
	for (int outcome = 0; outcome < OUTCOMES; outcome++)
		member_tally(json, outcomes[outcome], &total->outcome[outcome]);
	json_u64(json, "unaccounted_packets", total->unaccounted_packets);
	if (total->residual_known)
		json_i64(json, "residual_packets", total->residual_packets);
	else
		json_null(json, "residual_packets");
	json_object_close(json);
}

static void member_device_side(struct json_writer *json, const char *key, const struct device_tally *tally)
{
	json_object_open(json, key);
	json_u64(json, "packets", tally->packets);
	json_u64(json, "bytes", tally->bytes);
	json_u64(json, "errors", tally->errors);
	json_u64(json, "drops", tally->drops);
	json_object_close(json);
}

void record_device(struct json_writer *json, const struct report *report, const struct device_report *device)
{
	const struct device_facts *facts = &device->facts;

	record_open(json, "interface", report->time_ns);
	member_interface(json, device->name);
	json_bool(json, "present", device->present);
	if (device->present && facts->up)
		json_bool(json, "carrier", facts->carrier);
	else
		json_null(json, "carrier");
	member_u64_if(json, "mtu_bytes", device->present, facts->mtu);
	member_u64_if(json, "speed_bytes_per_second", device->present && facts->speed, facts->speed);
	member_device_side(json, "receive", &device->sides[DIRECTION_INGRESS]);
	member_device_side(json, "transmit", &device->sides[DIRECTION_EGRESS]);
	json_object_close(json);
}

void record_lines(const struct report *report, struct text *out)
{
	const struct flow_report *flows = report_flows(report);
	struct json_writer json;

	for (size_t i = 0; i < report->flow_count; i++) {
		json_begin(&json, out);
		record_flow(&json, report, &flows[i]);
		text_append_char(out, '\n');
	}
	for (size_t i = 0; i < report->total_count; i++) {
		json_begin(&json, out);
		record_total(&json, report, &report->totals[i]);
		text_append_char(out, '\n');
	}
	for (size_t i = 0; i < report->group_count; i++) {
		json_begin(&json, out);
		record_group(&json, report, &report->groups[i]);
		text_append_char(out, '\n');
	}
	for (size_t i = 0; i < report->device_count; i++) {
		json_begin(&json, out);
		record_device(&json, report, &report->devices[i]);
		text_append_char(out, '\n');
	}
	record_ping_lines(report, out);
	record_rtt_lines(report, out);
	if (report->rates.due)
		record_rate_lines(&report->rates, report->time_ns, out);
}

void record_groups_document(const struct report *report, struct text *out)
{
	struct json_writer json;

	document_open(&json, out, report->time_ns);
	json_double(&json, "interval_seconds", report->interval);
	json_array_open(&json, "groups");
	for (size_t i = 0; i < report->group_count; i++)
		record_group(&json, report, &report->groups[i]);
	json_array_close(&json);
	json_object_close(&json);
}

void record_totals_document(const struct report *report, struct text *out)
{
	struct json_writer json;

	document_open(&json, out, report->time_ns);
	json_array_open(&json, "totals");
	for (size_t i = 0; i < report->total_count; i++)
		record_total(&json, report, &report->totals[i]);
	json_array_close(&json);
	json_object_close(&json);
}
